package stamp

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// magic begins a proof; version 1, and the digest is a SHA-256.
const magic = "\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"

// Operations and attestations, as OpenTimestamps numbers them.
const (
	opSHA1    = 0x02
	opRIPEMD  = 0x03
	opSHA256  = 0x08
	opKeccak  = 0x67
	opAppend  = 0xf0
	opPrepend = 0xf1
	opReverse = 0xf2
	opHexlify = 0xf3

	tagBitcoin = "\x05\x88\x96\x0d\x73\xd7\x19\x01"
	tagPending = "\x83\xdf\xe3\x0d\x2e\xf9\x0c\x8e"
)

// Limits of a proof: those of OpenTimestamps where it has some, and the work of
// one proof in all.
const (
	maxDepth   = 256
	maxMessage = 4096
	maxPayload = 8192
	maxURI     = 1000
	maxNodes   = 4096
	maxWork    = 512 << 10 // bytes of messages
)

// Proof is a tree of operations from a root to those who attest.
type Proof struct {
	Root [32]byte
	top  *node
}

type node struct {
	words []attestation
	ways  []way
}

type way struct {
	op  byte
	arg []byte
	to  *node
}

type attestation struct {
	tag     string
	payload []byte
	message []byte // what it is about
}

// Block is a Bitcoin block whose header commits to the root, if its merkle root
// is Merkle.
type Block struct {
	Height uint64
	Merkle string // as block explorers show it
}

// Waiting is a calendar that promised to go on.
type Waiting struct {
	Calendar string
	Message  string // hexadecimal: what to ask it for
}

// NewProof begins a proof: what is sent to calendars is a hash over the root and
// 16 random bytes, so they do not even learn the root.
func NewProof(root [32]byte, salt [16]byte) (p *Proof, send [32]byte) {
	send = sha256.Sum256(append(root[:], salt[:]...))
	return &Proof{root, &node{ways: []way{{opAppend, salt[:], &node{ways: []way{{opSHA256, nil, &node{}}}}}}}}, send
}

// reader reads a proof.
type reader struct {
	b     []byte
	nodes int
	work  int
}

func (r *reader) byte() (byte, error) {
	if len(r.b) == 0 {
		return 0, form("a proof that is cut off")
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c, nil
}

func (r *reader) number() (n uint64, err error) {
	for shift := 0; shift < 63; shift += 7 {
		c, err := r.byte()
		if err != nil {
			return 0, err
		}
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n, nil
		}
	}
	return 0, form("a number that is too large")
}

