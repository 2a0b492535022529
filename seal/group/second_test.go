package group_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"math/big"

	"golang.org/x/crypto/chacha20poly1305"
)

// The second implementation: written from spec/group.md with nothing of the
// project imported, and with arithmetic of its own.

// Edwards25519 in affine coordinates on math/big. RFC 8032, 5.1.
type secondPoint struct{ x, y *big.Int }

func secondField() (p, d, l *big.Int) {
	p = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d = new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p))
	d.Mod(d, p)
	l, _ = new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	l.Add(l, new(big.Int).Lsh(big.NewInt(1), 252))
	return p, d, l
}

func secondAdd(a, b secondPoint) secondPoint {
	p, d, _ := secondField()
	mul := func(f ...*big.Int) *big.Int {
		r := big.NewInt(1)
		for _, x := range f {
			r.Mod(r.Mul(r, x), p)
		}
		return r
	}
	t := mul(d, a.x, b.x, a.y, b.y)
	inv := func(v *big.Int) *big.Int { return new(big.Int).ModInverse(v, p) }
	x := mul(new(big.Int).Add(mul(a.x, b.y), mul(b.x, a.y)), inv(new(big.Int).Add(big.NewInt(1), t)))
	y := mul(new(big.Int).Add(mul(a.y, b.y), mul(a.x, b.x)), inv(new(big.Int).Mod(new(big.Int).Sub(big.NewInt(1), t), p)))
	return secondPoint{x, y}
}

func secondTimes(k *big.Int, a secondPoint) secondPoint {
	r := secondPoint{big.NewInt(0), big.NewInt(1)}
	for i := k.BitLen() - 1; i >= 0; i-- {
		if r = secondAdd(r, r); k.Bit(i) == 1 {
			r = secondAdd(r, a)
		}
	}
	return r
}

func secondBase() secondPoint {
	p, _, _ := secondField()
	y := new(big.Int).Mul(big.NewInt(4), new(big.Int).ModInverse(big.NewInt(5), p))
	return secondPoint{secondX(y.Mod(y, p), 0), y}
}

// secondX recovers x from y and its lowest bit.
func secondX(y *big.Int, low uint) *big.Int {
	p, d, _ := secondField()
	yy := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(yy, big.NewInt(1))
	v := new(big.Int).Add(new(big.Int).Mul(d, yy), big.NewInt(1))
	x := new(big.Int).ModSqrt(new(big.Int).Mod(u.Mul(u, new(big.Int).ModInverse(v.Mod(v, p), p)), p), p)
	if x != nil && x.Bit(0) != low {
		x.Sub(p, x)
	}
	return x
}

func secondLittle(b []byte) *big.Int {
	r := make([]byte, len(b))
	for i := range b {
		r[len(b)-1-i] = b[i]
	}
	return new(big.Int).SetBytes(r)
}

func secondPack(a secondPoint) (out [32]byte) {
	a.y.FillBytes(out[:])
	for i := range 16 {
		out[i], out[31-i] = out[31-i], out[i]
	}
	out[31] |= byte(a.x.Bit(0)) << 7
	return out
}

func secondUnpack(b [32]byte) secondPoint {
	low := uint(b[31] >> 7)
	b[31] &= 0x7f
	y := secondLittle(b[:])
	return secondPoint{secondX(y, low), y}
}

// secondExpand is HKDF-Expand with SHA-256.
func secondExpand(k []byte, label string, n int) (out []byte) {
	var t []byte
	for i := byte(1); len(out) < n; i++ {
		m := hmac.New(sha256.New, k)
		m.Write(t)
		m.Write([]byte(label))
		m.Write([]byte{i})
		t = m.Sum(nil)
		out = append(out, t...)
	}
	return out[:n]
}

// secondKeys are the keys of letter n of a chain: the body's and the blinding.
func secondKeys(ck []byte, n int) (mk []byte, h *big.Int) {
	_, _, l := secondField()
	for i := 0; ; i++ {
		b := secondExpand(ck, "jauap/1 group step", 64)
		if ck = b[:32]; i == n {
			b = secondExpand(b[32:], "jauap/1 group letter", 96)
			h = secondLittle(b[32:])
			return b[:32], h.Mod(h, l)
		}
	}
}

func secondOneTime(k [32]byte, h *big.Int) [32]byte {
	return secondPack(secondAdd(secondUnpack(k), secondTimes(h, secondBase())))
}

func secondTag(ovk [32]byte) [16]byte {
	s := sha256.Sum256(append([]byte("jauap/1 tag"), ovk[:]...))
	return [16]byte(s[:16])
}

