package observe

import (
	"encoding/binary"
	"errors"
	"time"
)

// WordType is the type of a Word's frame. spec/lan.md, 6.
const WordType = 0x06

// Word is what a device says of the network to one that it met: that a relay
// abroad answers it. It is no proof.
type Word struct {
	Restricted bool          // not all ways abroad answer
	Heard      time.Duration // since the last answer, whole seconds
	Open       time.Duration // since the network opened, whole seconds
}

// ErrWord is a frame that holds no word.
var ErrWord = errors.New("observe: not a word of an open network")

const (
	wordVersion = 1
	wordSize    = 1 + 1 + 1 + 2 + 4
	// fresh is how old an answer may be that a word speaks of.
	fresh = time.Minute
)

// Frame is the word on the wire.
func (w Word) Frame() []byte {
	b := []byte{WordType, wordVersion, 0}
	if w.Restricted {
		b[2] = 1
	}
	b = binary.BigEndian.AppendUint16(b, uint16(seconds(w.Heard, 1<<16-1)))
	return binary.BigEndian.AppendUint32(b, uint32(seconds(w.Open, 1<<32-1)))
}

func seconds(d time.Duration, most int64) int64 {
	return min(max(int64(d/time.Second), 0), most)
}

// ParseWord reads a frame. What a later version says behind the fields is
// passed over. ErrWord.
func ParseWord(frame []byte) (w Word, err error) {
	if len(frame) < wordSize || frame[0] != WordType || frame[1] == 0 {
		return w, ErrWord
	}
	w.Restricted = frame[2]&1 != 0
	w.Heard = time.Duration(binary.BigEndian.Uint16(frame[3:])) * time.Second
	w.Open = time.Duration(binary.BigEndian.Uint32(frame[5:])) * time.Second
	return w, nil
}

// Word is what this device can say to neighbours at now: nothing unless a relay
// abroad answered within the last minute.
func (l *Log) Word(now time.Time) (w Word, ok bool) {
	open, isOpen := l.Current()
	state, _ := l.Verdict(now)
	if !isOpen || !state.Answers() || now.Sub(l.heard) > fresh {
		return w, false
	}
	return Word{Restricted: state == Restricted, Heard: now.Sub(l.heard), Open: now.Sub(open.From)}, true
}

// How often words are heeded that turn out to be wrong: the first two ten
// minutes apart, then twice as long each time.
const (
	deafLeast = 10 * time.Minute
	deafMost  = 8 * time.Hour
)

// Ear decides which words are worth a burst of tries. Anybody can make devices
// that say "open" all day, so all strangers have one share together, and
// contacts another. The zero value has heard nothing.
type Ear struct{ shares [2]share }

type share struct {
	heeded time.Time // the last word; zero for none
	deaf   time.Duration
}

// Hear takes a word from a contact's device or a stranger's, and says whether to
// try now and in a burst.
func (e *Ear) Hear(now time.Time, contact bool, w Word) bool {
	s := e.share(contact)
	since := now.Sub(s.heeded)
	if w.Heard > fresh || !s.heeded.IsZero() && since >= 0 && since < s.deaf {
		return false
	}
	s.heeded, s.deaf = now, min(max(2*s.deaf, deafLeast), deafMost)
	return true
}

// Opened says that a relay abroad answers: whoever told it was right.
func (e *Ear) Opened(now time.Time) {
	for i := range e.shares {
		if s := &e.shares[i]; now.Sub(s.heeded) <= burstTold {
			*s = share{}
		}
	}
}

// Told is when a word was heeded last, for Occasion.
func (e *Ear) Told() time.Time {
	if a, b := e.shares[0].heeded, e.shares[1].heeded; a.After(b) {
		return a
	} else {
		return b
	}
}

func (e *Ear) share(contact bool) *share {
	if contact {
		return &e.shares[1]
	}
	return &e.shares[0]
}
