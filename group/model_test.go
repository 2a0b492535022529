package group

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/roster"
)

// TestModel writes, meets, loses, doubles, delays, restarts, removes and adds at
// random. In the end all who belong see the same members, nobody sees a letter
// twice or in another order, nothing that reached a member's shelf for them
// stays closed, and who was removed reads nothing that was written by somebody
// who knew.
func TestModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { model(t, seed) })
	}
}

func model(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 99))
	u := everybody(t, 5)
	id := found(t, roster.AllAdmins, u[:4]...)
	var gone *user
	by := map[string]*user{}
	knew := map[string]bool{} // letters written by somebody who knew that one is gone
	n := 0
	for range 60 {
		x := u[rng.IntN(len(u))]
		switch what := rng.IntN(12); {
		case what < 5:
			if i, err := x.g.Show(id); err == nil && i.Status == Member {
				n++
				text := fmt.Sprintf("%03d", n)
				if gone != nil && gone != x && !slices.Contains(x.members(id), gone.name) {
					knew[text] = true
				}
				by[text] = x
				x.say(id, text)
			}
		case what < 9:
			y := u[rng.IntN(len(u))]
			if y != x {
				meet(x, y)
			}
		case what == 9:
			x.restart()
		case what == 10:
			x.pass(time.Duration(rng.IntN(60)) * time.Hour)
		case gone == nil && n > 10:
			gone = u[3]
			if i := u[1].info(id); i.Status == Member {
				must(t, u[1].g.Remove(u[1].at, id, gone.name))
			}
			must(t, u[0].g.Add(u[0].at, id, u[0].id("U4"), false))
		}
		for _, x := range u {
			if i, asked, err := x.g.List(); err == nil && len(asked) > 0 && len(i) == 0 {
				must(t, x.g.Join(x.at, asked[0].ID))
			}
		}
	}
	exchange(t, u...)
	for _, x := range u {
		if i, asked, err := x.g.List(); err == nil && len(asked) > 0 && len(i) == 0 {
			must(t, x.g.Join(x.at, asked[0].ID))
		}
	}
	exchange(t, u...)
	in := u
	if gone != nil {
		in = []*user{u[0], u[1], u[2], u[4]}
		same2(t, "removed", gone.info(id).Status, Removed)
		for _, text := range gone.texts(id) {
			if knew[text] {
				t.Errorf("the removed reads %s", text)
			}
		}
	} else {
		in = u[:4]
	}
	want := strings.Join(in[0].members(id), " ")
	all := u[0].texts(id)
	for _, x := range in {
		same2(t, x.name+" members", strings.Join(x.members(id), " "), want)
		got := x.texts(id)
		if s := slices.Sorted(slices.Values(got)); len(slices.Compact(s)) != len(got) {
			t.Errorf("%s sees one twice: %v", x.name, got)
		}
		// The common letters in the same order.
		common := func(a, b []string) (list []string) {
			for _, s := range a {
				if slices.Contains(b, s) {
					list = append(list, s)
				}
			}
			return list
		}
		same2(t, x.name+" order", common(got, all), common(all, got))
	}
	// Whoever was in it from the beginning has all of the others from the beginning.
	// Of the removed member's, who heard early has fewer.
	lasting := func(x *user) (list []string) {
		for _, text := range x.texts(id) {
			if by[text] != gone {
				list = append(list, text)
			}
		}
		return list
	}
	same2(t, "U1", lasting(u[1]), lasting(u[2]))
}

// TestFifty: a full group of people of whom only one knows the others; one is
// removed. Without JAUAP_TEST=all it is a smaller one.
func TestFifty(t *testing.T) {
	n := 8
	if os.Getenv("JAUAP_TEST") == "all" {
		n = MaxMembers
	}
	hub := newUser(t, "Hub")
	u := []*user{hub}
	for i := 1; i < n; i++ {
		x := newUser(t, fmt.Sprintf("M%02d", i))
		befriend(t, hub, x)
		u = append(u, x)
	}
	var ids []ID
	for _, x := range u[1:] {
		ids = append(ids, hub.id(x.name))
	}
	id, err := hub.g.Found(hub.at, "All", 0, ids)
	must(t, err)
	star := func() { // everybody meets the hub
		for range 3 {
			for _, x := range u[1:] {
				x.pass(time.Minute)
				hub.pass(time.Minute)
				meet(hub, x)
			}
		}
	}
	star()
	for _, x := range u[1:] {
		must(t, x.g.Join(x.at, id))
	}
	star()
	if got := len(hub.info(id).Members); got != n {
		t.Fatalf("%d members", got)
	}
	if err := hub.g.Add(hub.at, id, ids[0], false); n == MaxMembers && err != ErrFull || n < MaxMembers && err != ErrAlready {
		t.Error(err)
	}
	hub.say(id, "one for fifty")
	hub.pack()
	if len(hub.many) != 1 {
		t.Errorf("%d envelopes for one letter", len(hub.many))
	}
	// Nobody but the hub knows the others: their chains go by its hands.
	u[7].say(id, "from seven")
	star()
	star()
	for _, x := range u {
		got := x.texts(id)
		slices.Sort(got)
		same2(t, x.name, got, "[from seven one for fifty]")
	}
	must(t, hub.g.Remove(hub.at, id, "M07"))
	star()
	hub.say(id, "without seven")
	star()
	for _, x := range u {
		want := "[from seven one for fifty without seven]"
		if x == u[7] {
			want = "[from seven one for fifty]"
		}
		got := x.texts(id)
		slices.Sort(got)
		same2(t, x.name, got, want)
	}
}
