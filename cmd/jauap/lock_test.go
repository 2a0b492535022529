package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account/sqlite"
	"github.com/jauap/jauap/web/api"
)

const phrase = "apple river cloud seven lamp"

// protect gives a profile a passphrase, of the cheapest kind.
func protect(t *testing.T, p program, phrase string) (file string) {
	t.Helper()
	if err := sqlite.ChangePassphrase(filepath.Join(p.dir, "vault.db"), nil, []byte(phrase), sqlite.Params{MemoryKiB: 64 << 10, Passes: 1}); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "phrase")
	if err := os.WriteFile(file, []byte(phrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLock: a device that is taken while its node runs locked. It has carried on,
// has taken in what came, and shows nothing.
func TestLock(t *testing.T) {
	t.Parallel()
	tag := fmt.Sprintf("%x", rand.Uint64()) // stands in no program
	me, friend, first, last := "Aigerim"+tag, "Dana"+tag, "the first canary "+tag, "sealed last "+tag
	phrase := phrase + tag
	relay := startRelay(t)
	border := newGate(t, hostPort(t, relay))
	a, b := program{t, filepath.Join(t.TempDir(), "a")}, program{t, filepath.Join(t.TempDir(), "b")} // names in no path
	a.ok("init", "--name", me, "--no-passphrase")
	b.ok("init", "--name", friend, "--no-passphrase")
	pair(t, a, b, me, friend)
	file := protect(t, a, phrase)
	border.open(t)
	node := up(a, "--listen", "off", "--relay", through(t, border, relay), "--passphrase-file", file)
	up(b, "--listen", "off", "--relay", relay)
	b.send(me, first)
	a.await(friend, first)
	page := enter(t, node)
	if home := page.get("/"); !strings.Contains(home, friend) || !strings.Contains(home, `action="/lock"`) {
		t.Fatalf("the page before it:\n%s", home)
	}
	border.shut()
	a.send(friend, last)
	if found := remains(t, node.cmd.Process.Pid, friend, me, first); runtime.GOOS == "linux" && (found[friend] == 0 || found[me] == 0 || found[first] == 0) {
		t.Fatalf("an open node has nothing in memory: this test proves nothing: %v", found)
	}
	if out := a.ok("lock"); !strings.Contains(out, "jauap unlock") {
		t.Errorf("lock says %q", out)
	}
	for word, n := range remains(t, node.cmd.Process.Pid, friend, me, first, last, phrase, tag) {
		if n > 0 {
			t.Errorf("locked, and %d times in memory: %q", n, word)
		}
	}
	a.ok("lock") // once more does no harm
	looksLocked(t, a, page, phrase, me, friend, tag)

	// What was sealed goes; what comes is taken in and waits.
	border.open(t)
	b.await(me, last)
	held := shelfOf(t, a)
	id := b.send(me, "the second one")
	for begin := time.Now(); shelfOf(t, a) <= held; time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 60*time.Second {
			t.Fatalf("nothing came in: %s", a.ok("status"))
		}
	}
	border.shut()
	if s := b.state(id); s != api.Left {
		t.Errorf("the writer is told %q", s)
	}

	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte(phrase+"!"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := a.try("unlock", "--passphrase-file", bad); code != 1 || !strings.Contains(errs, "not the passphrase") {
		t.Errorf("a wrong passphrase: exit %d, %s", code, errs)
	}
	if got := page.post("/", "pass", phrase+"!"); !strings.Contains(got, "This is not the passphrase") {
		t.Errorf("a wrong passphrase on the page:\n%s", got)
	}
	if got := page.post("/", "pass", phrase); !strings.Contains(got, friend) {
		t.Errorf("the page after unlocking:\n%s", got)
	}
	a.await(friend, "the second one")
	border.open(t)
	b.awaitState(id, api.Delivered, api.Read)
	page.post("/", "", "") // any form
	if got := page.post("/lock", "", ""); strings.Contains(got, friend) {
		t.Errorf("the button:\n%s", got)
	}
	a.ok("unlock", "--passphrase-file", file)
	node.stop()
}

func shelfOf(t *testing.T, p program) int {
	t.Helper()
	var s api.Status
	p.json(&s, "status", "--json")
	return s.Shelf.Envelopes
}

// looksLocked asks everywhere for something of the person.
func looksLocked(t *testing.T, a program, page visitor, phrase string, words ...string) {
	t.Helper()
	for _, args := range [][]string{
		{"me"}, {"people"}, {"invite"}, {"invite", "--digits"}, {"accept", "jauap:1:x"}, {"verify", "Dana"}, {"send", "Dana", "hello"}, {"read"}, {"read", "--follow"},
		{"outbox"}, {"safe"}, {"group"}, {"board"}, {"inbox"}, {"slips"}, {"calls"}, {"search", "canary"}, {"draft", "Dana"}, {"relays"}, {"lock", "--after", "5m"},
	} {
		if out, errs, code := a.try(args...); code != 1 || !strings.Contains(errs, "jauap unlock") || strings.Contains(out+errs, "nobody of that name") {
			t.Errorf("locked: jauap %s: exit %d, %q %q", strings.Join(args, " "), code, out, errs)
		}
	}
	said := a.ok("status") + a.ok("status", "--json") + a.ok("carry", t.TempDir())
	if !strings.Contains(said, "locked") || !strings.Contains(said, "shelf") {
		t.Errorf("status: %s", said)
	}
	for _, path := range []string{"/", "/me", "/add", "/net", "/with/x", "/search?q=canary", "/events", "/lang", "/draft/x/y", "/desk", "/static/none"} {
		said += page.get(path)
	}
	for _, word := range words {
		if strings.Contains(said, word) {
			t.Errorf("locked, and %q can be read", word)
		}
	}
	if form := page.get("/with/x"); !strings.Contains(form, "Jauap is locked") || !strings.Contains(form, `type="password"`) {
		t.Errorf("no form:\n%s", form)
	}
	other := visitor{t, &http.Client{Timeout: 30 * time.Second}, page.base}
	if got := other.get("/"); strings.Contains(got, "password") || !strings.Contains(got, "closed here") {
		t.Errorf("a browser that was never let in:\n%s", got)
	}
	if got := other.body(other.c.PostForm(page.base+"/", url.Values{"pass": {phrase}})); strings.Contains(got, "Dana") || !strings.Contains(a.ok("status"), "locked") {
		t.Errorf("a stranger's form opened it:\n%s", got)
	}
}

// remains counts canaries in a process's memory, where that can be read.
func remains(t *testing.T, pid int, words ...string) map[string]int {
	t.Helper()
	found := map[string]int{}
	if runtime.GOOS != "linux" {
		t.Log("the memory of processes is read on Linux only")
		return found
	}
	for _, b := range memory(t, pid) {
		for _, w := range words {
			found[w] += bytes.Count(b, []byte(w))
		}
	}
	t.Logf("in memory: %v", found)
	return found
}

// memory is all that a process can read of itself.
func memory(t *testing.T, pid int) (parts [][]byte) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if n, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n != 3 || err != nil || mode[0] != 'r' || strings.Contains(line, "[v") {
			continue
		}
		const step = 8 << 20
		for at := from; at < to; at += step {
			b := make([]byte, min(step, to-at))
			n, _ := mem.ReadAt(b, at)
			if len(bytes.Trim(b[:n], "\x00")) > 0 {
				parts = append(parts, b[:n])
			}
		}
	}
	return parts
}

