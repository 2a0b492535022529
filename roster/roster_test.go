package roster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// tester is what *testing.T, *testing.B and *rapid.T have in common here.
type tester interface {
	Helper()
	Fatal(args ...any)
}

func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// who is a member with a key that follows from a number.
func who(n int) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte{byte(n), byte(n >> 8)})
	return ed25519.NewKeyFromSeed(seed[:])
}

func keyOf(n int) Key { return Key(who(n)[32:]) }

// device is one member's log.
type device struct {
	t   tester
	me  int
	log *Log
}

func found(t tester, me int, rules Rules) *device {
	d := &device{t, me, &Log{}}
	raw, err := Entry{Kind: Found, Name: "family", Rules: rules}.Sign(who(me))
	must(t, err)
	_, err = d.log.Take(raw)
	must(t, err)
	return d
}

// join is another member's device that has all of this one's entries.
func (d *device) join(me int) *device {
	o := &device{d.t, me, &Log{}}
	o.hear(d)
	return o
}

func (d *device) hear(o *device) {
	d.t.Helper()
	for _, id := range o.log.Lacks(d.log.Heads()) {
		if _, err := d.log.Take(o.log.Raw(id)); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *device) write(e Entry) error {
	e.Group, e.Parents = d.log.Group(), d.log.Parents()
	raw, err := e.Sign(who(d.me))
	if err != nil {
		return err
	}
	_, err = d.log.Take(raw)
	return err
}

func (d *device) add(n int, admin bool) {
	d.t.Helper()
	must(d.t, d.write(Entry{Kind: Add, Subject: keyOf(n), Admin: admin}))
}
func (d *device) remove(n int) {
	d.t.Helper()
	must(d.t, d.write(Entry{Kind: Remove, Subject: keyOf(n), Cut: Cut{0, 5}}))
}

func (d *device) members() (list []int) {
	for i := range 64 {
		if _, ok := d.log.State().Members[keyOf(i)]; ok {
			list = append(list, i)
		}
	}
	return list
}

func (d *device) want(want ...int) {
	d.t.Helper()
	if got := d.members(); !slices.Equal(got, want) {
		d.t.Fatal(d.me, "sees", got, "want", want)
	}
}

func TestRights(t *testing.T) {
	a := found(t, 0, 0)
	a.add(1, true)
	a.add(2, false)
	b, c := a.join(1), a.join(2)
	for _, e := range []Entry{{Kind: Add, Subject: keyOf(3)}, {Kind: Remove, Subject: keyOf(0)}, {Kind: Grant, Subject: keyOf(2)}} {
		if err := c.write(e); !errors.Is(err, ErrForbidden) {
			t.Errorf("no admin wrote %v: %v", e.Kind, err)
		}
	}
	stranger := a.join(9)
	if err := stranger.write(Entry{Kind: Leave}); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	b.add(3, false)
	must(t, b.write(Entry{Kind: Grant, Subject: keyOf(2)}))
	c.hear(b)
	c.add(4, false)
	must(t, c.write(Entry{Kind: Leave, Cut: Cut{1, 7}}))
	if err := c.write(Entry{Kind: Add, Subject: keyOf(5)}); !errors.Is(err, ErrForbidden) {
		t.Error("who left adds:", err)
	}
	a.hear(c)
	a.want(0, 1, 3, 4)
	if s := a.log.State(); !s.Left[keyOf(2)] || s.Gone[keyOf(2)] != (Cut{1, 7}) || !s.Gone[keyOf(2)].Covers(1, 6) || s.Gone[keyOf(2)].Covers(1, 7) {
		t.Errorf("%+v", s)
	}
	// Nobody comes back under the same pseudonym.
	a.add(2, true)
	a.want(0, 1, 3, 4)
}

// TestRemovedAdminHides: an admin who was removed goes on as if it had not
// heard: it can add nobody, nor can whom it added.
func TestRemovedAdminHides(t *testing.T) {
	a := found(t, 0, 0)
	a.add(1, true)
	a.add(2, false)
	b := a.join(1)
	b.add(3, false) // before: it counts
	a.hear(b)
	a.remove(1)
	b.add(4, true)
	must(t, b.write(Entry{Kind: Grant, Subject: keyOf(2)}))
	puppet := b.join(4)
	puppet.add(5, true)
	a.hear(puppet)
	a.want(0, 2, 3)
	if a.log.State().Members[keyOf(2)].Admin {
		t.Error("a hidden grant counts")
	}
	puppet.hear(a)
	puppet.want(0, 2, 3)
}

// TestBothRemove: two admins who remove each other are both out.
func TestBothRemove(t *testing.T) {
	a := found(t, 0, 0)
	a.add(1, true)
	a.add(2, true)
	b, c := a.join(1), a.join(2)
	b.remove(2)
	c.remove(1)
	b.hear(c)
	c.hear(b)
	b.want(0)
	c.want(0)
}

func TestTwoToAdd(t *testing.T) {
	a := found(t, 0, TwoToAdd)
	a.add(1, true) // there is no second admin yet
	a.want(0, 1)
	a.add(2, false)
	a.want(0, 1)
	if p := a.log.State().Proposed[keyOf(2)]; len(p) != 1 || p[0] != keyOf(0) {
		t.Fatal(p)
	}
	a.add(2, false)
	a.want(0, 1)
	b := a.join(1)
	b.add(2, false)
	b.want(0, 1, 2)
	b.add(3, true)
	c := b.join(2)
	if err := c.write(Entry{Kind: Add, Subject: keyOf(3)}); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	b.want(0, 1, 2)
}

func TestFamily(t *testing.T) {
	a := found(t, 0, AllAdmins)
	a.add(1, false)
	b := a.join(1)
	b.add(2, false)
	c := b.join(2)
	c.remove(0)
	a.hear(c)
	a.want(1, 2)
}

func TestFork(t *testing.T) {
	a := found(t, 0, 0)
	a.add(1, true)
	// The author tells two stories, each to one half.
	x, y := a.join(0), a.join(0)
	x.add(2, false)
	y.add(3, false)
	b, c := x.join(1), y.join(1)
	b.hear(c)
	c.hear(b)
	b.want(0, 1, 2, 3)
	c.want(0, 1, 2, 3)
	if len(b.log.Heads()) != 2 {
		t.Error("the fork does not show")
	}
	if b.log.Covers(x.log.Heads(), y.log.Heads()[0]) || !b.log.Covers(b.log.Heads(), y.log.Heads()[0]) {
		t.Error("covers")
	}
}

// history makes a random set of entries: members in parts that write without
// hearing each other, some of them dishonest.
func history(t *rapid.T) []*device {
	rules := Rules(rapid.IntRange(0, 3).Draw(t, "rules"))
	devices := []*device{found(t, 0, rules)}
	next := 1
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		d := devices[rapid.IntRange(0, len(devices)-1).Draw(t, "who")]
		switch rapid.IntRange(0, 6).Draw(t, "what") {
		case 0, 1:
			if d.write(Entry{Kind: Add, Subject: keyOf(next), Admin: rapid.Bool().Draw(t, "admin")}) == nil {
				devices = append(devices, d.join(next))
				next++
			}
		case 2:
			d.write(Entry{Kind: Remove, Subject: keyOf(rapid.IntRange(0, next).Draw(t, "subject")), Cut: Cut{0, uint32(rapid.IntRange(0, 9).Draw(t, "cut"))}})
		case 3:
			d.write(Entry{Kind: Grant, Subject: keyOf(rapid.IntRange(0, next).Draw(t, "subject"))})
		case 4:
			if rapid.IntRange(0, 3).Draw(t, "leave") == 0 {
				d.write(Entry{Kind: Leave})
			}
		default:
			d.hear(devices[rapid.IntRange(0, len(devices)-1).Draw(t, "from")])
		}
	}
	return devices
}