func (r *reader) bytes(least, most uint64) ([]byte, error) {
	n, err := r.number()
	if err != nil {
		return nil, err
	}
	if n < least || n > most || n > uint64(len(r.b)) {
		return nil, form("a length that cannot be")
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b, nil
}

// node reads what follows from a message.
func (r *reader) node(message []byte, depth int) (*node, error) {
	if r.nodes, r.work = r.nodes+1, r.work+len(message); depth > maxDepth || r.nodes > maxNodes || r.work > maxWork {
		return nil, form("a proof that is too deep or too long")
	}
	n := &node{}
	for {
		c, err := r.byte()
		if err != nil {
			return nil, err
		}
		more := c == 0xff
		if more {
			if c, err = r.byte(); err != nil {
				return nil, err
			}
		}
		if c == 0 {
			err = r.attestation(n, message)
		} else {
			err = r.way(n, c, message, depth)
		}
		if err != nil || !more {
			return n, err
		}
		if r.nodes++; r.nodes > maxNodes {
			return nil, form("a proof that is too deep or too long")
		}
	}
}

func (r *reader) attestation(n *node, message []byte) error {
	if len(r.b) < 8 {
		return form("a proof that is cut off")
	}
	tag := string(r.b[:8])
	r.b = r.b[8:]
	p, err := r.bytes(0, maxPayload)
	n.words = append(n.words, attestation{tag, p, message})
	return err
}

func (r *reader) way(n *node, op byte, message []byte, depth int) error {
	var arg, next []byte
	var err error
	if op == opAppend || op == opPrepend {
		if arg, err = r.bytes(1, maxMessage); err != nil {
			return err
		}
	}
	switch op {
	case opAppend:
		next = slices.Concat(message, arg)
	case opPrepend:
		next = slices.Concat(arg, message)
	case opReverse:
		next = slices.Clone(message)
		slices.Reverse(next)
	case opHexlify:
		next = []byte(hex.EncodeToString(message))
	case opSHA256:
		h := sha256.Sum256(message)
		next = h[:]
	case opSHA1:
		h := sha1.Sum(message)
		next = h[:]
	case opRIPEMD, opKeccak:
		return form("a hash that is not known here")
	default:
		return form("an operation that is not known")
	}
	if len(next) > maxMessage {
		return form("a message that is too long")
	}
	to, err := r.node(next, depth+1)
	n.ways = append(n.ways, way{op, arg, to})
	return err
}

// ReadProof reads a proof and checks that it begins at the root. Errors wrap
// ErrForm or ErrOther.
func ReadProof(b []byte, root [32]byte) (*Proof, error) {
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok || len(b) > MaxToken || len(rest) < 32 {
		return nil, form("no proof of OpenTimestamps")
	}
	if !bytes.Equal(rest[:32], root[:]) {
		return nil, ErrOther
	}
	r := &reader{b: rest[32:]}
	top, err := r.node(root[:], 0)
	if err == nil && len(r.b) > 0 {
		err = form("something behind the proof")
	}
	if err != nil {
		return nil, err
	}
	return &Proof{root, top}, nil
}

// each visits every node with the message there.
func (n *node) each(f func(*node)) {
	f(n)
	for _, w := range n.ways {
		w.to.each(f)
	}
}

// Blocks are the Bitcoin blocks that commit to the root.
func (p *Proof) Blocks() (list []Block) {
	p.top.each(func(n *node) {
		for _, a := range n.words {
			r := &reader{b: a.payload}
			height, err := r.number()
			if a.tag != tagBitcoin || err != nil || len(r.b) > 0 || len(a.message) != 32 {
				continue
			}
			m := slices.Clone(a.message)
			slices.Reverse(m) // Bitcoin shows hashes from the end
			list = append(list, Block{height, hex.EncodeToString(m)})
		}
	})
	return list
}

// calendar is the address in a promise, empty for other attestations.
func (a attestation) calendar() string {
	r := &reader{b: a.payload}
	u, err := r.bytes(0, maxURI)
	if a.tag != tagPending || err != nil || len(r.b) > 0 || strings.Trim(string(u), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:") != "" {
		return ""
	}
	return string(u)
}

// Waiting lists the calendars that promised to go on.
func (p *Proof) Waiting() (list []Waiting) {
	p.top.each(func(n *node) {
		for _, a := range n.words {
			if u := a.calendar(); u != "" {
				list = append(list, Waiting{u, hex.EncodeToString(a.message)})
			}
		}
	})
	return list
}

// Promise takes a calendar's answer to what NewProof, which must have begun
// this proof, said to send.
func (p *Proof) Promise(answer []byte) error {
	message := sha256.Sum256(slices.Concat(p.Root[:], p.top.ways[0].arg))
	return take(p.top.ways[0].to.ways[0].to, answer, message[:])
}

func take(at *node, answer, message []byte) error {
	if len(answer) > MaxToken {
		return form("an answer that is too long")
	}
	r := &reader{b: answer}
	n, err := r.node(message, 1)
	if err == nil && len(r.b) > 0 {
		err = form("something behind the answer")
	}
	if err != nil {
		return err
	}
	at.words, at.ways = append(at.words, n.words...), append(at.ways, n.ways...)
	return nil
}

// Upgrade takes a calendar's answer to a promise. The promise stays until the
// answer reaches a block. It reports whether it did.
func (p *Proof) Upgrade(w Waiting, answer []byte) (done bool, err error) {
	message, bad := hex.DecodeString(w.Message)
	if bad != nil {
		return false, fmt.Errorf("%w: no message", ErrForm)
	}
	before := len(p.Blocks())
	p.top.each(func(n *node) {
		for i, a := range n.words {
			if done || err != nil || a.calendar() != w.Calendar || !bytes.Equal(a.message, message) {
				continue
			}
			if err = take(n, answer, message); err == nil && len(p.Blocks()) > before {
				n.words, done = slices.Delete(n.words, i, i+1), true
			}
			return
		}
	})
	return done, err
}

// Bytes is the proof as a file.
func (p *Proof) Bytes() []byte {
	b := append([]byte(magic), p.Root[:]...)
	return p.top.write(b)
}

func (n *node) write(b []byte) []byte {
	left := len(n.words) + len(n.ways)
	next := func() {
		if left--; left > 0 {
			b = append(b, 0xff)
		}
	}
	for _, a := range n.words {
		next()
		b = append(append(b, 0), a.tag...)
		b = append(number(b, uint64(len(a.payload))), a.payload...)
	}
	for _, w := range n.ways {
		next()
		b = append(b, w.op)
		if w.op == opAppend || w.op == opPrepend {
			b = append(number(b, uint64(len(w.arg))), w.arg...)
		}
		b = w.to.write(b)
	}
	return b
}

func number(b []byte, n uint64) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