// TestLockKill: whenever a locked node dies, or one that locks or unlocks, nothing
// is lost.
func TestLockKill(t *testing.T) {
	t.Parallel()
	rounds := 4
	if os.Getenv("JAUAP_TEST") == "all" {
		rounds = 24
	}
	relay := startRelay(t)
	a, b := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, a, b, "Aigerim", "Dana")
	file := protect(t, a, phrase)
	up(b, "--listen", "off", "--relay", relay)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var mine, theirs []string
	for i := range rounds {
		node := up(a, "--listen", "off", "--relay", relay, "--passphrase-file", file)
		mine = append(mine, fmt.Sprintf("from inside %d", i))
		a.send("Dana", mine[i])
		hit := func(args ...string) {
			cmd := a.command(args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rng.IntN(250)) * time.Millisecond)
			node.kill()
			_ = cmd.Wait() // the door may have broken off
		}
		theirs = append(theirs, fmt.Sprintf("from outside %d", i))
		switch i % 3 {
		case 0:
			b.send("Aigerim", theirs[i])
			hit("lock")
		case 1:
			a.ok("lock")
			b.send("Aigerim", theirs[i])
			hit("unlock", "--passphrase-file", file)
		case 2:
			a.ok("lock")
			b.send("Aigerim", theirs[i])
			time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
			node.kill()
		}
	}
	up(a, "--listen", "off", "--relay", relay, "--locked")
	a.ok("unlock", "--passphrase-file", file)
	for i := range rounds {
		a.await("Dana", theirs[i])
		b.await("Aigerim", mine[i])
	}
	if got := a.texts("Dana"); len(got) != rounds {
		t.Errorf("shown twice: %q", got)
	}
}

