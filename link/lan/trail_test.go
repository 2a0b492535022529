package lan

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// TestTrail: whatever one of the last datagrams is lost, the spare behind them brings it
// back; confirmations alone do not count, and nothing follows that was not asked for.
func TestTrail(t *testing.T) {
	const sent = 40
	for lost := range spareMost {
		var tr trail
		var r ring
		r.far.Store(1)
		var all [][]byte
		var spare []byte
		for i := range sent {
			d := bytes.Repeat([]byte{headFixed | byte(i&15), byte(i), byte(i * 7)}, 400+i)
			if s := tr.leaves(d); s != nil {
				t.Fatal("a spare that nobody asked for")
			}
			if tr.leaves(make([]byte, fullWords-1)) != nil {
				t.Fatal("a confirmation counts")
			}
			all = append(all, d)
		}
		tr.due = trailMore
		for i := range trailMore {
			d := bytes.Repeat([]byte{headFixed, 0xee, byte(i)}, 450)
			all = append(all, d)
			if spare = tr.leaves(d); (spare != nil) != (i == trailMore-1) {
				t.Fatalf("a spare after %d datagrams: %v", i+1, spare != nil)
			}
		}
		last := all[len(all)-spareMost:]
		for i, d := range last {
			if i != lost {
				r.heard(d, farAway, time.Now())
			}
		}
		if !bytes.Equal(r.missing(spare, farAway), last[lost]) {
			t.Errorf("datagram %d of the last %d does not come back", lost, spareMost)
		}
		if tr.leaves(last[0]) != nil {
			t.Error("a second spare")
		}
	}
	var tr trail
	for range spareMost {
		tr.leaves(make([]byte, spareBytes))
	}
	tr.due = 1
	if s := tr.now(); len(s) < 2 || s[1] != spareFirst {
		t.Error("a spare of large datagrams would be cut into two")
	}
}

// TestLastWords: of a conn with who is far away one of the last packets is lost, and after
// the spare nothing comes through: the words are all there.
func TestLastWords(t *testing.T) {
	a, b := room(t, nil), room(t, nil)
	l := newLossy(t, a, b, 100*time.Millisecond)
	at := l.sock[0].LocalAddr().String()
	if err := a.Knock(soon(t), at, 5*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	x, err := a.Dial(soon(t), at)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	words := bytes.Repeat([]byte("words"), 2000)
	if _, err := x.Write(words); err != nil {
		t.Fatal(err)
	}
	y, err := b.Accept(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	for range 2 { // all is confirmed, and the greeting is long over
		if _, err := io.ReadFull(y, make([]byte, len(words))); err != nil {
			t.Fatal(err)
		}
		if _, err := y.Write(words); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(x, make([]byte, len(words))); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Write(words); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadFull(y, make([]byte, len(words))); err != nil {
		t.Fatal(err)
	}

	var full, spares, after int
	l.mu.Lock()
	l.drop = func(side int, d []byte) bool {
		switch {
		case side != 0 || len(d) < fullWords && d[0] != typeSpare:
			return false
		case d[0] == typeSpare:
			spares++
			return spares > 1
		case spares > 0:
			after++
			return true
		}
		full++
		return full == 4
	}
	l.mu.Unlock()
	if _, err := x.Write(words); err != nil {
		t.Fatal(err)
	}
	x.(*Conn).Spare()
	if _, err := x.Write(words); err != nil { // what has no words
		t.Fatal(err)
	}
	if _, err := io.ReadFull(y, make([]byte, len(words))); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	if full < 4 || spares == 0 || after == 0 {
		t.Errorf("%d packets before %d spares and %d after", full, spares, after)
	}
	l.drop = nil
	l.mu.Unlock()
}
