package group

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/roster"
)

// TestLife of a group: found, join, write with a file, states, remove, leave.
func TestLife(t *testing.T) {
	u := everybody(t, 4)
	id := found(t, 0, u...)
	for _, x := range u {
		same2(t, x.name, x.members(id), "[U0 U1 U2 U3]")
	}
	for i, m := range u[3].info(id).Members {
		if m.Admin != (i < 3) || !m.Said {
			t.Errorf("%+v", m)
		}
	}
	letter := u[0].say(id, "жив ли кто?", chat.Attachment{Name: "a.txt", Data: []byte(strings.Repeat("file ", 5000))})
	u[0].pack()
	if n := len(u[0].many); n == 0 || n > 5 {
		t.Errorf("%d envelopes for one letter to three", n)
	}
	if r, err := u[0].g.Reach(letter); err != nil || r[letter].Of != 3 || r[letter].Delivered != 0 || len(r[letter].Missing) != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	exchange(t, u[0], u[1], u[2])
	if r, _ := u[0].g.Reach(letter); r[letter].Of != 3 || r[letter].Delivered != 2 || strings.Join(r[letter].Missing, "") != "U3" {
		t.Fatalf("%+v", r)
	}
	if l, _ := u[0].c.Letter(letter); l.State == chat.Delivered {
		t.Error("delivered although one does not have it")
	}
	exchange(t, u...)
	for _, x := range u[1:] {
		list, err := x.c.Conversation(id, account.LetterID{}, 0)
		must(t, err)
		if len(list) != 1 || list[0].Text != "жив ли кто?" || list[0].Mine || len(list[0].Files) != 1 || !list[0].Files[0].Whole() || list[0].ID != letter {
			t.Fatalf("%s: %+v", x.name, list)
		}
		if name, ok := x.g.Author(list[0].By); !ok || name != "U0" {
			t.Error(name, ok)
		}
		must(t, x.c.MarkRead(x.at, letter))
	}
	if l, _ := u[0].c.Letter(letter); l.State != chat.Delivered {
		t.Error(l.State)
	}
	exchange(t, u...)
	if l, _ := u[0].c.Letter(letter); l.State != chat.Read {
		t.Error(l.State)
	}
	if r, _ := u[0].g.Reach(letter); r[letter].Read != 3 {
		t.Errorf("%+v", r)
	}
	// The writer's proof, and nobody else's, took the envelopes away.
	for _, x := range u[1:] {
		for _, e := range u[0].many {
			if x.shelf[e] != nil || !x.done[e] {
				t.Errorf("%s still carries what all have", x.name)
			}
		}
	}
	u[1].say(id, "here")
	exchange(t, u...)
	must(t, u[2].g.Leave(u[2].at, id))
	exchange(t, u...)
	for _, x := range u {
		if x != u[2] {
			same2(t, x.name, x.members(id), "[U0 U1 U3]")
		}
	}
	if u[2].info(id).Status != Left {
		t.Error(u[2].info(id).Status)
	}
	if _, err := u[2].c.Send(u[2].at, id, "still?", nil, 0); !errors.Is(err, ErrNotMember) {
		t.Error(err)
	}
	if err := u[3].g.Remove(u[3].at, id, "U1"); !errors.Is(err, ErrNotAdmin) {
		t.Error(err)
	}
	must(t, u[0].g.Remove(u[0].at, id, "U1"))
	exchange(t, u...)
	if s := u[1].info(id).Status; s != Removed {
		t.Error(s)
	}
	u[0].say(id, "without two")
	exchange(t, u...)
	same2(t, "U3", u[3].texts(id), "[жив ли кто? here without two]")
	same2(t, "U1", u[1].texts(id), "[жив ли кто? here]")
	same2(t, "U2", u[2].texts(id), "[жив ли кто? here]")
}

