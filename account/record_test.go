package account

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/seal"
)

func TestRecordRoundTrip(t *testing.T) {
	at := time.Date(2106, 2, 7, 6, 28, 15, 123e6, time.UTC)
	b := NewRecord(3).Uint(7).Int(-9).Flag(true).Text("жж").Raw([]byte{1, 2}).Time(at).Time(time.Time{}).Bytes()
	f := ReadRecord(b)
	if f.Version(3) != 3 || f.Uint() != 7 || f.Int() != -9 || !f.Flag() || f.Text() != "жж" || !bytes.Equal(f.Raw(2), []byte{1, 2}) ||
		!f.Time().Equal(at) || !f.Time().IsZero() || f.More() || f.Done() != nil {
		t.Fatal("another record")
	}
	for n := range b {
		f := ReadRecord(b[:n])
		f.Version(3)
		f.Uint()
		f.Int()
		f.Flag()
		f.Text()
		f.Raw(2)
		f.Time()
		f.Time()
		if !errors.Is(f.Done(), ErrDamaged) {
			t.Fatalf("%d of %d bytes are a record", n, len(b))
		}
	}
	if f := ReadRecord(b); f.Version(2) != 0 || f.Done() == nil {
		t.Error("a newer version is read")
	}
}

// FuzzRecords reads arbitrary bytes as every record of the vault.
func FuzzRecords(f *testing.F) {
	w := &waiting{key: queueKey(ContactID{1}, rankText, 5), letter: LetterID{2}, days: 30, parts: []seal.Part{{Kind: 0x50, Body: []byte("x")}}}
	f.Add(w.record())
	l := &letter{id: LetterID{1}, to: ContactID{2}, pieces: []piece{{envelope.ID{1}, 3, true, false}}}
	f.Add(l.record())
	s := &sent{to: ContactID{1}, letters: []LetterID{{1}}, carriers: [][8]byte{{1}}}
	f.Add(s.record())
	f.Add((&person{Contact: Contact{Name: "n"}}).record())
	f.Add((&person{Contact: Contact{Name: "n", outward: "o"}}).record())
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if w, err := parseWaiting(make([]byte, 25), b); err == nil {
			if again, err := parseWaiting(make([]byte, 25), w.record()); err != nil || len(again.parts) != len(w.parts) {
				t.Fatal("queue", err)
			}
		}
		if l, err := parseLetter(LetterID{}, b); err == nil {
			if again, err := parseLetter(LetterID{}, l.record()); err != nil || again.progress() != l.progress() {
				t.Fatal("letter", err)
			}
		}
		if s, err := parseSent(make([]byte, 16), b); err == nil {
			if again, err := parseSent(make([]byte, 16), s.record()); err != nil || !slices.Equal(again.letters, s.letters) {
				t.Fatal("sent", err)
			}
		}
		parsePerson(nil, b)
		parseSession(make([]byte, 32), b)
		parseCard(make([]byte, 16), b)
	})
}

