package relay_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	linkrelay "github.com/jauap/jauap/link/relay"
	"github.com/jauap/jauap/postage"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
)

func newMint(t *testing.T) *postage.Mint {
	t.Helper()
	m, err := postage.NewMint(nil, func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// asker is a phone that is even with the relay and asks for postage.
type asker struct {
	*testing.T
	tk *talk
}

func (w *world) asker(t *testing.T, by *linkrelay.Dialer) asker {
	t.Helper()
	tk := start(w.dial(by), exchange.Config{Shards: []uint8{1}}, newPhone())
	t.Cleanup(tk.close)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := tk.until(ctx, even); err != nil {
		t.Fatal(err)
	}
	return asker{t, tk}
}

// ask says a frame and waits for the answer.
func (a asker) ask(frame []byte) postage.Answer {
	a.Helper()
	if err := exchange.WriteFrame(a.tk.conn, frame); err != nil {
		a.Fatal(err)
	}
	for {
		select {
		case f, ok := <-a.tk.frames:
			if !ok {
				a.Fatal("the relay ended the session")
			}
			if f[0] != postage.FrameAnswer {
				continue
			}
			out, err := postage.ParseAnswer(f, boxtest.Today)
			if err != nil {
				a.Fatal(err)
			}
			return out
		case <-time.After(time.Minute):
			a.Fatal("no answer")
		}
	}
}

func (a asker) buy(k postage.Key, n int) (postage.Answer, []postage.Token) {
	a.Helper()
	r, ask, err := postage.NewRequest(k, n)
	if err != nil {
		a.Fatal(err)
	}
	out := a.ask(ask.Bytes())
	tokens, err := r.Take(out.Sigs)
	if err != nil {
		a.Fatal(err)
	}
	return out, tokens
}

// A client gets good tokens: as many as its address prefix may have a day and no more,
// whichever connection asks. Others, and another day, have their own.
func TestPostage(t *testing.T) {
	mint := newMint(t)
	synctest.Test(t, func(t *testing.T) {
		w, p := openPipes(t, boxtest.NewMemory(), relay.Options{Mint: mint, Limits: relay.Limits{Tokens: 20}})
		a := w.asker(t, p.dialer("192.0.2.10:999"))
		shown := a.ask(postage.Ask{}.Bytes())
		if len(shown.Keys) != 2 || shown.Left != 20 || len(shown.Sigs) != 0 {
			t.Fatalf("%d keys, %d left", len(shown.Keys), shown.Left)
		}
		key := shown.Keys[0]
		buy := func(a asker, want, left int) (tokens []postage.Token) {
			t.Helper()
			out, tokens := a.buy(key, 16)
			if len(tokens) != want || out.Left != left {
				t.Fatalf("%d tokens, %d left", len(tokens), out.Left)
			}
			return tokens
		}
		e := units(t, 1, envelope.S1, 1, 1)[0]
		if s, err := buy(a, 16, 4)[0].Stamp(e); err != nil || s.Verify() != nil || !key.Good(s.Key(), s.RSA()) {
			t.Errorf("the token is not good: %v", err)
		}
		buy(a, 4, 0)
		buy(w.asker(t, p.dialer("192.0.2.77:1")), 0, 0)
		buy(w.asker(t, p.dialer("198.51.100.3:7")), 16, 4)
		time.Sleep(24 * time.Hour) // of the test's own clock
		buy(w.asker(t, p.dialer("192.0.2.10:5")), 16, 4)
	})
}

// However many prefixes ask, a relay signs no more than it can compute beside its work.
func TestPostageSigns(t *testing.T) {
	w := open(t, boxtest.NewMemory(), relay.Options{Mint: newMint(t), Limits: relay.Limits{Tokens: 200, Signs: relay.Rate{PerSecond: 1e-6, Burst: 3}}})
	a := w.asker(t, nil)
	k := a.ask(postage.Ask{}.Bytes()).Keys[0]
	if out, tokens := a.buy(k, 5); len(tokens) != 3 || out.Left != 197 {
		t.Errorf("%d tokens, %d left", len(tokens), out.Left)
	}
}

// A relay that issues nothing passes over the frame, as old ones do, and one that is
// wrong; the session goes on. So does one that issues.
func TestPostageStrange(t *testing.T) {
	for _, o := range []relay.Options{{}, {Mint: newMint(t)}, {Mint: newMint(t), Limits: relay.Limits{Tokens: 9}}} {
		w := open(t, boxtest.NewMemory(), o)
		a := w.asker(t, nil)
		for _, f := range [][]byte{{postage.FrameAsk}, bytes.Repeat([]byte{postage.FrameAsk}, 300), make([]byte, 1), {postage.FrameAnswer, 1}} {
			if err := exchange.WriteFrame(a.tk.conn, f); err != nil {
				t.Fatal(err)
			}
		}
		e := units(t, 1, envelope.S1, 1, 7)[0]
		p := newPhone(e)
		w.meet(p, exchange.Config{Shards: []uint8{1}})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if _, err := a.tk.until(ctx, func(o exchange.Outcome) bool { return len(o.Kept) == 1 }); err != nil {
			t.Error(err)
		}
		cancel()
	}
}
