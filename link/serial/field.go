package serial

import "rsc.io/qr/gf256"

// gf is GF(2^8) modulo x^8+x^4+x^3+x^2+1, in which 2 generates.
var gf = gf256.NewField(0x11d, 2)

// shard is one value of the polynomials of a unit: at the point index, for each
// column one byte.
type shard struct {
	index byte
	data  []byte
}

// value is what stands at the point x, by the polynomials of least degree through
// the shards, whose points differ. Lagrange.
func value(shards []shard, x byte) []byte {
	out := make([]byte, len(shards[0].data))
	for j, s := range shards {
		if s.index == x {
			copy(out, s.data)
			return out
		}
		c := byte(1)
		for m, o := range shards {
			if m != j {
				c = gf.Mul(c, gf.Mul(x^o.index, gf.Inv(s.index^o.index)))
			}
		}
		for i, b := range s.data {
			out[i] ^= gf.Mul(c, b)
		}
	}
	return out
}