// TestMerge: whatever was written in however many parts, in any order, with
// repeats, the same entries give the same state; and what was taken somewhere
// is taken everywhere.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all [][]byte
		seen := map[ID]bool{}
		for _, d := range history(t) {
			for _, e := range d.log.List() {
				if !seen[e.ID] {
					seen[e.ID] = true
					all = append(all, d.log.Raw(e.ID))
				}
			}
		}
		var first *State
		for range 3 {
			l := &Log{}
			rest := rapid.Permutation(append(slices.Clone(all), all[:len(all)/2]...)).Draw(t, "order")
			for len(rest) > 0 {
				var later [][]byte
				for _, raw := range rest {
					if _, err := l.Take(raw); errors.Is(err, ErrMissing) {
						later = append(later, raw)
					} else if err != nil {
						t.Fatalf("refused what was taken elsewhere: %v", err)
					}
				}
				if len(later) == len(rest) {
					t.Fatal("some never find their parents")
				}
				rest = later
			}
			if l.Len() != len(all) {
				t.Fatal("lost entries")
			}
			s := l.State()
			if first == nil {
				first = s
			} else if !reflect.DeepEqual(first, s) {
				t.Fatalf("%+v\n%+v", first, s)
			}
			for k := range s.Members {
				if _, gone := s.Gone[k]; gone {
					t.Fatal("a member who is gone")
				}
			}
		}
	})
}

