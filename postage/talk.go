package postage

import (
	"fmt"
	"time"

	"github.com/jauap/jauap/envelope"
)

// When a device asks. spec/postage.md, 5.
const (
	askGap     = 2 * time.Second  // from an answer to the next ask
	askLater   = time.Minute      // when the relay signed fewer than it was asked for
	askAgain   = time.Hour        // when it had no more for us today
	answerDue  = 30 * time.Second // after it the relay is taken for one that issues nothing
	answerSlow = time.Second      // for some 9 kB: a link or a relay that takes longer
	askSlow    = 10 * time.Minute // is asked seldom
)

// Talk is what one session with a relay says of postage, seen from the device. The zero
// Talk begins one. It is not safe for concurrent use.
type Talk struct {
	keys    []Key
	left    int
	request *Request // of the ask that waits for its answer
	waiting bool
	over    bool
	at      time.Time     // of the last ask or answer
	rest    time.Duration // before the next ask
}

// Next is the frame to say when want tokens are wanted; nil when there is nothing to say
// now. Whether the link may be spent on it is for the caller to judge.
func (t *Talk) Next(want int, now time.Time) ([]byte, error) {
	if t.waiting && now.Sub(t.at) > answerDue {
		t.over, t.waiting, t.request = true, false, nil
	}
	if t.over || t.waiting {
		return nil, nil
	}
	if len(t.keys) == 0 {
		t.waiting, t.at = true, now
		return Ask{}.Bytes(), nil
	}
	if want <= 0 || now.Sub(t.at) < t.rest {
		return nil, nil
	}
	n := min(want, MaxAsk)
	if t.left > 0 {
		n = min(n, t.left)
	}
	r, a, err := NewRequest(t.keys[0], n)
	if err != nil {
		t.over = true
		return nil, err
	}
	t.request, t.waiting, t.at = r, true, now
	return a.Bytes(), nil
}

// Heard takes the relay's answer: its keys, the first of which signs, and tokens, each
// checked. After an error no more is asked in this session; what stands beside it is good.
// An answer to nothing is passed over.
func (t *Talk) Heard(frame []byte, today envelope.Day, now time.Time) (keys []Key, tokens []Token, err error) {
	if !t.waiting {
		return nil, nil, nil
	}
	r := t.request
	t.waiting, t.request = false, nil
	late := r != nil && now.Sub(t.at) > answerSlow
	t.at = now
	a, err := ParseAnswer(frame, today)
	if err != nil {
		t.over = true
		return nil, nil, err
	}
	if r == nil && len(a.Sigs) > 0 {
		t.over = true
		return nil, nil, fmt.Errorf("%w: signatures that nobody asked for", ErrAnswer)
	}
	t.rest = askGap
	if r != nil {
		if len(a.Sigs) < len(r.wait) {
			t.rest = askLater
		}
		tokens, err = r.Take(a.Sigs)
	}
	if late {
		t.rest = askSlow
	}
	if a.Left == 0 {
		t.rest = askAgain
	}
	t.over = err != nil || len(a.Keys) == 0
	t.keys, t.left = a.Keys, a.Left
	return a.Keys, tokens, err
}
