package seal_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The second decoder: written from spec/envelope.md and spec/seal.md, with
// nothing of the project imported and nothing shared with the first. Where
// the two disagree, one of them or the specification is wrong.

// cursor eats a byte string from the front.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) eat(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.bad = true
		return bytes.Repeat([]byte{0}, min(max(n, 0), 64))
	}
	out := c.rest[:n]
	c.rest = c.rest[n:]
	return out
}

func (c *cursor) num(n int) (v uint64) {
	for _, b := range c.eat(n) {
		v = v*256 + uint64(b)
	}
	return v
}

type secondUnitFields struct {
	class, shard int
	expiry       int
	key          string
	tag          string
	id           string
	head, body   string
	proves       string
	stamped      string
	issuer, rsa  string
}

// secondUnit reads a unit's layout: spec/envelope.md, 2 and 4; spec/postage.md, 2.
func secondUnit(b []byte) (u secondUnitFields, ok bool) {
	lengths := map[byte][]int{
		0x10: {96, 160, 222}, 0x11: {1 << 10}, 0x12: {4 << 10}, 0x13: {16 << 10},
		0x14: {64 << 10}, 0x15: {256 << 10}, 0x16: {116}, 0x17: {2 << 10}, 0x18: {380},
	}
	if len(b) == 0 {
		return u, false
	}
	found := false
	for _, n := range lengths[b[0]] {
		found = found || n == len(b)
	}
	if !found {
		return u, false
	}
	sum := sha256.Sum256(b)
	u.id = string(sum[:16])
	c := &cursor{rest: b}
	u.class = int(c.num(1)) - 0x10
	if u.class == 0 {
		u.tag = string(c.eat(12)) + "\x00\x00\x00\x00"
		u.expiry = 65535
		u.head = string(b[:13])
		c.eat(8)
		u.body = string(c.rest)
		u.key = strings.Repeat("\x00", 32)
		return u, !c.bad
	}
	u.shard, u.expiry = int(c.num(1)), int(c.num(2))
	switch u.class {
	case 6:
		u.proves = string(c.eat(16))
	case 8:
		u.stamped = string(c.eat(16))
	default:
		u.head = string(b[:36])
	}
	u.key = string(c.eat(32))
	if u.class == 8 {
		u.issuer, u.rsa = string(c.eat(8)), string(c.eat(256))
	}
	c.eat(64)
	u.body = string(c.rest)
	t := sha256.Sum256([]byte("jauap/1 tag" + u.key))
	u.tag = string(t[:16])
	return u, !c.bad
}

type secondCardFields struct {
	full                  bool
	sig, dh, id, spk, kem string
	name                  string
	shard                 int
}

// secondCard reads a card: spec/seal.md, 3.2.
func secondCard(b []byte) (k secondCardFields, ok bool) {
	c := &cursor{rest: b}
	if c.num(1) != 1 {
		return k, false
	}
	flags := c.num(1)
	switch {
	case flags == 0 && len(b) == 1427:
		k.full = true
	case flags == 1 && len(b) == 147:
	default:
		return k, false
	}
	k.sig, k.dh = string(c.eat(32)), string(c.eat(32))
	k.id, k.spk = string(c.eat(16)), string(c.eat(32))
	if k.full {
		k.kem = string(c.eat(1216))
	}
	k.name = strings.TrimRight(string(c.eat(32)), "\x00")
	k.shard = int(c.num(1))
	if k.full {
		signed := b[:len(b)-len(c.rest)]
		if !ed25519.Verify([]byte(k.sig), append([]byte("jauap/1 card"), signed...), c.eat(64)) {
			return k, false
		}
	}
	return k, !c.bad && len(c.rest) == 0 && secondName(k.name)
}

func secondName(s string) bool {
	if !utf8.ValidString(s) || strings.TrimFunc(s, unicode.IsSpace) != s {
		return false
	}
	for _, r := range s {
		switch {
		case r < 0x20, r >= 0x7f && r < 0xa0, r == 0xfffd:
			return false
		case r == 0x61c, r == 0x200e, r == 0x200f, r == 0x2028, r == 0x2029:
			return false
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return false
		}
	}
	return true
}

type secondPart struct {
	kind byte
	body string
}

type secondLetterFields struct {
	own, ackEpoch uint64
	ackNext       uint64
	ackBits       uint64
	counts        [4]uint64
	life          uint64
	parts         []secondPart
}

// secondLetter reads a plaintext: spec/seal.md, 7.1 and 7.3. The verdict is
// ok, malformed or update.
func secondLetter(b []byte, epoch int) (l secondLetterFields, verdict string) {
	c := &cursor{rest: b}
	if len(b) < 34 {
		return l, "malformed"
	}
	if c.num(1) != 1 {
		return l, "update"
	}
	l.own, l.ackEpoch, l.ackNext, l.ackBits = c.num(2), c.num(2), c.num(4), c.num(8)
	for i := range l.counts {
		l.counts[i] = c.num(4)
	}
	l.life = c.num(1)
	if l.own != uint64(epoch) && l.own != uint64(epoch)+1 || l.life == 0 || l.life > 120 {
		return l, "malformed"
	}
	for i, n := range l.counts {
		if epoch-1-i < 0 && n != 0 {
			return l, "malformed"
		}
	}
	if l.ackNext == 0 && (l.ackEpoch != 0 || l.ackBits != 0) {
		return l, "malformed"
	}
	for i := uint64(0); i < 64; i++ {
		if l.ackBits&(1<<i) != 0 && int64(l.ackNext)-2-int64(i) < 0 {
			return l, "malformed"
		}
	}
	for len(c.rest) > 0 && c.rest[0] != 0 {
		p := secondPart{kind: byte(c.num(1))}
		p.body = string(c.eat(int(c.num(3))))
		l.parts = append(l.parts, p)
	}
	if c.bad || len(l.parts) > 8192 || len(bytes.Trim(c.rest, "\x00")) > 0 {
		return l, "malformed"
	}
	last := -1
	for _, p := range l.parts {
		switch {
		case p.kind&0x40 != 0:
			last = 256 // nothing of this specification may follow
		case int(p.kind) <= last:
			return l, "malformed"
		case p.kind&0x80 != 0:
			return l, "update"
		default:
			last = int(p.kind)
		}
	}
	return l, "ok"
}

// secondShort reads the plaintext of an S0: spec/seal.md, 7.4.
func secondShort(b []byte, epoch, sending int) (l secondLetterFields, verdict string) {
	if len(b) < 6 {
		return l, "malformed"
	}
	c := &cursor{rest: b}
	flags, low, next := c.num(1), int(c.num(1)), c.num(2)
	p := secondPart{kind: byte(c.num(1))}
	size := int(c.num(1))
	want := 0
	for _, n := range []int{185, 123, 59} {
		if size+6 <= n {
			want = n
		}
	}
	if want != len(b) {
		return l, "malformed"
	}
	if flags > 3 {
		return l, "update"
	}
	p.body = string(c.eat(size))
	if (flags&2 != 0) != (next != 0) || flags&2 == 0 && low != 0 || p.kind&0x40 == 0 || len(bytes.Trim(c.rest, "\x00")) > 0 {
		return l, "malformed"
	}
	l.own = uint64(epoch) + flags&1
	if l.own > 65535 {
		return l, "malformed"
	}
	if flags&2 != 0 {
		for e := sending; e >= 0 && e > sending-256; e-- {
			if e%256 == low {
				l.ackEpoch, l.ackNext = uint64(e), next
			}
		}
	}
	l.parts = []secondPart{p}
	return l, "ok"
}
