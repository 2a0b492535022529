package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

func (p program) group(name string) (g api.Group) {
	p.t.Helper()
	p.json(&g, "group", "show", name, "--json")
	return g
}

// awaitGroup polls until a group is as it should be; the wait is for others.
func (p program) awaitGroup(name, what string, ok func(api.Group) bool) {
	p.t.Helper()
	var last api.Group
	for begin := time.Now(); time.Since(begin) < 60*time.Second; time.Sleep(50 * time.Millisecond) {
		var list []api.Group
		p.json(&list, "group", "list", "--json")
		for _, g := range list {
			if g.Name == name {
				if last = g; ok(g) {
					return
				}
			}
		}
	}
	p.t.Fatalf("%s: %s never happened: %+v", p.dir, what, last)
}

func members(n int) func(api.Group) bool {
	return func(g api.Group) bool { return g.Status == "member" && len(g.Members) == n }
}

// TestGroup: two by a relay, the third by a stick only; one is removed while
// another cannot hear of it.
func TestGroup(t *testing.T) {
	t.Parallel()
	relay := startRelay(t)
	a, b, c := newProgram(t, "Aigerim"), newProgram(t, "Dana"), newProgram(t, "Timur")
	pair(t, a, b, "Aigerim", "Dana")
	pair(t, a, c, "Aigerim", "Timur")
	pair(t, b, c, "Dana", "Timur")
	stick := t.TempDir()
	walk := func() { // there and back
		c.ok("carry", stick)
		a.ok("carry", stick)
		c.ok("carry", stick)
		a.ok("carry", stick)
	}
	nodeA := up(a, "--listen", "off", "--relay", relay)
	nodeB := up(b, "--listen", "off", "--relay", relay)
	walk()

	a.ok("group", "new", "Home", "Dana", "Timur", "--family")
	b.awaitGroup("Home", "the invitation", func(g api.Group) bool { return g.Status == "invited" && g.From == "Aigerim" })
	b.ok("group", "join", "Home")
	a.awaitGroup("Home", "Dana", members(2))
	b.awaitGroup("Home", "being a member", members(2))
	walk()
	c.ok("group", "join", "Home")
	walk()
	walk()
	for _, p := range []program{a, b, c} {
		p.awaitGroup("Home", "all three", members(3))
	}

	id := a.send("Home", "one envelope for all")
	b.await("Home", "one envelope for all")
	c.ok("send", "Home", "written in the dark", "--attach", a.dir+"/jauap.conf")
	walk()
	walk()
	b.await("Home", "written in the dark")
	if got := c.texts("Home"); !slices.Contains(got, "one envelope for all") {
		t.Fatalf("the stick brought %q", got)
	}
	var list []api.Letter
	b.json(&list, "read", "Home", "--json")
	i := slices.IndexFunc(list, func(l api.Letter) bool { return l.Text == "written in the dark" })
	if l := list[i]; l.From != "Timur" || l.Group != "Home" || len(l.Attachments) != 1 || l.Attachments[0].Have != l.Attachments[0].Bytes {
		t.Fatalf("%+v", l)
	}
	b.send("Home", "seen")
	a.await("Home", "seen")
	begin := time.Now()
	for reach := (&api.Reach{}); reach.Of != 2 || reach.Delivered < 1; time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 60*time.Second {
			t.Fatalf("%+v", reach)
		}
		var out []api.Outgoing
		a.json(&out, "outbox", "--json")
		for _, o := range out {
			if o.ID == id && o.Reach != nil {
				reach = o.Reach
			}
		}
	}

	wordToGroup(t, a, b, c, walk)

	// Dana takes Timur out; he is far, and so is the news of it.
	b.ok("group", "remove", "Home", "Timur")
	a.awaitGroup("Home", "the removal", members(2))
	a.send("Home", "without Timur")
	b.await("Home", "without Timur")
	walk()
	walk()
	if got := c.texts("Home"); slices.Contains(got, "without Timur") {
		t.Fatalf("the removed member reads %q", got)
	}
	if g := c.group("Home"); g.Status != "removed" {
		t.Errorf("Timur is %q", g.Status)
	}
	if _, errs, code := c.try("send", "Home", "let me in"); code == 0 || !strings.Contains(errs, "member") {
		t.Errorf("exit %d: %s", code, errs)
	}
	searchFor(t, stick, "one envelope for all", "Home", "Timur")
	nodeA.stop()
	nodeB.stop()
}

