package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/net/dns/dnsmessage"
)

// Type is a DNS record type that answers travel in.
type Type = dnsmessage.Type

// The types that tunnels use. spec/dns.md, 2.2.
const (
	TXT  = dnsmessage.TypeTXT
	NULL = Type(10) // RFC 1035, 3.3.10
	AAAA = dnsmessage.TypeAAAA
)

// Sizes of DNS messages, in bytes.
const (
	PlainSize = 512  // without EDNS; RFC 1035, 4.2.1
	EDNSSize  = 1232 // passes every path unfragmented
	MaxPacket = 4096 // read at most
	headSize  = 12
	optSize   = 11
	rrSize    = 12 // of a record whose name is a pointer
	txtPart   = 255
	quad      = 15 // payload bytes of one AAAA
	quads     = 32
	quadFirst = 0x20 // addresses from 2000::/3 are let through where others are filtered
)

// ErrPacket: bytes that are no DNS message of use here.
var ErrPacket = errors.New("dns: not a message of use")

// Query asks for a name. edns is the largest answer that the asker takes, or 0
// for a query without EDNS.
func Query(id uint16, name string, t Type, edns int) ([]byte, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	b := dnsmessage.NewBuilder(make([]byte, 0, PlainSize), dnsmessage.Header{ID: id, RecursionDesired: true})
	err = errors.Join(b.StartQuestions(), b.Question(dnsmessage.Question{Name: n, Type: t, Class: dnsmessage.ClassINET}))
	if edns > 0 {
		err = errors.Join(err, addOPT(&b, edns))
	}
	return finish(&b, err)
}

func addOPT(b *dnsmessage.Builder, size int) error {
	var h dnsmessage.ResourceHeader
	return errors.Join(b.StartAdditionals(), h.SetEDNS0(size, dnsmessage.RCodeSuccess, false), b.OPTResource(h, dnsmessage.OPTResource{}))
}

func finish(b *dnsmessage.Builder, err error) ([]byte, error) {
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	m, err := b.Finish()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return m, nil
}

// Question is a query as a server sees it.
type Question struct {
	dnsmessage.Header
	dnsmessage.Question
	EDNS bool
	Size int // bytes of the largest answer that the asker takes
	Len  int // bytes of the query
}

// ParseQuestion reads a query. Where only the header could be read, ok is false
// and an error may be answered; with an error not even that.
func ParseQuestion(b []byte) (q Question, ok bool, err error) {
	var p dnsmessage.Parser
	q.Len, q.Size = len(b), PlainSize
	if len(b) > MaxPacket {
		return q, false, ErrPacket
	}
	if q.Header, err = p.Start(b); err != nil || q.Response {
		return q, false, ErrPacket
	}
	list, err := p.AllQuestions()
	if err != nil || len(list) != 1 {
		return q, false, nil
	}
	q.Question = list[0]
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return q, false, nil
	}
	for {
		h, err := p.AdditionalHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return q, true, nil
		}
		if err != nil {
			return q, false, nil
		}
		if h.Type == dnsmessage.TypeOPT {
			q.EDNS, q.Size = true, min(max(int(h.Class), PlainSize), EDNSSize)
		}
		if p.SkipAdditional() != nil {
			return q, false, nil
		}
	}
}

// Room is how many bytes of payload an answer of so many bytes to q has room for.
func (q Question) Room(size int) int {
	left := min(size, q.Size) - headSize - q.wire()
	if q.EDNS {
		left -= optSize
	}
	switch q.Type {
	case TXT:
		left -= rrSize
		return max(left-(left+txtPart)/(txtPart+1), 0)
	case NULL:
		return max(left-rrSize, 0)
	case AAAA:
		return max(min(left/(rrSize+16), quads)*quad-2, 0)
	}
	return 0
}

// wire is how long the question is in a message.
func (q Question) wire() int { return int(q.Name.Length) + 1 + 4 }

