package main

import (
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account/sqlite"
)

// grep looks for words in all files below a folder, names of files included.
func grep(t *testing.T, dir string, words ...string) (hits []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, w := range words {
			if strings.Contains(string(b), w) || strings.Contains(e.Name(), w) {
				hits = append(hits, w+" in "+path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

// TestSeizure: what somebody finds who takes the disk, before and after a wipe.
// The profile has no passphrase, so that only the key's erasure protects it.
func TestSeizure(t *testing.T) {
	const me, friend, text = "Aigerim4f1b", "Dana4f1b", "the canary 4f1b sings at noon"
	a, b := newProgram(t, me), newProgram(t, friend)
	pair(t, a, b, me, friend)
	stick := t.TempDir()
	a.ok("send", friend, text)
	a.ok("carry", stick)
	b.ok("carry", stick)
	if out := b.ok("read"); !strings.Contains(out, text) {
		t.Fatalf("the letter did not arrive: the test proves nothing:\n%s", out)
	}
	for _, dir := range []string{a.dir, b.dir, stick} {
		if hits := grep(t, dir, me, friend, text, "canary"); len(hits) > 0 {
			t.Errorf("readable without the vault: %v", hits)
		}
	}
	if _, err := os.Stat(filepath.Join(a.dir, "shelf")); err != nil {
		t.Fatalf("no shelf: the test proves nothing: %v", err)
	}
	// An image of the vault that lacks only the two small files.
	image := t.TempDir()
	for _, name := range []string{"vault.db", "vault.db-wal"} {
		if raw, err := os.ReadFile(filepath.Join(a.dir, name)); err == nil {
			if err := os.WriteFile(filepath.Join(image, name), raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(a.dir, "mine.txt"), []byte("not Jauap's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := a.try("wipe"); code != 2 || !strings.Contains(errs, "--yes") {
		t.Fatalf("without --yes: exit %d, %s", code, errs)
	}
	begin := time.Now()
	out := a.ok("wipe", "--yes")
	t.Logf("wiped in %v, the start of the program included", time.Since(begin))
	if !strings.Contains(out, "mine.txt") {
		t.Errorf("what was left is not named: %s", out)
	}
	entries, err := os.ReadDir(a.dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "mine.txt" {
		t.Errorf("left in the folder: %v %v", entries, err)
	}
	if hits := grep(t, a.dir, me, friend, text, "canary"); len(hits) > 0 {
		t.Errorf("after the wipe: %v", hits)
	}
	if _, err := sqlite.Open(filepath.Join(image, "vault.db"), nil); err == nil {
		t.Error("an image without the erased files opens")
	}
	if _, errs, code := a.try("read"); code == 0 || !strings.Contains(errs, "jauap init") {
		t.Errorf("reading a wiped profile: exit %d, %s", code, errs)
	}
	// Under a running node, too: it ends, and its last words are gone with the rest.
	node := up(b, "--listen", "off")
	if out := b.ok("wipe", "--yes"); !strings.Contains(out, "ends now") {
		t.Errorf("under a running node: %s", out)
	}
	wiped(t, b, node)
}

// wiped waits for the end of a node whose profile was erased and looks at what
// it left.
func wiped(t *testing.T, p program, node *running) {
	t.Helper()
	select {
	case <-node.done:
	case <-time.After(30 * time.Second):
		t.Fatal("the node did not end")
	}
	if code := node.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(node.errs.String(), "is erased") {
		t.Errorf("ended with %d: %s", code, node.errs)
	}
	if entries, err := os.ReadDir(p.dir); err != nil || len(entries) > 0 {
		t.Errorf("left in the folder: %v %v", entries, err)
	}
}

// TestWipeFromThePage: the person's last word before the device is taken away.
func TestWipeFromThePage(t *testing.T) {
	p := newProgram(t, "Aigerim")
	node := up(p, "--listen", "off")
	b := enter(t, node)
	if page := b.get("/me"); !strings.Contains(page, `href="/wipe"`) {
		t.Errorf("not offered: %s", page)
	}
	if page := b.get("/wipe"); !strings.Contains(page, "Erase everything on this device") {
		t.Fatalf("not asked: %s", page)
	}
	b.post("/wipe", "sure", "")
	if _, err := os.Stat(filepath.Join(p.dir, "vault.db")); err != nil {
		t.Fatal("erased without being sure")
	}
	if page := b.post("/wipe", "sure", "yes"); !strings.Contains(page, "Everything is erased") {
		t.Errorf("not told: %s", page)
	}
	wiped(t, p, node)
}

// visitor is a browser without a screen.
type visitor struct {
	t    *testing.T
	c    *http.Client
	base string
}

func (v visitor) get(path string) string {
	v.t.Helper()
	return v.body(v.c.Get(v.base + path))
}

func (v visitor) body(r *http.Response, err error) string {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

// post sends the form of a screen with its token.
func (v visitor) post(path string, pairs ...string) string {
	v.t.Helper()
	_, rest, _ := strings.Cut(v.get(path), `name="csrf" value="`)
	csrf, _, _ := strings.Cut(rest, `"`)
	form := url.Values{"csrf": {csrf}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return v.body(v.c.PostForm(v.base+path, form))
}