// TestLockWipe: what is locked can be erased by who cannot open it.
func TestLockWipe(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"command", "page"} {
		p := newProgram(t, "Aigerim")
		protect(t, p, phrase)
		node := up(p, "--listen", "off", "--locked")
		page := enter(t, node)
		if form := page.get("/"); !strings.Contains(form, `href="/wipe"`) {
			t.Errorf("not offered:\n%s", form)
		}
		if way == "command" {
			p.ok("wipe", "--yes")
		} else if said := page.post("/wipe", "sure", "yes"); !strings.Contains(said, "Everything is erased") {
			t.Errorf("not told:\n%s", said)
		}
		wiped(t, p, node)
	}
}

// TestLockNeedsPassphrase: nothing locks what would never open again.
func TestLockNeedsPassphrase(t *testing.T) {
	t.Parallel()
	p := newProgram(t, "Aigerim")
	node := up(p, "--listen", "off")
	for _, args := range [][]string{{"lock"}, {"unlock"}, {"up", "--locked", "--data", p.dir + "x"}} {
		if _, errs, code := p.try(args...); code != 2 || !strings.Contains(errs, "passphrase") {
			t.Errorf("jauap %s: exit %d, %s", strings.Join(args, " "), code, errs)
		}
	}
	if home := enter(t, node).get("/"); strings.Contains(home, `action="/lock"`) {
		t.Error("the page offers it")
	}
	node.stop()
	file := protect(t, p, phrase)
	if out := p.ok("lock"); !strings.Contains(out, "No node runs") {
		t.Errorf("nothing runs: %s", out)
	}
	if _, errs, code := p.try("unlock", "--passphrase-file", file); code != 1 || !strings.Contains(errs, "start `jauap`") {
		t.Errorf("nothing runs: exit %d, %s", code, errs)
	}
	node = up(p, "--listen", "off", "--locked")
	p.ok("unlock", "--passphrase-file", file)
	if out := p.ok("lock", "--after", "3m"); !strings.Contains(out, "3m") {
		t.Errorf("%s", out)
	}
	if _, errs, code := p.try("lock", "--after", "3s"); code != 2 {
		t.Errorf("3 s: exit %d, %s", code, errs)
	}
	if conf, err := os.ReadFile(filepath.Join(p.dir, "jauap.conf")); err != nil || !strings.Contains(string(conf), "lock = 3m") {
		t.Errorf("not kept: %v", err)
	}
	node.stop()
}
