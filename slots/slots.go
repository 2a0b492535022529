package slots

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
)

// Sizes on the wire.
const (
	Count     = 128
	Size      = 8
	FrameType = 0x05
	FrameSize = 1 + Count*Size
)

// ErrFrame is a frame of slots that is none.
var ErrFrame = errors.New("slots: not 128 rising slots")

// Person is somebody whose device may be recognised.
type Person struct {
	Key  string     // what the link's far end is called then
	Say  [][32]byte // secrets that this end says; the first matters most
	Hear [][32]byte // those that the other end may say
}

// Link is what one link has that no other has.
type Link struct {
	Secret [32]byte // both ends have it, and nobody else
	Dialed bool     // this end began the link
}

type slot [Size]byte

// value is the slot of a key as the end that dialled, or the other, says it.
func (l Link) value(key [32]byte, dialed bool) slot {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte("jauap/1 slot"))
	d := byte(1)
	if dialed {
		d = 0
	}
	h.Write([]byte{d})
	h.Write(l.Secret[:])
	return slot(h.Sum(nil)[:Size])
}

// Say makes the frame for a link. With more than 128 people each turn, counted up
// by the caller, says others.
func Say(people []Person, l Link, turn uint) []byte {
	all := make([]slot, 0, Count)
	for _, k := range chosen(people, turn) {
		all = append(all, l.value(k, l.Dialed))
	}
	for len(all) < Count {
		var s slot
		_, _ = rand.Read(s[:]) // never fails
		all = append(all, s)
	}
	// They are as good as random: their order by value says nothing.
	slices.SortFunc(all, func(a, b slot) int { return bytes.Compare(a[:], b[:]) })
	b := append(make([]byte, 0, FrameSize), FrameType)
	for _, s := range all {
		b = append(b, s[:]...)
	}
	return b
}

// chosen are at most 128 secrets to say: one of each person before a second of
// anybody.
func chosen(people []Person, turn uint) (keys [][32]byte) {
	if len(people) > Count {
		at := int(turn % uint(len(people)) * Count % uint(len(people)))
		people = slices.Concat(people[at:], people[:at])
	}
	for i := 0; ; i++ {
		more := false
		for _, p := range people {
			if i >= len(p.Say) {
				continue
			}
			if len(keys) == Count {
				return keys
			}
			keys, more = append(keys, p.Say[i]), true
		}
		if !more {
			return keys
		}
	}
}

// Heard tells who said a frame: the Key of a person, "" for a stranger. ErrFrame.
func Heard(people []Person, l Link, frame []byte) (key string, err error) {
	if len(frame) != FrameSize || frame[0] != FrameType {
		return "", ErrFrame
	}
	said := make(map[slot]bool, Count)
	last := slot{}
	for b := frame[1:]; len(b) > 0; b = b[Size:] {
		s := slot(b)
		if len(said) > 0 && bytes.Compare(s[:], last[:]) <= 0 {
			return "", ErrFrame
		}
		said[s], last = true, s
	}
	for _, p := range people {
		for _, k := range p.Hear {
			if said[l.value(k, !l.Dialed)] {
				return p.Key, nil
			}
		}
	}
	return "", nil
}
