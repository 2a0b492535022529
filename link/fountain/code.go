package fountain

import (
	"fmt"

	"github.com/xssnick/raptorq"
)

// padded is K' of RFC 6330, table 2: how many source symbols the code itself
// works on. The library pads, too, but its decoder then counts a symbol beyond K
// in place of a symbol of padding, so that more symbols do not help: all padding
// is done here and the library always sees K'.
func (s shape) padded() int {
	for _, p := range raptorq.ParamsTable {
		if int(p.KPadded) >= s.k {
			return int(p.KPadded)
		}
	}
	return 0
}

// inner is the library's number of symbol esi (RFC 6330, 5.3.1: the ISI).
func (s shape) inner(esi int) uint32 {
	if esi < s.k {
		return uint32(esi)
	}
	return uint32(esi + s.padded() - s.k)
}

// encode makes all symbols of a block.
func (s shape) encode(data []byte) (symbols []byte, err error) {
	defer caught(&err)
	padded := make([]byte, s.padded()*s.symbol)
	copy(padded, data)
	enc, err := raptorq.NewRaptorQ(uint32(s.symbol)).CreateEncoder(padded)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCode, err)
	}
	symbols = append(make([]byte, 0, s.leaves()*s.symbol), padded[:s.k*s.symbol]...)
	for i := s.k; i < s.leaves(); i++ {
		symbols = append(symbols, enc.GenSymbol(s.inner(i))...)
	}
	return symbols, nil
}

// decode brings the data back from symbols, by esi. ok is false when more are
// needed.
func (s shape) decode(have map[int][]byte) (data []byte, ok bool, err error) {
	defer caught(&err)
	whole := true
	for i := range s.k {
		whole = whole && have[i] != nil
	}
	if whole {
		for i := range s.k {
			data = append(data, have[i]...)
		}
		return data[:s.size], true, nil
	}
	k := s.padded()
	dec, err := raptorq.NewRaptorQ(uint32(s.symbol)).CreateDecoder(uint32(k * s.symbol))
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrCode, err)
	}
	none := make([]byte, s.symbol)
	for i := s.k; i < k; i++ {
		if _, err := dec.AddSymbol(uint32(i), none); err != nil {
			return nil, false, fmt.Errorf("%w: %w", ErrCode, err)
		}
	}
	for esi, b := range have {
		if _, err := dec.AddSymbol(s.inner(esi), b); err != nil {
			return nil, false, fmt.Errorf("%w: %w", ErrCode, err)
		}
	}
	ok, data, err = dec.Decode()
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrCode, err)
	}
	if !ok {
		return nil, false, nil
	}
	return data[:s.size], true, nil
}

// caught turns a panic of the library into an error: no packet from outside
// may end the process.
func caught(err *error) {
	if why := recover(); why != nil {
		*err = fmt.Errorf("%w: %v", ErrCode, why)
	}
}

// Repair answers count symbols beyond the k source symbols that stand one after
// the other in source, from number first on; together they are of no block and
// prove nothing. For carriers that keep the source symbols in another form.
// Errors: ErrSize, ErrCode.
func Repair(source []byte, symbol, first, count int) (symbols []byte, err error) {
	defer caught(&err)
	k := len(source) / max(symbol, 1)
	if symbol < MinSymbol || k < 1 || k > MaxSymbols || k*symbol != len(source) || first < 0 || count < 0 {
		return nil, ErrSize
	}
	s := shape{size: len(source), symbol: symbol, k: k}
	padded := make([]byte, s.padded()*symbol)
	copy(padded, source)
	enc, err := raptorq.NewRaptorQ(uint32(symbol)).CreateEncoder(padded)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCode, err)
	}
	symbols = make([]byte, 0, count*symbol)
	for i := range count {
		symbols = append(symbols, enc.GenSymbol(s.inner(k+first+i))...)
	}
	return symbols, nil
}

// Mend brings the k source symbols back from some of them and of Repair's, by
// number: 0 to k-1 are the source's own. ok is false when more are needed. What
// comes back is as good as what went in: check it. Errors: ErrSize, ErrCode.
func Mend(k, symbol int, have map[int][]byte) (source []byte, ok bool, err error) {
	if symbol < MinSymbol || k < 1 || k > MaxSymbols {
		return nil, false, ErrSize
	}
	for i, b := range have {
		if i < 0 || len(b) != symbol {
			return nil, false, ErrSize
		}
	}
	if len(have) < k {
		return nil, false, nil
	}
	return shape{size: k * symbol, symbol: symbol, k: k}.decode(have)
}