// wordToGroup: a status goes to the members in reach at once and to the third by
// stick; it is the writer's status there, and no letter.
func wordToGroup(t *testing.T, a, b, c program, walk func()) {
	t.Helper()
	if out := a.ok("safe", "--to", "Home", "--place", "Тараз", "--note", "Біз аманбыз", "--sms"); !strings.Contains(out, "Saved for Home.") {
		t.Error(out)
	}
	word := func(g api.Group) bool {
		return slices.ContainsFunc(g.Members, func(m api.GroupMember) bool {
			return m.Name == "Aigerim" && m.Word != nil && m.Word.Kind == "safe" && m.Word.Note == "Біз аманбыз"
		})
	}
	b.awaitGroup("Home", "the word", word)
	if out := b.ok("people"); !strings.Contains(out, "safe · Тараз · Біз аманбыз") {
		t.Error(out)
	}
	if out := c.ok("people"); strings.Contains(out, "Біз аманбыз") {
		t.Fatal("who is cut off knows already")
	}
	walk()
	walk()
	c.awaitGroup("Home", "the word by stick", word)
	if got := c.texts("Home"); slices.Contains(got, "Біз аманбыз") {
		t.Errorf("the word stands among the letters: %q", got)
	}
	if out := c.ok("group", "show", "Home"); !strings.Contains(out, "safe · Тараз") {
		t.Error(out)
	}
	var told []api.Told
	a.json(&told, "told", "--json")
	if len(told) != 1 || len(told[0].To) != 1 || !told[0].To[0].Group || told[0].To[0].Name != "Home" || told[0].To[0].Reach == nil || told[0].To[0].Reach.Of != 2 {
		t.Fatalf("%+v", told)
	}
	if out := a.ok("told"); !strings.Contains(out, "of 2 have it") {
		t.Error(out)
	}
	if _, errs, code := a.try("safe", "--to", "nobody"); code == exitOK || !strings.Contains(errs, "nobody of that name") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, errs, code := a.try("checkin", "--by", "1h", "--to", "Home"); code == exitOK || !strings.Contains(errs, "nobody of that name") {
		t.Errorf("a promise to a group: exit %d: %s", code, errs)
	}
}

// TestForgetGroup: a group that was left, and only such a one, can be erased.
func TestForgetGroup(t *testing.T) {
	t.Parallel()
	a, b := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, a, b, "Aigerim", "Dana")
	a.ok("group", "new", "Home", "Dana")
	a.ok("group", "new", "Work", "Dana")
	a.ok("send", "Home", "жасырын сөз")
	a.ok("send", "Work", "жұмыс сөзі")
	if _, errs, code := a.try("group", "forget", "Home"); code == exitOK || !strings.Contains(errs, "leave it first") {
		t.Errorf("a member forgot: exit %d: %s", code, errs)
	}
	a.ok("group", "leave", "Home")
	if out := a.ok("group", "list"); !strings.Contains(out, "Work: member, 1 people, 0 new, 1 waiting to leave\nHome: left") {
		t.Errorf("left: %s", out)
	}
	a.ok("group", "forget", "Home")
	if out := a.ok("group", "list"); strings.Contains(out, "Home") || !strings.Contains(out, "Work: member") {
		t.Errorf("forgotten: %s", out)
	}
	if out := a.ok("search", "сөз"); strings.Contains(out, "жасырын") || !strings.Contains(out, "жұмыс") {
		t.Errorf("its letters are still found: %s", out)
	}
}
