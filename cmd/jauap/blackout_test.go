package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// pair lets two people hold each other's invitations.
func pair(t *testing.T, a, b program, aName, bName string) {
	t.Helper()
	b.ok("accept", a.invite(), "--name", aName)
	a.ok("accept", b.invite(), "--name", bName)
}

// quiet are the flags of a node that only uses what a test gives it.
var quiet = []string{"up", "--no-browser", "--no-multicast", "--page", "127.0.0.1:0", "--receipts", "prompt", "--poll", "200ms"}

func up(p program, more ...string) *running {
	p.t.Helper()
	return p.start([]string{"page"}, append(slices.Clone(quiet), more...)...)
}

// TestRelayForSeconds: the relay answers for five seconds in the dark, and
// the letter crosses in them.
func TestRelayForSeconds(t *testing.T) {
	t.Parallel()
	relay := startRelay(t)
	border := newGate(t, hostPort(t, relay))
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")

	inside := up(aigerim, "--listen", "off", "--relay", through(t, border, relay))
	abroad := up(dana, "--listen", "off", "--relay", relay)
	id := aigerim.send("Dana", "We are alive. Біз аманбыз.")
	if s := aigerim.state(id); s != api.Saved {
		t.Errorf("in the dark the letter is %q", s)
	}
	time.Sleep(1200 * time.Millisecond) // real darkness: a few failed tries
	border.open(t)
	opened := time.Now()
	aigerim.awaitState(id, api.Left, api.Delivered, api.Read)
	if took := time.Since(opened); took > 5*time.Second {
		t.Errorf("it left only after %v", took)
	}
	border.shut()
	dana.await("Aigerim", "We are alive. Біз аманбыз.")

	// The answer waits abroad, on the relay, until the next window.
	dana.send("Aigerim", "We hear you.")
	border.open(t)
	aigerim.await("Dana", "We hear you.")
	aigerim.awaitState(id, api.Delivered, api.Read)
	inside.stop()
	abroad.stop()
}

