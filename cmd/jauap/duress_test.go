package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

const duressPhrase = "nine wolves under the bridge"

// forced is a profile with both passphrases, in files, and a letter that has not left.
func forced(t *testing.T, tag string) (a, b program, real, duress string) {
	t.Helper()
	a, b = program{t, filepath.Join(t.TempDir(), "a")}, program{t, filepath.Join(t.TempDir(), "b")} // names in no path
	a.ok("init", "--name", "Aigerim"+tag, "--no-passphrase")
	b.ok("init", "--name", "Dana"+tag, "--no-passphrase")
	pair(t, a, b, "Aigerim"+tag, "Dana"+tag)
	a.send("Dana"+tag, "the last canary "+tag)
	real, duress = protect(t, a, phrase+tag), filepath.Join(t.TempDir(), "duress")
	if err := os.WriteFile(duress, []byte(duressPhrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return a, b, real, duress
}

func (p program) id(args ...string) string {
	p.t.Helper()
	var me api.Me
	p.json(&me, append([]string{"me", "--json"}, args...)...)
	return me.ID
}

// emptyNow looks for a profile that never wrote anything.
func emptyNow(t *testing.T, p program, args ...string) {
	t.Helper()
	for _, c := range []struct{ cmd, says string }{{"people", "Nobody yet"}, {"read", ""}, {"outbox", ""}, {"me", "(none)"}} {
		if out := p.ok(append([]string{c.cmd}, args...)...); !strings.Contains(out, c.says) || strings.Contains(out, "Dana") || strings.Contains(out, "canary") {
			t.Errorf("%s: %s", c.cmd, out)
		}
	}
}

// TestDuress: who is forced to open a locked device types the other passphrase.
func TestDuress(t *testing.T) {
	t.Parallel()
	tag := fmt.Sprintf("%x", rand.Uint64())
	a, b, real, duress := forced(t, tag)
	if _, errs, code := a.try("passphrase", "--duress", "--passphrase-file", real, "--new-file", real); code != 2 || !strings.Contains(errs, "slip of the finger") {
		t.Fatalf("the same twice: exit %d, %s", code, errs)
	}
	node := up(a, "--listen", "off", "--passphrase-file", real)
	before := a.id()
	set := a.ok("passphrase", "--duress", "--passphrase-file", real, "--new-file", duress)
	image := filepath.Join(t.TempDir(), "image")
	a.ok("lock")
	if err := os.CopyFS(image, os.DirFS(a.dir)); err != nil {
		t.Fatal(err)
	}
	held := shelfOf(t, a)
	if held == 0 {
		t.Fatal("nothing on the shelf: the test proves nothing")
	}
	if out := a.ok("unlock", "--passphrase-file", duress); !strings.Contains(out, "Open") {
		t.Errorf("unlocking says %q", out)
	}
	emptyNow(t, a)
	after := a.id()
	if after == before || shelfOf(t, a) != held {
		t.Errorf("the same pseudonym: %v; carried %d, and before %d", after == before, shelfOf(t, a), held)
	}
	names := []string{"Aigerim" + tag, "Dana" + tag, "the last canary " + tag, phrase + tag}
	for word, n := range remains(t, node.cmd.Process.Pid, names...) {
		if n > 0 {
			t.Errorf("in memory %d times: %q", n, word)
		}
	}
	if hits := grep(t, a.dir, names...); len(hits) > 0 {
		t.Errorf("on the disk: %v", hits)
	}
	// What was sealed still goes, as anybody's.
	stick := t.TempDir()
	a.ok("carry", stick)
	b.ok("carry", stick)
	if out := b.ok("read"); !strings.Contains(out, "the last canary "+tag) {
		t.Errorf("the letter on the shelf did not arrive: %s", out)
	}
	a.ok("lock")
	if _, errs, code := a.try("unlock", "--passphrase-file", real); code != 1 || !strings.Contains(errs, "not the passphrase") {
		t.Errorf("the first: exit %d, %s", code, errs)
	}
	a.ok("unlock", "--passphrase-file", duress)
	if a.id() != after {
		t.Error("another pseudonym each time")
	}
	node.stop()
	if a.id("--passphrase-file", duress) != after {
		t.Error("another pseudonym after the node")
	}
	// The empty profile is one like any other, and says the same.
	again := filepath.Join(t.TempDir(), "again")
	if err := os.WriteFile(again, []byte("seven copper lanterns far away"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := a.ok("passphrase", "--duress", "--passphrase-file", duress, "--new-file", again); out != set {
		t.Errorf("says %q, before %q", out, set)
	}
	// It does not protect from a copy that was made before.
	copied := program{t, image}
	if err := os.Remove(filepath.Join(image, "door.json")); err != nil {
		t.Fatal(err)
	}
	if out := copied.ok("people", "--passphrase-file", real); !strings.Contains(out, "Dana") {
		t.Errorf("the image: %s", out)
	}
}

// TestDuressDoors: it does the same wherever a passphrase is asked for.
func TestDuressDoors(t *testing.T) {
	t.Parallel()
	from, _, real, duress := forced(t, "")
	from.ok("passphrase", "--duress", "--passphrase-file", real, "--new-file", duress)
	before := from.id("--passphrase-file", real)
	for name, act := range map[string]func(t *testing.T, p program) (stop func()){
		"command": func(_ *testing.T, p program) func() { p.ok("read", "--passphrase-file", duress); return nil },
		"start": func(_ *testing.T, p program) func() {
			return up(p, "--listen", "off", "--passphrase-file", duress).stop
		},
		"page": func(t *testing.T, p program) func() {
			node := up(p, "--listen", "off", "--locked")
			if got := enter(t, node).post("/", "pass", duressPhrase); strings.Contains(got, "Dana") || strings.Contains(got, "is locked") {
				t.Errorf("the page:\n%s", got)
			}
			return node.stop
		},
		"change": func(_ *testing.T, p program) func() {
			p.ok("passphrase", "--duress", "--off", "--passphrase-file", duress)
			return nil
		},
		"change under a node": func(t *testing.T, p program) func() {
			node := up(p, "--listen", "off", "--passphrase-file", real)
			if _, errs, code := p.try("passphrase", "--duress", "--off", "--passphrase-file", duress); code != 1 || !strings.Contains(errs, "wrong passphrase") {
				t.Errorf("exit %d, %s", code, errs)
			}
			if _, errs, code := p.try("people"); code != 1 || !strings.Contains(errs, "locked") {
				t.Errorf("not locked: exit %d, %s", code, errs)
			}
			p.ok("unlock", "--passphrase-file", duress)
			return node.stop
		},
		"change on the page": func(t *testing.T, p program) func() {
			node := up(p, "--listen", "off", "--passphrase-file", real)
			page := enter(t, node)
			if got := page.post("/passphrase", "act", "off", "now", duressPhrase); strings.Contains(got, "Dana") || !strings.Contains(got, "is locked") {
				t.Errorf("not locked:\n%s", got)
			}
			for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) { // the process begins anew
				if _, errs, code := p.try("status"); code == 0 {
					break
				} else if time.Since(begin) > 60*time.Second {
					t.Fatalf("the node does not come back: %s", errs)
				}
			}
			page.post("/", "pass", duressPhrase)
			return node.stop
		},
	} {
		if name != "page" && os.Getenv("JAUAP_TEST") != "all" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := program{t, filepath.Join(t.TempDir(), "p")}
			if err := os.CopyFS(p.dir, os.DirFS(from.dir)); err != nil {
				t.Fatal(err)
			}
			stop, args := act(t, p), []string{"--passphrase-file", duress}
			if stop != nil {
				args = nil
			}
			if out := p.ok(append([]string{"people"}, args...)...); !strings.Contains(out, "Nobody yet") {
				t.Errorf("people: %s", out)
			}
			if stop != nil && p.id() == before {
				t.Error("the same pseudonym")
			}
			if stop != nil {
				stop()
			}
			if _, errs, code := p.try("people", "--passphrase-file", real); code != 1 || !strings.Contains(errs, "wrong passphrase") {
				t.Errorf("the first: exit %d, %s", code, errs)
			}
		})
	}
}

// TestDuressKill: whenever the program dies that fires, either all is there or nothing is,
// and the second passphrase opens an empty profile.
func TestDuressKill(t *testing.T) {
	t.Parallel()
	rounds := 2
	if os.Getenv("JAUAP_TEST") == "all" {
		rounds = 12
	}
	from, _, real, duress := forced(t, "")
	from.ok("passphrase", "--duress", "--passphrase-file", real, "--new-file", duress)
	head := func(p program) string {
		b, err := os.ReadFile(filepath.Join(p.dir, "vault.db.head"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(b)
	}
	was := head(from)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	whole, gone := 0, 0
	for i := range rounds {
		p := program{t, filepath.Join(t.TempDir(), "p")}
		if err := os.CopyFS(p.dir, os.DirFS(from.dir)); err != nil {
			t.Fatal(err)
		}
		cmd := p.command("people", "--passphrase-file", duress)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if i%3 > 0 { // just after the key went
			for over := false; !over && head(p) == was; {
				select {
				case err := <-ended:
					ended <- err
					over = true
				case <-time.After(time.Millisecond):
				}
			}
		}
		time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
		_ = cmd.Process.Kill() // or it has ended
		<-ended
		destroyed := head(p) != was
		out, errs, code := p.try("people", "--passphrase-file", real)
		switch {
		case !destroyed && code == 0 && strings.Contains(out, "Dana"):
			whole++
		case destroyed && code == 1 && strings.Contains(errs, "wrong passphrase"):
			gone++
		default:
			t.Fatalf("destroyed: %v; the first: exit %d, %s %s", destroyed, code, out, errs)
		}
		if out := p.ok("people", "--passphrase-file", duress); !strings.Contains(out, "Nobody yet") {
			t.Fatalf("the second: %s", out)
		}
		if _, errs, code := p.try("people", "--passphrase-file", real); code != 1 || !strings.Contains(errs, "wrong passphrase") {
			t.Fatalf("fired, and then: exit %d, %s", code, errs)
		}
	}
	t.Logf("killed before the key was gone %d times, after it %d times", whole, gone)
	if gone == 0 {
		t.Error("never after: the test proves half")
	}
}

// TestRephrase: a profile without one gets one while its node runs, and what a wrong
// one does.
func TestRephrase(t *testing.T) {
	t.Parallel()
	p := newProgram(t, "Aigerim")
	write := func(words string) string {
		name := filepath.Join(t.TempDir(), "phrase")
		if err := os.WriteFile(name, []byte(words), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good, short := write(phrase), write("short")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"no passphrase", []string{"--duress", "--new-file", good}},
		{"goes with --duress", []string{"--off"}},
		{"at least 8", []string{"--new-file", short}},
		{"--new-file", nil},
	} {
		if _, errs, code := p.try(append([]string{"passphrase"}, c.args...)...); code != 2 || !strings.Contains(errs, c.says) {
			t.Errorf("%q: exit %d, %s", c.args, code, errs)
		}
	}
	node := up(p, "--listen", "off")
	page := enter(t, node)
	if got := page.get("/passphrase"); !strings.Contains(got, "has no passphrase") || strings.Contains(got, `value="duress"`) {
		t.Errorf("the page offers it:\n%s", got)
	}
	p.ok("passphrase", "--new-file", good)
	if got := page.get("/passphrase"); strings.Contains(got, "has no passphrase") || !strings.Contains(got, `value="duress"`) {
		t.Errorf("the page does not offer it:\n%s", got)
	}
	if p.ok("lock"); !strings.Contains(p.ok("status"), "locked") {
		t.Error("it does not lock")
	}
	node.stop()

	p = newProgram(t, "Dana")
	good = protect(t, p, phrase)
	node = up(p, "--listen", "off", "--passphrase-file", good)
	id := p.id()
	page = enter(t, node)
	if got := page.post("/passphrase", "act", "duress", "now", phrase, "pass", duressPhrase, "again", duressPhrase, "sure", "yes"); !strings.Contains(got, "Done.") {
		t.Errorf("not set on the page:\n%s", got)
	}
	if out := p.ok("unlock"); !strings.Contains(out, "nothing was asked") {
		t.Errorf("unlocking what is open: %s", out)
	}
	if _, errs, code := p.try("passphrase", "--new-file", good, "--passphrase-file", write("a wrong one")); code != 1 || !strings.Contains(errs, "wrong passphrase") {
		t.Errorf("a wrong one: exit %d, %s", code, errs)
	}
	if out := p.ok("status"); !strings.Contains(out, "locked") {
		t.Errorf("a wrong one does not lock: %s", out)
	}
	p.ok("unlock", "--passphrase-file", good)
	if p.id() != id {
		t.Error("a wrong one changed something")
	}
	node.stop()
	if p.id("--passphrase-file", write(duressPhrase)) == id {
		t.Error("set on the page, and it does nothing")
	}
}
