package account

import (
	"errors"
	"strings"
	"testing"
)

// TestRename: the new name is the owner's alone and outlives a restart; one that
// cannot stand changes nothing.
func TestRename(t *testing.T) {
	a, dana, timur := newUser(t, "A"), newUser(t, "Dana"), newUser(t, "Timur")
	befriend(t, dana, a)
	befriend(t, timur, a)
	saken := newUser(t, "Saken")
	if _, err := a.a.AcceptAs(a.at, mustInvite(t, saken), "", Introduced, "Timur"); err != nil {
		t.Fatal(err)
	}
	id, source := a.contact("Dana").ID, a.contact("Timur").ID
	if b := a.a.people[id].record(); b[0] != 1 {
		t.Errorf("a contact that nobody renamed is of form %d", b[0])
	}
	for name, want := range map[string]error{
		"": ErrName, " \u200d\n": ErrName, strings.Repeat("я", 33): ErrName, strings.Repeat("n", 65): ErrName,
		"timur": ErrNameTaken, " SAKEN ": ErrNameTaken,
	} {
		if _, err := a.a.Rename(a.at, id, name); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	if _, err := a.a.Rename(a.at, ContactID{9}, "X"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if c := a.contact("Dana"); c.Name != "Dana" || c.Outward() != "Dana" {
		t.Errorf("a name that was refused left %q, %q", c.Name, c.Outward())
	}
	for _, name := range []string{"dana", " Dana\tfrom work\u202e ", "Данагүл"} {
		if _, err := a.a.Rename(a.at, id, name); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	}
	if _, err := a.a.Rename(a.at, source, strings.Repeat("ж", 32)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if c := a.contact("ДАНАГҮЛ"); c.ID != id || c.Name != "Данагүл" || c.Outward() != "Dana" {
			t.Errorf("%q, for others %q", c.Name, c.Outward())
		}
		if c := a.contact("Saken"); c.By != strings.Repeat("ж", 32) {
			t.Errorf("introduced by %q", c.By)
		}
		a.restart(a.vault)
	}
	// The old name is free, and her next letter changes nothing.
	other := newUser(t, "dana")
	befriend(t, other, a)
	if a.contact("DANA").ID == id {
		t.Error("the old name still leads to her")
	}
	befriend(t, dana, a)
	if c := a.contact(id.String()); c.Name != "Данагүл" {
		t.Errorf("a letter renamed her %q", c.Name)
	}
}