// TestMemVault compares the tree with a plain map.
func TestMemVault(t *testing.T) {
	v := NewMemVault()
	model := map[string]string{}
	rng := rand.New(rand.NewPCG(1, 1))
	key := func() []byte { return []byte{byte(rng.IntN(4)), byte(rng.IntN(40))}[:1+rng.IntN(2)] }
	abort := errors.New("abort")
	for round := range 400 {
		next := map[string]string{}
		for k, x := range model {
			next[k] = x
		}
		stop := rng.IntN(3) == 0
		before := v.Clone()
		err := v.Update(func(tx Tx) error {
			for range rng.IntN(8) {
				k, x := key(), string(key())
				if rng.IntN(3) == 0 {
					delete(next, string(k))
					if err := tx.Delete(1, k); err != nil {
						return err
					}
				} else {
					next[string(k)] = x
					if err := tx.Put(1, k, []byte(x)); err != nil {
						return err
					}
				}
			}
			if stop {
				return abort
			}
			return nil
		})
		if stop != (err != nil) {
			t.Fatal(err)
		}
		if !stop {
			model = next
		} else if before.root != v.root {
			t.Fatal("an aborted transaction left something")
		}
		var keys []string
		from, to := key(), key()
		for k := range model {
			if k >= string(from) && k < string(to) {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		reverse := round%2 == 0
		if reverse {
			slices.Reverse(keys)
		}
		err = v.View(func(tx Tx) error {
			var got []string
			err := tx.Scan(1, from, to, reverse, func(k, x []byte) (bool, error) {
				if model[string(k)] != string(x) {
					t.Fatalf("%x is %x", k, x)
				}
				got = append(got, string(k))
				return true, nil
			})
			if !slices.Equal(got, keys) {
				t.Fatalf("scan: %x, want %x", got, keys)
			}
			if err := tx.Put(1, nil, nil); !errors.Is(err, ErrTx) {
				t.Fatal("a view writes")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	v.Close()
	if err := v.Update(func(Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestChoose(t *testing.T) {
	room := func(c envelope.Class) int {
		return map[envelope.Class]int{envelope.S1: 850, envelope.S1b: 1874, envelope.S2: 3922, envelope.S3: 16210, envelope.S4: 65362, envelope.S5: 261970}[c]
	}
	starting := func(c envelope.Class) int { return max(room(c)-2655, 0) }
	long := func(sizes ...int) load { return load{top: envelope.S3, sizes: sizes, room: room, most: 1 << 30} }
	many := slices.Repeat([]int{227}, 500)
	for _, x := range []struct {
		name string
		l    load
		c    envelope.Class
		n    int
	}{
		{"one", load{top: envelope.S3, sizes: many[:1], room: room, most: 1 << 30}, envelope.S1, 1},
		{"three", load{top: envelope.S3, sizes: many[:3], room: room, most: 1 << 30}, envelope.S1, 3},
		{"twelve", load{top: envelope.S3, sizes: many[:12], room: room, most: 1 << 30}, envelope.S2, 12},
		{"many, first", load{top: envelope.S3, sizes: many, room: room, most: 1 << 30, first: true}, envelope.S1, 3},
		{"many", load{top: envelope.S3, sizes: many, room: room, most: 1 << 30}, envelope.S3, 71},
		{"many, small window", load{top: envelope.S3, sizes: many, room: room, most: 5000}, envelope.S2, 17},
		{"no window", load{top: envelope.S3, sizes: many, room: room, most: 1000}, 0, 0},
		{"start", load{top: envelope.S3, sizes: many[:1], room: starting, most: 1 << 30}, envelope.S2, 1},
		{"start, long", load{top: envelope.S3, sizes: []int{3000}, room: starting, most: 1 << 30}, envelope.S3, 1},
		{"wish", load{top: envelope.S3, sizes: many[:1], room: room, most: 1 << 30, wish: 1220}, envelope.S1b, 1},
		{"wish, two", load{top: envelope.S3, sizes: []int{500, 300}, room: room, most: 1 << 30, wish: 1220}, envelope.S1b, 1},
		{"wish, long", load{top: envelope.S3, sizes: []int{700}, room: room, most: 1 << 30, wish: 1220}, envelope.S2, 1},
		{"two wishes", load{top: envelope.S3, sizes: many[:1], room: room, most: 1 << 30, wish: 2350}, envelope.S2, 1},
		{"wish, small window", load{top: envelope.S3, sizes: many[:1], room: room, most: 1024, wish: 1220}, 0, 0},
		{"fits", long(850), envelope.S1, 1},
		{"long", long(851), envelope.S1b, 1},
		{"longer", long(1874), envelope.S1b, 1},
		{"longest", long(1875), envelope.S2, 1},
		{"two that fill two", long(600, 400), envelope.S1b, 2},
		{"eight, and one more", long(many[:9]...), envelope.S1b, 8},
		{"more than S1 behind", long(1000, 900), envelope.S2, 2},
		{"a long one behind", long(800, 1000), envelope.S1b, 2},
		{"and one behind", long(800, 1100), envelope.S1, 1},
		{"huge", load{top: envelope.S3, sizes: []int{20_000}, room: room, most: 1 << 30}, envelope.S4, 1},
		{"empty", load{top: envelope.S3, sizes: []int{0}, room: room, most: 1 << 30}, envelope.S1, 1},
		{"many, slow", load{top: envelope.S2, sizes: many, room: room, most: 1 << 30}, envelope.S2, 17},
		{"long, slow", load{top: envelope.S2, sizes: []int{9000}, room: room, most: 1 << 30}, envelope.S3, 1},
		{"nothing", load{top: envelope.S3, room: room, most: 1 << 30}, 0, 0},
	} {
		if c, n := x.l.choose(); c != x.c || n != x.n {
			t.Errorf("%s: %d in %v, want %d in %v", x.name, n, c, x.n, x.c)
		}
	}
	for _, x := range []struct {
		name string
		l    load
		wish int
		dear bool
		c    envelope.Class
		n    int
		room int // left for the wish
	}{
		{"short", long(200), 1222, false, envelope.S1b, 1, 1222},
		{"short, displaces one", long(227, 227, 227), 1222, false, envelope.S1b, 2, 1222},
		{"no wish", long(200), 0, true, envelope.S1, 1, 0},
		{"dear", long(800), 1222, false, envelope.S1, 1, 0},
		{"dear, and due", long(800), 1222, true, envelope.S2, 1, 1222},
		{"long", long(1500), 1134, false, envelope.S2, 1, 1134},
		{"very long", long(3500), 1134, false, envelope.S2, 1, 0},
		{"long queue", long(many...), 1222, false, envelope.S3, 66, 1222},
		{"long queue, first", load{top: envelope.S3, sizes: many, room: room, most: 1 << 30, first: true}, 1222, false, envelope.S1b, 2, 1222},
		{"small window", load{top: envelope.S3, sizes: many[:1], room: room, most: 2047}, 1222, true, envelope.S1, 1, 0},
		{"nothing", long(), 1222, true, 0, 0, 0},
	} {
		if c, n := x.l.grant(x.wish, x.dear); c != x.c || n != x.n || x.l.wish != x.room {
			t.Errorf("%s: %d in %v with room for %d, want %d in %v with %d", x.name, n, c, x.l.wish, x.n, x.c, x.room)
		}
	}
	for _, x := range []struct {
		left int64
		most int
		want envelope.Class
	}{{100, 1 << 30, envelope.S1}, {5000, 1 << 30, envelope.S2}, {100_000, 1 << 30, envelope.S4}, {1 << 30, 1 << 30, envelope.S5}, {1 << 30, 70_000, envelope.S4}, {1 << 30, 100, 0}} {
		if c := chooseStream(x.left, x.left, room, x.most); c != x.want {
			t.Errorf("stream of %d in %d: %v, want %v", x.left, x.most, c, x.want)
		}
	}
}
