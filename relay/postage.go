package relay

import (
	"context"
	"time"

	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/postage"
)

// signedToday is how many tokens were signed for the prefix in the day that began with
// the first of them.
func (l *load) signedToday(now time.Time) int {
	if d := now.Sub(l.since); d < 0 || d >= 24*time.Hour {
		l.signed, l.since = 0, now
	}
	return l.signed
}

// grant counts the tokens that a prefix gets of those that it wants, and tells how many
// more it may have today.
func (t *loads) grant(l *load, want int, now time.Time) (give, left int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left = max(t.limits.Tokens-l.signedToday(now), 0)
	for give < min(want, left) && t.signs.take(t.limits.Signs, now) {
		give++
	}
	l.signed += give
	return give, left - give
}

// isAsk takes a frame that asks for postage out of what the exchange gets. Where nothing
// is issued the frame is one of those that are skipped.
func (s *session) isAsk(frame []byte) bool {
	if len(frame) == 0 || frame[0] != postage.FrameAsk || !s.met {
		return false
	}
	if s.room.opts.Mint == nil || s.room.opts.Limits.Tokens <= 0 || s.minting {
		return true // one at a time: who asks in between is not answered
	}
	a, err := postage.ParseAsk(frame)
	if err != nil {
		return true
	}
	s.minting = true
	// Beside the session: signing takes milliseconds each, making a key seconds.
	s.room.running.Add(1) // serve's own count stands, so that it is not zero
	go func() {
		defer s.room.running.Done()
		answer, err := s.room.opts.Mint.Answer(a, s.room.opts.Today(), func(want int) (int, int) {
			return s.room.loads.grant(s.load, want, time.Now())
		})
		if err != nil {
			s.room.trouble("postage", err)
			s.minted <- nil
			return
		}
		s.minted <- answer.Bytes()
	}()
	return true
}

// issue says an answer; it tells the reason of the session's end, or stay.
func (s *session) issue(ctx context.Context, answer []byte) (bye string) {
	s.minting = false
	if answer == nil {
		return stay
	}
	n := len(answer) + exchange.Prefix
	if s.left -= int64(n); s.left < 0 {
		return byeDone
	}
	if !s.breathe(ctx, s.room.loads.sent(s.load, n, time.Now())) {
		return hangUp
	}
	if err := exchange.WriteFrame(s.line, answer); err != nil {
		return hangUp
	}
	s.used.Store(time.Now().UnixNano())
	return stay
}