// TestRemovalsOnlyGrow: hearing more never brings a removed member back.
func TestRemovalsOnlyGrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		devices := history(t)
		a, b := devices[0], devices[len(devices)-1]
		before := a.log.State()
		a.hear(b)
		for k := range before.Gone {
			if _, is := a.log.State().Members[k]; is {
				t.Fatal("came back")
			}
		}
	})
}

func TestFifty(t *testing.T) {
	a := found(t, 0, AllAdmins)
	for i := 1; i < 50; i++ {
		a.add(i, false)
	}
	b := a.join(1)
	b.remove(49)
	if len(b.members()) != 49 || b.log.Len() != 51 {
		t.Fatal(len(b.members()), b.log.Len())
	}
}

func TestParse(t *testing.T) {
	a := found(t, 0, 0)
	a.add(1, true)
	for _, e := range a.log.List() {
		raw := a.log.Raw(e.ID)
		for i := range raw {
			bad := bytes.Clone(raw)
			bad[i] ^= 1
			if _, err := Parse(bad); err == nil {
				t.Fatalf("byte %d of kind %d may change", i, e.Kind)
			}
		}
		if _, err := Parse(raw[:len(raw)-1]); err == nil {
			t.Fatal("too short")
		}
		if _, err := Parse(append(bytes.Clone(raw), 0)); err == nil {
			t.Fatal("too long")
		}
	}
	if _, err := (&Log{}).Take(a.log.Raw(a.log.Heads()[0])); !errors.Is(err, ErrMissing) {
		t.Fatal(err)
	}
	if _, err := (Entry{Kind: Found, Name: ""}).Sign(who(0)); err == nil {
		t.Fatal("a group without a name")
	}
	if _, err := (Entry{Kind: Found, Name: "a", Parents: []ID{{1}}}).Sign(who(0)); err == nil {
		t.Fatal("a second beginning")
	}
	other := found(t, 1, 0)
	if _, err := other.log.Take(a.log.Raw(a.log.Heads()[0])); !errors.Is(err, ErrForbidden) {
		t.Fatal(err)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, n := range []int{50, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := found(b, 0, AllAdmins)
			for i := 1; i < n; i++ {
				a.add(i, false)
			}
			for b.Loop() {
				l := &Log{}
				for _, x := range a.log.List() {
					if _, err := l.Take(a.log.Raw(x.ID)); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
