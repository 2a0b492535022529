package qrcode

import "rsc.io/qr/coding"

// correct mends a block of a Reed-Solomon code with its check bytes at the end,
// in place; false when more than half as many bytes are wrong as check bytes are
// there (ISO/IEC 18004, annex B; Massey 1969, Forney 1965).
func correct(b []byte, check int) bool {
	gf := coding.Field
	syndromes := make([]byte, check)
	clean := true
	for i := range syndromes {
		v, root := byte(0), gf.Exp(i)
		for _, c := range b {
			v = gf.Mul(v, root) ^ c
		}
		syndromes[i] = v
		clean = clean && v == 0
	}
	if clean {
		return true
	}
	locator, wrong := locate(syndromes)
	if wrong == 0 || wrong > check/2 {
		return false
	}
	// evaluator = syndromes × locator, up to the degree of the check bytes.
	evaluator := make([]byte, check)
	for i, s := range syndromes {
		for j := 0; j <= wrong && i+j < check; j++ {
			evaluator[i+j] ^= gf.Mul(s, locator[j])
		}
	}
	found := 0
	for i := range b {
		power := len(b) - 1 - i
		inverse := gf.Exp((255 - power%255) % 255)
		if value(locator[:wrong+1], inverse) != 0 {
			continue
		}
		found++
		slope := byte(0) // the locator's derivative
		for j := 1; j <= wrong; j += 2 {
			slope ^= gf.Mul(locator[j], gf.Exp((255-power%255)%255*(j-1)))
		}
		if slope == 0 {
			return false
		}
		// The first root is α⁰, so that the value is multiplied by the place.
		b[i] ^= gf.Mul(gf.Exp(power), gf.Mul(value(evaluator, inverse), gf.Inv(slope)))
	}
	return found == wrong
}

// locate finds the shortest polynomial whose roots are the wrong places.
func locate(syndromes []byte) (locator []byte, degree int) {
	gf := coding.Field
	n := len(syndromes)
	locator, last := make([]byte, n+1), make([]byte, n+1)
	locator[0], last[0] = 1, 1
	shift, was := 1, byte(1)
	for i := range n {
		d := syndromes[i]
		for j := 1; j <= degree; j++ {
			d ^= gf.Mul(locator[j], syndromes[i-j])
		}
		if d == 0 {
			shift++
			continue
		}
		before := append([]byte(nil), locator...)
		scale := gf.Mul(d, gf.Inv(was))
		for j := 0; j+shift <= n; j++ {
			locator[j+shift] ^= gf.Mul(scale, last[j])
		}
		if 2*degree > i {
			shift++
			continue
		}
		degree, last, was, shift = i+1-degree, before, d, 1
	}
	return locator, degree
}

func value(polynomial []byte, x byte) byte {
	gf := coding.Field
	v := byte(0)
	for i := len(polynomial) - 1; i >= 0; i-- {
		v = gf.Mul(v, x) ^ polynomial[i]
	}
	return v
}