// Reply answers a question with a payload.
func Reply(q Question, payload []byte) ([]byte, error) {
	return build(q, dnsmessage.RCodeSuccess, func(b *dnsmessage.Builder) error {
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		err := b.StartAnswers()
		switch q.Type {
		case TXT:
			var parts []string
			for p := range slices.Chunk(payload, txtPart) {
				parts = append(parts, string(p))
			}
			return errors.Join(err, b.TXTResource(h, dnsmessage.TXTResource{TXT: parts}))
		case NULL:
			return errors.Join(err, b.UnknownResource(h, dnsmessage.UnknownResource{Type: NULL, Data: payload}))
		case AAAA:
			data := append(binary.BigEndian.AppendUint16(nil, uint16(len(payload))), payload...)
			i := byte(quadFirst)
			for p := range slices.Chunk(data, quad) {
				r := dnsmessage.AAAAResource{AAAA: [16]byte{i}}
				copy(r.AAAA[1:], p)
				err = errors.Join(err, b.AAAAResource(h, r))
				i++
			}
			return err
		}
		return ErrPacket
	})
}

// build writes an answer; the question goes back letter for letter.
func build(q Question, code dnsmessage.RCode, fill func(*dnsmessage.Builder) error) ([]byte, error) {
	b := dnsmessage.NewBuilder(make([]byte, 0, q.Size), dnsmessage.Header{
		ID: q.ID, Response: true, OpCode: q.OpCode, Authoritative: code != dnsmessage.RCodeRefused, RecursionDesired: q.RecursionDesired, RCode: code,
	})
	b.EnableCompression()
	var err error
	if q.Name.Length > 0 {
		err = errors.Join(b.StartQuestions(), b.Question(q.Question))
	}
	if fill != nil && err == nil {
		err = fill(&b)
	}
	if q.EDNS && err == nil {
		err = addOPT(&b, EDNSSize)
	}
	return finish(&b, err)
}

// Say answers a question with what f puts into it, section after section.
func Say(q Question, f func(*dnsmessage.Builder) error) ([]byte, error) {
	return build(q, dnsmessage.RCodeSuccess, f)
}

// Fail answers with a code and nothing else.
func Fail(q Question, code dnsmessage.RCode) ([]byte, error) { return build(q, code, nil) }

// Payload takes the payload out of an answer to a query of that name and type;
// name is in lower case. Answers of others have none.
func Payload(b []byte) (id uint16, name string, payload []byte, err error) {
	var p dnsmessage.Parser
	if len(b) > MaxPacket {
		return 0, "", nil, ErrPacket
	}
	h, err := p.Start(b)
	if err != nil || !h.Response {
		return 0, "", nil, ErrPacket
	}
	list, err := p.AllQuestions()
	if err != nil || len(list) != 1 {
		return h.ID, "", nil, ErrPacket
	}
	name = list[0].Name.String()
	if h.RCode != dnsmessage.RCodeSuccess || h.Truncated {
		return h.ID, name, nil, ErrPacket
	}
	payload, err = answers(&p, list[0].Type)
	return h.ID, name, payload, err
}

func answers(p *dnsmessage.Parser, t Type) (payload []byte, err error) {
	var parts [quads][]byte
	n := 0
	for {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return nil, ErrPacket
		}
		switch {
		case h.Type != t:
			err = p.SkipAnswer()
		case t == TXT && payload == nil:
			var r dnsmessage.TXTResource
			if r, err = p.TXTResource(); err == nil {
				for _, s := range r.TXT {
					payload = append(payload, s...)
				}
			}
		case t == NULL && payload == nil:
			var r dnsmessage.UnknownResource
			r, err = p.UnknownResource()
			payload = r.Data
		case t == AAAA:
			var r dnsmessage.AAAAResource
			r, err = p.AAAAResource()
			if i := int(r.AAAA[0]) - quadFirst; err == nil && i >= 0 && i < quads && parts[i] == nil {
				parts[i] = r.AAAA[1:]
				n++
			}
		default:
			err = p.SkipAnswer()
		}
		if err != nil {
			return nil, ErrPacket
		}
	}
	if t == AAAA {
		payload = join(parts[:n])
	}
	if len(payload) == 0 {
		return nil, ErrPacket
	}
	return payload, nil
}

// join puts AAAA records in order; a resolver may have turned them.
func join(parts [][]byte) []byte {
	data := slices.Concat(parts...)
	if len(data) < 2 {
		return nil
	}
	n := int(binary.BigEndian.Uint16(data))
	if data = data[2:]; n > len(data) {
		return nil
	}
	return data[:n]
}
