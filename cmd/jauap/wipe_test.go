package main

import (
	"io/fs"
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
	// Under a running node, too: the key is gone from the disk at once.
	node := up(b, "--listen", "off")
	defer node.stop()
	if _, errs, code := b.try("wipe", "--yes"); code == 0 || !strings.Contains(errs, "still runs") {
		t.Errorf("under a running node: exit %d, %s", code, errs)
	}
	for _, name := range []string{"vault.db", "vault.db.key", "vault.db.head"} {
		if _, err := os.Stat(filepath.Join(b.dir, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}