// TestPartition: two halves write, one removes a member, then they merge.
func TestPartition(t *testing.T) {
	u := everybody(t, 5)
	id := found(t, 0, u...)
	for _, x := range u {
		x.say(id, x.name)
	}
	exchange(t, u...)
	left, right := []*user{u[0], u[1]}, []*user{u[2], u[3], u[4]}
	must(t, u[0].g.Remove(u[0].at, id, "U4"))
	exchange(t, left...)
	info := u[0].info(id)
	if len(info.Removals) != 1 || info.Removals[0].Name != "U4" || info.Removals[0].By != "U0" {
		t.Fatalf("%+v", info.Removals)
	}
	// U1 has heard of it, but its device said nothing since.
	u[1].say(id, "left, after")
	exchange(t, left...)
	same2(t, "not heard", u[0].info(id).Removals[0].NotHeard, "[U2 U3]")
	u[2].say(id, "right, not knowing")
	exchange(t, right...)
	same2(t, "the removed", u[4].texts(id)[5:], "[right, not knowing]")
	u[4].say(id, "the removed, before anybody on the right knew")
	exchange(t, right...)
	// They meet.
	exchange(t, u...)
	same2(t, "removed", u[4].info(id).Status, Removed)
	u[2].say(id, "right, knowing")
	u[3].say(id, "right, knowing too")
	exchange(t, u...)
	if n := len(u[0].info(id).Removals); n != 0 {
		t.Errorf("%+v", u[0].info(id).Removals)
	}
	for _, x := range u[:4] {
		same2(t, x.name, x.members(id), "[U0 U1 U2 U3]")
	}
	got := u[4].texts(id)
	for _, text := range got {
		if strings.Contains(text, "after") || strings.Contains(text, ", knowing") {
			t.Errorf("the removed member reads %q", text)
		}
	}
	// Who heard before the letter came does not show it; who had it keeps it.
	same2(t, "order", u[1].texts(id), u[0].texts(id))
	for _, x := range u[:2] {
		if strings.Contains(strings.Join(x.texts(id), "|"), "the removed, before") {
			t.Error("a letter past the cut is shown")
		}
	}
}

// TestNoContacts: members who do not know each other reach each other by whom
// they have in common.
func TestNoContacts(t *testing.T) {
	var u []*user
	for _, n := range []string{"A", "B", "C", "D"} {
		u = append(u, newUser(t, n))
	}
	// A knows B and C; C knows D.
	befriend(t, u[0], u[1])
	befriend(t, u[0], u[2])
	befriend(t, u[2], u[3])
	id := found(t, roster.AllAdmins, u[0], u[1], u[2])
	must(t, u[2].g.Add(u[2].at, id, u[2].id("D"), false))
	exchange(t, u...)
	must(t, u[3].g.Join(u[3].at, id))
	exchange(t, u...)
	for _, x := range u {
		x.say(id, "from "+x.name)
		exchange(t, u...)
	}
	for _, x := range u {
		same2(t, x.name, x.texts(id), "[from A from B from C from D]")
		same2(t, x.name, x.members(id), "[A B C D]")
	}
	for _, m := range u[1].info(id).Members {
		if m.Name == "D" && (m.Said || m.Teller != "A" && m.Teller != "C") {
			t.Errorf("%+v", m)
		}
	}
}

// TestCrashes restarts everybody all the time and loses, doubles and delays.
func TestCrashes(t *testing.T) {
	u := everybody(t, 3)
	id := found(t, 0, u...)
	for round := range 12 {
		for i, x := range u {
			x.say(id, strings.Repeat("x", round*3+i+1))
			if round%3 == i {
				x.restart()
			}
			x.pass(7 * time.Hour)
		}
		meet(u[round%3], u[(round+1)%3])
		if round%4 == 0 {
			u[0].restart()
			for _, raw := range u[1].out { // again and again
				u[0].open(raw)
			}
		}
	}
	exchange(t, u...)
	want := u[0].texts(id)
	if len(want) != 36 {
		t.Fatal(len(want))
	}
	for _, x := range u {
		same2(t, x.name, x.texts(id), want)
		x.restart()
		same2(t, x.name, x.texts(id), want)
	}
}

