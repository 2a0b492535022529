package store

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

const testDay envelope.Day = 1700

// fake makes a unit that parses, without signing: the store does not look at
// signatures. n decides everything.
func fake(c envelope.Class, n uint64, expiry envelope.Day) envelope.Envelope {
	size := c.Size()
	if c == envelope.S0 {
		size = 96
	}
	raw := make([]byte, size)
	raw[0] = 1<<4 | byte(c)
	at := 4
	if c == envelope.S0 {
		at = 1
	} else {
		raw[1] = byte(n % 3)
		binary.BigEndian.PutUint16(raw[2:], uint16(expiry))
	}
	binary.LittleEndian.PutUint64(raw[at:], n+1)
	binary.LittleEndian.PutUint64(raw[at+8:], n*0x9e3779b97f4a7c15)
	for k := 64; k+8 <= len(raw); k += 64 {
		binary.LittleEndian.PutUint64(raw[k:], n^uint64(k)<<32)
	}
	e, err := envelope.Parse(raw)
	if err != nil {
		panic(err)
	}
	return e
}

// body makes another body under the key of e.
func body(e envelope.Envelope, b byte) envelope.Envelope {
	raw := append([]byte{}, e.Bytes()...)
	raw[len(raw)-1] ^= b
	o, err := envelope.Parse(raw)
	if err != nil {
		panic(err)
	}
	return o
}

// proof makes a Done for id under the key.
func proof(id envelope.ID, key [32]byte, expiry envelope.Day) envelope.Envelope {
	raw := make([]byte, envelope.DoneSize)
	raw[0] = 1<<4 | byte(envelope.Done)
	binary.BigEndian.PutUint16(raw[2:], uint16(expiry))
	copy(raw[4:], id[:])
	copy(raw[20:], key[:])
	e, err := envelope.Parse(raw)
	if err != nil {
		panic(err)
	}
	return e
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

var plain = Options{Quota: 8 << 20, Today: testDay}

func open(t testing.TB, fs durable.FS, o Options) *Shelf {
	t.Helper()
	s, _, err := Open(fs, o)
	must(t, err)
	return s
}

func put(t testing.TB, s *Shelf, e envelope.Envelope, m Meta) Entry {
	t.Helper()
	entry, err := s.Put(e, m)
	must(t, err)
	return entry
}

// check reads all that is on the shelf and compares the files with Stats.
func check(t testing.TB, s *Shelf, m *durable.Mem) {
	t.Helper()
	last, n := uint64(0), 0
	for {
		list := s.Since(last, 7)
		for _, e := range list {
			if e.Seq <= last {
				t.Fatalf("seq %d after %d", e.Seq, last)
			}
			last = e.Seq
			n++
			b, err := s.Get(e.ID)
			must(t, err)
			if len(b) != int(e.Size) || envelope.IDOf(b) != e.ID {
				t.Fatal("other bytes")
			}
		}
		if len(list) == 0 {
			break
		}
	}
	st := s.Stats()
	if st.Envelopes != n || last > s.Top() {
		t.Fatalf("%d units listed, %d counted, last seq %d of %d", n, st.Envelopes, last, s.Top())
	}
	if st.Bytes > st.Quota {
		t.Fatalf("%d bytes of %d", st.Bytes, st.Quota)
	}
	if m != nil && m.Used() > st.Bytes {
		t.Fatalf("%d bytes on disk, %d counted", m.Used(), st.Bytes)
	}
}

func TestPutGet(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	if s.Epoch() == [8]byte{} {
		t.Fatal("no epoch")
	}
	var all []envelope.Envelope
	for c := envelope.S0; c <= envelope.Done; c++ {
		e := fake(c, uint64(c), testDay+9)
		entry := put(t, s, e, Meta{Rank: 2, Today: testDay})
		want := Entry{ID: e.ID(), Tag: e.Tag(), Class: c, Shard: e.Shard(), Expiry: e.Expiry(),
			Size: uint32(len(e.Bytes())), Seq: entry.Seq, Rank: 2}
		if entry != want {
			t.Fatalf("entry %+v, want %+v", entry, want)
		}
		all = append(all, e)
	}
	look := func(s *Shelf) {
		t.Helper()
		check(t, s, m)
		for _, e := range all {
			b, err := s.Get(e.ID())
			must(t, err)
			if string(b) != string(e.Bytes()) {
				t.Fatal("other bytes")
			}
			part, err := s.ReadAt(e.ID(), 50, 40)
			must(t, err)
			if string(part) != string(e.Bytes()[50:90]) {
				t.Fatal("other bytes from the middle")
			}
			part, err = s.ReadAt(e.ID(), len(e.Bytes())-3, 40)
			must(t, err)
			if len(part) != 3 {
				t.Fatal("no end")
			}
			byTag, ok := s.ByTag(e.Tag())
			if e.Class() != envelope.Done && (!ok || byTag.ID != e.ID()) {
				t.Fatal("not found by tag")
			}
			_, err = s.Put(e, Meta{})
			wantErr(t, err, ErrHave)
		}
	}
	look(s)
	must(t, s.Sync())
	look(s)
	epoch, top := s.Epoch(), s.Top()
	must(t, s.Close())
	_, err := s.Get(all[0].ID())
	wantErr(t, err, ErrClosed)
	s, rep, err := Open(m, plain)
	must(t, err)
	if rep.Envelopes != len(all) || rep.NewEpoch || rep.Damaged > 0 || rep.Cut > 0 || s.Epoch() != epoch || s.Top() < top {
		t.Fatalf("report %+v", rep)
	}
	look(s)
	_, _, err = Open(m, plain)
	wantErr(t, err, durable.ErrLocked)
	_, err = s.Get(envelope.ID{1})
	wantErr(t, err, ErrMissing)
	must(t, s.Close())
}
