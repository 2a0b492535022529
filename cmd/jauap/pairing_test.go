package main

import (
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

func (p program) code() api.Code {
	p.t.Helper()
	var c api.Code
	p.json(&c, "invite", "--digits", "--json")
	return c
}

func (p program) look(args ...string) api.Look {
	p.t.Helper()
	var l api.Look
	p.json(&l, append([]string{"accept", "--json"}, args...)...)
	return l
}

// person polls until somebody is known in a certain way; the wait is for other
// processes.
func (p program) person(name string, is func(api.Person) bool) api.Person {
	p.t.Helper()
	begin := time.Now()
	for time.Since(begin) < 60*time.Second {
		var list []api.Person
		p.json(&list, "people", "--json")
		for _, o := range list {
			if o.Name == name && is(o) {
				return o
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("%s is not known so:\n%s\n%s", name, p.ok("people"), p.ok("calls"))
	return api.Person{}
}

func byVoice(p api.Person) bool { return p.Verified == "by voice" }
func both(p api.Person) bool    { return byVoice(p) && p.Theirs == "by voice" }

// TestTelephoneOverRelay: two processes that have nothing but a relay pair by
// digits one way and words the other, half way shows as that, and letters go.
func TestTelephoneOverRelay(t *testing.T) {
	t.Parallel()
	relay := startRelay(t)
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	up := func(p program) *running {
		return p.start([]string{"page"}, "up", "--no-browser", "--listen", "off", "--relay", relay)
	}
	// Dana makes her code before she has any way out, and types before Aigerim
	// has made the card reach anything.
	cd := dana.code()
	a := up(aigerim)
	ca := aigerim.code()
	if l := aigerim.look(cd.Digits, "--name", "Daughter"); l.State != "looking" {
		t.Fatalf("%+v", l)
	}
	wrong := strings.Replace(cd.Digits, cd.Digits[:1], string('0'+(cd.Digits[0]-'0'+1)%10), 1)
	if _, errs, code := aigerim.try("accept", wrong); code != exitUsage || !strings.Contains(errs, "wrong") {
		t.Errorf("a wrong digit: %d %s", code, errs)
	}
	a.kill()
	up(aigerim) // what is looked for outlives the process
	up(dana)
	aigerim.person("Daughter", byVoice)
	// Half: Dana does not know yet who answered her.
	half := dana.person("Aigerim", func(p api.Person) bool { return p.Theirs == "by voice" })
	if half.Verified != "" {
		t.Errorf("verified without a code: %+v", half)
	}
	if out := dana.ok("people"); !strings.Contains(out, "you have not checked them") {
		t.Errorf("half is not said:\n%s", out)
	}
	if l := dana.look(append(ca.Words["kk"], "--wait", "60s")...); l.State != "found" || l.Person == nil || l.Person.ID != half.ID {
		t.Fatalf("%+v", l)
	}
	dana.person("Aigerim", both)
	aigerim.person("Daughter", both)
	aigerim.send("Daughter", "Біз аманбыз")
	dana.await("Aigerim", "Біз аманбыз")
	dana.send("Aigerim", "Жақсы")
	aigerim.await("Daughter", "Жақсы")
	var calls api.Calls
	dana.json(&calls, "calls", "--json")
	if len(calls.Codes) != 1 || calls.Codes[0].EndsAt != nil || len(calls.Codes[0].Answers) != 1 {
		t.Errorf("%+v", calls.Codes)
	}
}

// TestTelephoneOverLAN: no relay anywhere, only each other.
func TestTelephoneOverLAN(t *testing.T) {
	t.Parallel()
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	ca, cd := aigerim.code(), dana.code()
	aigerim.look(cd.Digits)
	dana.look(strings.ReplaceAll(ca.Digits, " ", ""))
	a := aigerim.start([]string{"page", "listening"}, "up", "--no-browser", "--listen", "127.0.0.1:0")
	dana.start([]string{"page"}, "up", "--no-browser", "--listen", "127.0.0.1:0", "--link", a.lines["listening"])
	aigerim.person("Dana", both)
	dana.person("Aigerim", both)
}

// TestIntroduction: three processes; C asks, both say yes, and they write to
// each other without C.
func TestIntroduction(t *testing.T) {
	t.Parallel()
	relay := startRelay(t)
	timur, aigerim, dana := newProgram(t, "Timur"), newProgram(t, "Aigerim"), newProgram(t, "Dana")
	for _, p := range []program{aigerim, dana} {
		p.ok("accept", timur.invite(), "--in-person")
	}
	up := func(p program) *running {
		return p.start([]string{"page"}, "up", "--no-browser", "--listen", "off", "--relay", relay)
	}
	c := up(timur)
	up(aigerim)
	up(dana)
	any1 := func(api.Person) bool { return true }
	timur.person("Aigerim", any1)
	timur.person("Dana", any1)
	timur.ok("introduce", "Aigerim", "Dana")
	for _, p := range []struct {
		program
		other string
	}{{aigerim, "Dana"}, {dana, "Aigerim"}} {
		begin, asked := time.Now(), false
		for !asked && time.Since(begin) < 60*time.Second {
			asked = strings.Contains(p.ok("introductions"), "Timur wants to introduce you to "+p.other)
			time.Sleep(50 * time.Millisecond)
		}
		if !asked {
			t.Fatalf("not asked about %s", p.other)
		}
		p.ok("introductions", "--yes", p.other)
	}
	introduced := func(p api.Person) bool { return p.Verified == "introduced by Timur" && p.VerifiedAt != nil }
	aigerim.person("Dana", introduced)
	dana.person("Aigerim", introduced)
	c.kill()
	aigerim.send("Dana", "Сәлем")
	dana.await("Aigerim", "Сәлем")
	var me api.Me
	aigerim.json(&me, "me", "--json")
	dana.ok("verify", "Aigerim", me.Digits)
	dana.person("Aigerim", byVoice)
}