// TestTwoToAdd: with that rule the second admin agrees.
func TestTwoToAdd(t *testing.T) {
	u := everybody(t, 4)
	id := found(t, roster.TwoToAdd, u[:2]...)
	same2(t, "the first admin is added alone", u[1].members(id), "[U0 U1]")
	must(t, u[0].g.Add(u[0].at, id, u[0].id("U2"), false))
	exchange(t, u...)
	must(t, u[2].g.Join(u[2].at, id))
	exchange(t, u...)
	for _, x := range u[:2] {
		if i := x.info(id); len(i.Members) != 2 || len(i.Proposed) != 1 || i.Proposed[0].Name != "U2" {
			t.Fatalf("%s: %+v", x.name, i)
		}
	}
	must(t, u[1].g.Add(u[1].at, id, u[1].id("U2"), false))
	exchange(t, u...)
	for _, x := range u[:3] {
		same2(t, x.name, x.members(id), "[U0 U1 U2]")
	}
}

// TestBack: who was removed comes back as somebody new, and reads what is
// written from then on.
func TestBack(t *testing.T) {
	u := everybody(t, 3)
	id := found(t, roster.AllAdmins, u...)
	u[0].say(id, "one")
	exchange(t, u...)
	must(t, u[0].g.Remove(u[0].at, id, "U2"))
	exchange(t, u...)
	u[0].say(id, "two")
	exchange(t, u...)
	if err := u[0].g.Hide(u[0].at, id); !errors.Is(err, ErrStays) {
		t.Errorf("a member hides the group: %v", err)
	}
	must(t, u[2].g.Hide(u[2].at, id))
	if list, _, err := u[2].g.List(); err != nil || len(list) != 0 {
		t.Errorf("hidden, and in the list: %v %v", list, err)
	}
	must(t, u[1].g.Add(u[1].at, id, u[1].id("U2"), false))
	exchange(t, u...)
	must(t, u[2].g.Join(u[2].at, id))
	exchange(t, u...)
	if list, _, err := u[2].g.List(); err != nil || len(list) != 1 || list[0].Status != Member {
		t.Errorf("in it again, and not in the list: %v %v", list, err)
	}
	u[0].say(id, "three")
	exchange(t, u...)
	u[2].say(id, "back")
	exchange(t, u...)
	same2(t, "who is back", u[2].texts(id), "[one three back]")
	same2(t, "another", u[1].texts(id), "[one two three back]")
	for _, x := range u {
		same2(t, x.name, x.members(id), "[U0 U1 U2]")
	}
}

// TestNobodyYet: a letter written before anybody joined is for who comes.
func TestNobodyYet(t *testing.T) {
	u := everybody(t, 2)
	id, err := u[0].g.Found(u[0].at, "Early", 0, []account.ContactID{u[0].id("U1")})
	must(t, err)
	letter := u[0].say(id, "is there anybody?")
	other := u[0].say(u[0].id("U1"), "between us")
	exchange(t, u...)
	must(t, u[1].g.Join(u[1].at, id))
	exchange(t, u...)
	same2(t, "U1", u[1].texts(id), "[is there anybody?]")
	r, err := u[0].g.Reach(other, letter)
	must(t, err)
	if r[letter].Delivered != 1 || r[letter].Of != 1 || len(r) != 1 {
		t.Fatalf("%+v", r)
	}
}

// TestNames: people and groups share one space.
func TestNames(t *testing.T) {
	u := everybody(t, 2)
	id, err := u[0].g.Found(u[0].at, "u1", 0, nil)
	must(t, err)
	if _, name, ok := u[0].a.Held("u1 (2)"); !ok || name != "u1 (2)" {
		t.Fatal(name, ok)
	}
	if got, _, ok := u[0].a.Held(id.String()); !ok || got != id {
		t.Fatal("not found by id")
	}
	x := newUser(t, "u1 (2)")
	befriend(t, u[0], x)
	c, err := u[0].a.ContactByID(account.IDOf(x.a.Me().Public()))
	must(t, err)
	if c.Name != "u1 (2) (2)" {
		t.Error(c.Name)
	}
}