// TestMeetingOnALAN: a courier meets one, later the other, and can read
// nothing of what was carried.
func TestMeetingOnALAN(t *testing.T) {
	aigerim, timur, dana := newProgram(t, "Aigerim"), newProgram(t, "Timur"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	canary := "canary: the bread is at Saule's"
	id := aigerim.send("Dana", canary)

	courier := timur.start([]string{"page", "listening"}, append(slices.Clone(quiet), "--listen", "127.0.0.1:0")...)
	at := courier.lines["listening"]
	home := up(aigerim, "--listen", "127.0.0.1:0", "--link", at)
	aigerim.awaitState(id, api.Carried)
	home.stop()

	far := up(dana, "--listen", "127.0.0.1:0", "--link", at)
	dana.await("Aigerim", canary)
	far.stop()
	courier.stop()
	if len(timur.texts("")) != 0 {
		t.Error("the courier reads letters")
	}
	searchFor(t, timur.dir, canary, "Aigerim", "Dana")
}

// TestStick: a stick goes there and back by a third person's hands.
func TestStick(t *testing.T) {
	t.Parallel()
	aigerim, timur, dana := newProgram(t, "Aigerim"), newProgram(t, "Timur"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	stick, other := t.TempDir(), t.TempDir()
	canary := "canary: forty people are in the school"
	id := aigerim.send("Dana", canary)
	aigerim.ok("carry", stick)
	if s := aigerim.state(id); s != api.Carried {
		t.Errorf("on the stick the letter is %q", s)
	}
	timur.ok("carry", stick)
	timur.ok("carry", other)
	var haul api.Haul
	dana.json(&haul, "carry", other, "--json")
	if haul.Read == 0 || haul.Opened == 0 {
		t.Errorf("the stick brought %+v", haul)
	}
	if got := dana.texts("Aigerim"); !slices.Contains(got, canary) {
		t.Fatalf("Dana reads %q", got)
	}
	for _, dir := range []string{stick, other, timur.dir} {
		searchFor(t, dir, canary, "Aigerim", "Dana")
	}
	// A second visit brings nothing twice.
	dana.json(&haul, "carry", other, "--json")
	if haul.Read != 0 {
		t.Errorf("the same stick brought %d again", haul.Read)
	}
	if n := strings.Count(strings.Join(dana.texts("Aigerim"), "\n"), canary); n != 1 {
		t.Errorf("the letter is shown %d times", n)
	}
}

// searchFor fails when a folder holds any of the words in clear.
func searchFor(t *testing.T, dir string, words ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) {
				t.Errorf("%s holds %q in clear", path, w)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestExitCodes: wrong use is 2, failure is 1, and both say what to do.
func TestExitCodes(t *testing.T) {
	p := newProgram(t, "Aigerim")
	fresh := program{t, filepath.Join(t.TempDir(), "none")}
	for _, c := range []struct {
		p    program
		args []string
		code int
		says string
	}{
		{p, []string{"send"}, 2, "whom to write to is missing"},
		{p, []string{"send", "Dana"}, 2, "text is missing"},
		{p, []string{"send", "Dana", "hello"}, 1, "nobody of that name"},
		{p, []string{"accept", "jauap:1:garbage"}, 2, "not a Jauap invitation"},
		{p, []string{"accept"}, 2, "is missing"},
		{p, []string{"carry", filepath.Join(p.dir, "nowhere")}, 2, "nowhere"},
		{p, []string{"up", "--page", "0.0.0.0:1"}, 2, "loopback only"},
		{p, []string{"up", "--relay", "http://example"}, 1, "relay"},
		{p, []string{"dance"}, 2, "dance"},
		{p, []string{"people", "--colour"}, 2, "colour"},
		{fresh, []string{"people"}, 1, "jauap init"},
		{fresh, []string{"init"}, 2, "JAUAP_PASSPHRASE"},
		{p, []string{"init", "--no-passphrase"}, 1, "already"},
	} {
		_, errs, code := c.p.try(c.args...)
		if code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("jauap %s: exit %d, %q; want %d and %q", strings.Join(c.args, " "), code, errs, c.code, c.says)
		}
	}
}

// TestPassphrase: a profile opens with its passphrase and with no other.
func TestPassphrase(t *testing.T) {
	t.Parallel()
	p := program{t, filepath.Join(t.TempDir(), "locked")}
	good, bad := filepath.Join(t.TempDir(), "good"), filepath.Join(t.TempDir(), "bad")
	for name, pass := range map[string]string{good: "apple river cloud seven lamp\n", bad: "apple river cloud seven lamb\n"} {
		if err := os.WriteFile(name, []byte(pass), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.ok("init", "--name", "Aigerim", "--passphrase-file", good)
	if out := p.ok("me", "--passphrase-file", good); !strings.Contains(out, "Aigerim") {
		t.Errorf("me says %q", out)
	}
	if _, errs, code := p.try("me", "--passphrase-file", bad); code != 1 || !strings.Contains(errs, "wrong passphrase") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, errs, code := p.try("me"); code != 2 || !strings.Contains(errs, "JAUAP_PASSPHRASE") {
		t.Errorf("without a passphrase: exit %d: %s", code, errs)
	}
	searchFor(t, p.dir, "Aigerim", "apple river")
}

// TestCourier: inside, courier, abroad and a relay, each a process. The
// courier meets the one inside, crosses the border, and comes home with the
// answer.
func TestCourier(t *testing.T) {
	t.Parallel()
	relay := startRelay(t)
	border := newGate(t, hostPort(t, relay))
	aigerim, timur, dana := newProgram(t, "Aigerim"), newProgram(t, "Timur"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	courier := timur.start([]string{"page", "listening"},
		append(slices.Clone(quiet), "--listen", "127.0.0.1:0", "--relay", through(t, border, relay))...)
	home := append(slices.Clone(quiet), "--listen", "127.0.0.1:0", "--link", courier.lines["listening"])
	inside := aigerim.start([]string{"page"}, home...)
	abroad := up(dana, "--listen", "off", "--relay", relay)

	id := aigerim.send("Dana", "By Timur's hand.")
	aigerim.awaitState(id, api.Carried)
	inside.stop() // they part
	border.open(t)
	dana.await("Aigerim", "By Timur's hand.")
	dana.send("Aigerim", "And back by it.")
	timur.awaitShelf(2) // his phone pulled what is new on the relay
	border.shut()
	inside = aigerim.start([]string{"page"}, home...)
	aigerim.await("Dana", "And back by it.")
	aigerim.awaitState(id, api.Delivered, api.Read)
	inside.stop()
	courier.stop()
	abroad.stop()
	searchFor(t, timur.dir, "Timur's hand", "back by it")
}

// awaitShelf waits until a device carries at least n envelopes.
func (p program) awaitShelf(n int) {
	p.t.Helper()
	begin := time.Now()
	for time.Since(begin) < 30*time.Second {
		var s api.Status
		p.json(&s, "status", "--json")
		if s.Shelf.Envelopes >= n {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("fewer than %d envelopes are carried", n)
}
