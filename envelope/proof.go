package envelope

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
)

// A proof says that the envelope with a given ID was delivered and may be
// deleted. Only the two ends can make it, because only they know the one-time
// signing key; everybody can check it, with or without the envelope. It is a
// unit of class Done and travels like any other:
//
//	class u8 | shard u8 | expiry u16 | id 16 | ovk 32 | sig 64
//
// The signature covers all fields before it, so one envelope has one proof.

// NewDone makes the proof for an S1..S5 envelope.
func NewDone(e Envelope, osk ed25519.PrivateKey) (Envelope, error) { return NewDoneBy(e, by(osk)) }

// NewDoneBy is NewDone for any signer.
func NewDoneBy(e Envelope, by Signer) (Envelope, error) {
	if c := e.Class(); !c.Sealed() {
		return Envelope{}, fmt.Errorf("%w: no proof for %v", ErrMalformed, c)
	}
	ovk := e.Key()
	if by.Key != ovk {
		return Envelope{}, ErrSignature
	}
	id := e.ID()
	raw := make([]byte, 0, DoneSize)
	raw = append(raw, version<<4|byte(Done), e.Shard())
	raw = binary.BigEndian.AppendUint16(raw, uint16(e.Expiry()))
	raw = append(raw, id[:]...)
	raw = append(raw, ovk[:]...)
	return Envelope{append(raw, by.Sign(doneMessage(raw))...)}, nil
}

func doneMessage(fields []byte) []byte {
	return append([]byte("jauap/1 done"), fields...)
}

// Proves is the ID of the envelope that a Done unit speaks of; zero for other
// classes.
func (e Envelope) Proves() (id ID) {
	if e.Class() == Done {
		copy(id[:], e.raw[4:])
	}
	return id
}
