package postage

import (
	"encoding/binary"
	"fmt"

	"github.com/jauap/jauap/envelope"
)

// Types of the frames of spec/exchange.md, 2. Ends that do not know them skip them.
const (
	FrameAsk    = 0x07
	FrameAnswer = 0x08
)

const (
	MaxAsk   = 16 // tokens of one ask
	maxShown = 4  // keys in one answer
	keySize  = 2 + ModulusSize
)

// Ask is a device's word: sign these under the key that I know, or, without any, show
// me your keys. spec/postage.md, 3.
type Ask struct {
	Issuer  envelope.Issuer
	Blinded [][BlindSize]byte
}

// Bytes are the frame.
func (a Ask) Bytes() []byte {
	b := append([]byte{FrameAsk}, a.Issuer[:]...)
	for _, x := range a.Blinded {
		b = append(b, x[:]...)
	}
	return b
}

// ParseAsk reads a frame of type FrameAsk.
func ParseAsk(b []byte) (a Ask, err error) {
	head := 1 + len(a.Issuer)
	if len(b) < head || b[0] != FrameAsk || (len(b)-head)%BlindSize != 0 || len(b) > head+MaxAsk*BlindSize {
		return a, fmt.Errorf("%w: an ask of %d bytes", ErrAnswer, len(b))
	}
	copy(a.Issuer[:], b[1:])
	for b = b[head:]; len(b) > 0; b = b[BlindSize:] {
		a.Blinded = append(a.Blinded, [BlindSize]byte(b))
	}
	return a, nil
}

// Answer is a relay's word: its keys, of which the first signs now, how many more tokens
// it would sign today, and signatures for the first ones of the ask.
type Answer struct {
	Left int // at most 65,535
	Keys []Key
	Sigs [][BlindSize]byte
}

// Bytes are the frame.
func (a Answer) Bytes() []byte {
	b := binary.BigEndian.AppendUint16([]byte{FrameAnswer}, uint16(min(max(a.Left, 0), 0xffff)))
	b = append(b, byte(len(a.Keys)))
	for _, k := range a.Keys {
		b = append(binary.BigEndian.AppendUint16(b, uint16(k.Last)), k.Modulus[:]...)
	}
	for _, s := range a.Sigs {
		b = append(b, s[:]...)
	}
	return b
}

// ParseAnswer reads a frame of type FrameAnswer. A key that cannot be one, or is told to
// be good for longer than today allows, spoils the whole.
func ParseAnswer(b []byte, today envelope.Day) (a Answer, err error) {
	const head = 1 + 2 + 1
	if len(b) < head || b[0] != FrameAnswer {
		return a, fmt.Errorf("%w: %d bytes", ErrAnswer, len(b))
	}
	n := int(b[3])
	rest := len(b) - head - n*keySize
	if n > maxShown || rest < 0 || rest%BlindSize != 0 || rest > MaxAsk*BlindSize {
		return a, fmt.Errorf("%w: %d bytes with %d keys", ErrAnswer, len(b), n)
	}
	a.Left = int(binary.BigEndian.Uint16(b[1:]))
	for b = b[head:]; n > 0; n-- {
		k := Key{[ModulusSize]byte(b[2:]), envelope.Day(binary.BigEndian.Uint16(b))}
		if err := k.check(); err != nil {
			return Answer{}, err
		}
		if k.Last > today.Add(aheadDays+goodDays+slackDays) {
			return Answer{}, fmt.Errorf("%w: a key that is good until %v", ErrAnswer, k.Last)
		}
		a.Keys, b = append(a.Keys, k), b[keySize:]
	}
	for ; len(b) > 0; b = b[BlindSize:] {
		a.Sigs = append(a.Sigs, [BlindSize]byte(b))
	}
	return a, nil
}