// secondSign signs as section 2 says.
func secondSign(seed []byte, h *big.Int, ovk [32]byte, m []byte) []byte {
	_, _, l := secondField()
	wide := sha512.Sum512(seed)
	wide[0] &= 248
	wide[31] = wide[31]&127 | 64
	a := secondLittle(wide[:32])
	hb := make([]byte, 32)
	h.FillBytes(hb)
	for i := range 16 {
		hb[i], hb[31-i] = hb[31-i], hb[i]
	}
	p := sha512.Sum512(bytes.Join([][]byte{[]byte("jauap/1 group prefix"), wide[32:], hb}, nil))
	r512 := sha512.Sum512(append(append([]byte(nil), p[:32]...), m...))
	r := secondLittle(r512[:])
	r.Mod(r, l)
	R := secondPack(secondTimes(r, secondBase()))
	k512 := sha512.Sum512(bytes.Join([][]byte{R[:], ovk[:], m}, nil))
	s := secondLittle(k512[:])
	s.Mul(s, new(big.Int).Add(a, h)).Add(s, r).Mod(s, l)
	out := make([]byte, 32)
	s.FillBytes(out)
	for i := range 16 {
		out[i], out[31-i] = out[31-i], out[i]
	}
	return append(R[:], out...)
}

type secondPart struct {
	kind byte
	body []byte
}

// secondLetter reads a plaintext: spec/group.md, 3, and spec/seal.md, 7.3.
func secondLetter(b []byte) (life int, heads [][]byte, parts []secondPart, verdict string) {
	if len(b) < 3 {
		return 0, nil, nil, "malformed"
	}
	if b[0] != 1 {
		return 0, nil, nil, "update"
	}
	life = int(b[1])
	n := int(b[2])
	rest := b[3:]
	if life == 0 || life > 120 || n > 4 || len(rest) < 16*n {
		return 0, nil, nil, "malformed"
	}
	for ; n > 0; n-- {
		if len(heads) > 0 && bytes.Compare(heads[len(heads)-1], rest[:16]) != -1 {
			return 0, nil, nil, "malformed"
		}
		heads, rest = append(heads, rest[:16]), rest[16:]
	}
	for len(rest) > 0 {
		if rest[0] == 0 {
			if bytes.Count(rest, []byte{0}) != len(rest) {
				return 0, nil, nil, "malformed"
			}
			break
		}
		if len(rest) < 4 || rest[0]&0x40 == 0 || len(parts) == 8192 {
			return 0, nil, nil, "malformed"
		}
		size := int(binary.BigEndian.Uint32(append([]byte{0}, rest[1:4]...)))
		if size > len(rest)-4 {
			return 0, nil, nil, "malformed"
		}
		parts = append(parts, secondPart{rest[0], rest[4 : 4+size]})
		rest = rest[4+size:]
	}
	return life, heads, parts, "ok"
}

type secondHandout struct {
	group, key, ck []byte
	gen, next      uint32
	audience       [][]byte
}

// secondChain reads what hands out a chain: spec/group.md, 4. The key is taken
// to be a point, which ed25519.Verify checks as well.
func secondChain(b []byte) (h secondHandout, verdict string) {
	if len(b) > 0 && b[0] != 1 {
		return h, "update"
	}
	if len(b) < 90 {
		return h, "malformed"
	}
	n := int(b[89])
	if n < 1 || n > 200 || len(b) != 90+8*n+64 {
		return h, "malformed"
	}
	h = secondHandout{group: b[1:17], key: b[17:49], ck: b[57:89], gen: binary.BigEndian.Uint32(b[49:]), next: binary.BigEndian.Uint32(b[53:])}
	if h.next > 499 {
		return h, "malformed"
	}
	for i := range n {
		m := b[90+8*i : 98+8*i]
		if i > 0 && bytes.Compare(h.audience[i-1], m) != -1 {
			return h, "malformed"
		}
		h.audience = append(h.audience, m)
	}
	end := len(b) - 64
	if !ed25519.Verify(h.key, append([]byte("jauap/1 group key"), b[:end]...), b[end:]) {
		return h, "wrong key"
	}
	return h, "ok"
}

func secondOpen(mk []byte, unit []byte) ([]byte, bool) {
	a, err := chacha20poly1305.NewX(mk)
	if err != nil || len(unit) < 140 {
		return nil, false
	}
	p, err := a.Open(nil, unit[100:124], unit[124:], unit[:36])
	return p, err == nil
}
