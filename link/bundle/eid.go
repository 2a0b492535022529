package bundle

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Schemes of endpoint ids. RFC 9171, 9.7
const (
	schemeDTN = 1
	schemeIPN = 2
)

// MaxName is how long a dtn name may be, in bytes.
const MaxName = 255

// ErrEID: not an endpoint id that can be used.
var ErrEID = errors.New("bundle: an endpoint id looks like dtn://NODE/SERVICE, dtn://GROUP/~SERVICE or ipn:NODE.SERVICE")

// EID names an endpoint: a place in a delay-tolerant network. The zero EID is
// dtn:none, nobody.
type EID struct {
	name          string // of dtn: what follows "dtn:", as //node/service
	ipn           bool
	node, service uint64 // of ipn; an allocator stands in node's upper half (RFC 9758, 3.2)
}

// None reports whether e is dtn:none or ipn:0.0, which are nobody. RFC 9758, 3.4.1
func (e EID) None() bool { return e.name == "" && e.node == 0 && e.service == 0 }

// ParseEID reads the usual way of writing, for a destination or a node: nobody,
// and the places that only mean something on one machine, are refused.
func ParseEID(s string) (EID, error) {
	if rest, ok := strings.CutPrefix(s, "dtn:"); ok {
		e := EID{name: rest}
		if !goodName(rest) {
			return EID{}, fmt.Errorf("%w, not %q", ErrEID, s)
		}
		return e, nil
	}
	rest, ok := strings.CutPrefix(s, "ipn:")
	parts := strings.Split(rest, ".")
	if !ok || len(parts) < 2 || len(parts) > 3 {
		return EID{}, fmt.Errorf("%w, not %q", ErrEID, s)
	}
	var n [3]uint64 // allocator, node, service
	for i, p := range parts {
		bits := 32
		if i == len(parts)-1 {
			bits = 64
		}
		v, err := strconv.ParseUint(p, 10, bits)
		if err != nil || len(p) > 1 && p[0] == '0' {
			return EID{}, fmt.Errorf("%w, not %q", ErrEID, s)
		}
		n[3-len(parts)+i] = v
	}
	e := EID{ipn: true, node: n[0]<<32 | n[1], service: n[2]}
	if e.node == 0 || n[1] == 1<<32-1 { // nobody; this very machine. RFC 9758, 3.4
		return EID{}, fmt.Errorf("%w; node 0 is nobody and the last one this very machine, so not %q", ErrEID, s)
	}
	return e, nil
}

// goodName tells //NODE/SERVICE, in characters that every scheme allows.
// RFC 9171, 4.2.5.1.1
func goodName(s string) bool {
	rest, ok := strings.CutPrefix(s, "//")
	node, _, slash := strings.Cut(rest, "/")
	if !ok || !slash || node == "" || len(s) > MaxName {
		return false
	}
	for _, r := range s {
		if r <= 0x20 || r >= 0x7f || r == ',' {
			return false
		}
	}
	return true
}

// String writes e the usual way.
func (e EID) String() string {
	switch {
	case !e.ipn && e.name == "":
		return "dtn:none"
	case !e.ipn:
		return "dtn:" + e.name
	case e.node>>32 != 0:
		return fmt.Sprintf("ipn:%d.%d.%d", e.node>>32, e.node&(1<<32-1), e.service)
	}
	return fmt.Sprintf("ipn:%d.%d", e.node, e.service)
}

// Node is the node of e: dtn://node/ or ipn:node.0. RFC 9171, 4.2.5.2
func (e EID) Node() EID {
	if e.ipn {
		return EID{ipn: true, node: e.node}
	}
	rest, ok := strings.CutPrefix(e.name, "//")
	if node, _, slash := strings.Cut(rest, "/"); ok && slash {
		return EID{name: "//" + node + "/"}
	}
	return e
}

// Group reports whether e stands for any number of nodes. RFC 9171, 4.2.5.1.1
func (e EID) Group() bool {
	_, service, ok := strings.Cut(strings.TrimPrefix(e.name, "//"), "/")
	return ok && strings.HasPrefix(service, "~")
}

func appendEID(b []byte, e EID) []byte {
	b = appendHead(b, cborArray, 2)
	switch {
	case e.ipn:
		// Two numbers: that is what every node knows. RFC 9758, 6.1
		b = appendHead(appendHead(b, cborUint, schemeIPN), cborArray, 2)
		return appendHead(appendHead(b, cborUint, e.node), cborUint, e.service)
	case e.name == "":
		return appendHead(appendHead(b, cborUint, schemeDTN), cborUint, 0)
	}
	b = appendHead(appendHead(b, cborUint, schemeDTN), cborText, uint64(len(e.name)))
	return append(b, e.name...)
}

// eid reads an endpoint id. What may not be typed may still stand in a bundle:
// it is only compared.
func (c *cursor) eid() (e EID) {
	if c.array() != 2 {
		c.bad = true
		return
	}
	switch c.uint() {
	case schemeDTN:
		if c.peekMajor() == cborUint {
			c.bad = c.uint() != 0 || c.bad
			return
		}
		s := c.string(cborText)
		if len(s) == 0 || len(s) > MaxName {
			c.bad = true
			return
		}
		e.name = string(s)
	case schemeIPN:
		e.ipn = true
		switch c.array() {
		case 2:
			e.node, e.service = c.uint(), c.uint()
		case 3: // RFC 9758, 6.1.2
			allocator, node := c.uint(), c.uint()
			c.bad = c.bad || allocator >= 1<<32 || node >= 1<<32
			e.node, e.service = allocator<<32|node, c.uint()
		default:
			c.bad = true
		}
	default:
		c.bad = true
	}
	return
}
