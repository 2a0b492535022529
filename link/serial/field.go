package serial

// Arithmetic in GF(2^8) modulo x^8+x^4+x^3+x^2+1, in which 2 generates.
type field struct {
	exp [510]byte
	log [256]byte
}

var gf = makeField()

func makeField() *field {
	f := &field{}
	x := 1
	for i := range 255 {
		f.exp[i], f.exp[i+255], f.log[x] = byte(x), byte(x), byte(i)
		if x <<= 1; x > 255 {
			x ^= 0x11d
		}
	}
	return f
}

func (f *field) mul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return f.exp[int(f.log[a])+int(f.log[b])]
}

// div needs b other than 0.
func (f *field) div(a, b byte) byte {
	if a == 0 {
		return 0
	}
	return f.exp[int(f.log[a])+255-int(f.log[b])]
}

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
				c = gf.mul(c, gf.div(x^o.index, s.index^o.index))
			}
		}
		for i, b := range s.data {
			out[i] ^= gf.mul(c, b)
		}
	}
	return out
}
