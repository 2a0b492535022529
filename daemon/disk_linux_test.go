package daemon

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
)

// bad makes a file of a data folder unreadable, garbled or short. What the system answers
// for a read of its own memory at 0 is what it answers for a bad sector: EIO.
func bad(t *testing.T, path, how string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch how {
	case "unreadable":
		err = os.Remove(path)
		if err == nil {
			err = os.Symlink("/proc/self/mem", path)
		}
	case "garbled":
		b[len(b)/2] ^= 0xa5
		err = os.WriteFile(path, b, 0o600)
	case "short":
		err = os.WriteFile(path, b[:len(b)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// files are the bytes of a data folder, but of what each start writes.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if b, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil && e.Name() != "clock" {
			all[e.Name()] = b
		}
	}
	return all
}

// TestBadFiles goes through the files beside the shelf: a node starts without what it can do
// without, and for the others stops with what to do, and nothing changed.
func TestBadFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "whole")
	if err := Init(dir, "Aigerim", nil, nil); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Metered = config.Metered{Budget: 1 << 20}
	start := func(dir string) (lines []string, err error) {
		if _, err := LoadConfig(dir); err != nil {
			return nil, err
		}
		d, err := Open(Options{Dir: dir, Config: c, Now: time.Now})
		if err != nil {
			return nil, err
		}
		d.courier.Lock()
		lines = d.troubles()
		d.courier.Unlock()
		d.metered.spend(1)
		return lines, d.Close()
	}
	if _, err := start(dir); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"postage": "-----BEGIN NOTHING-----\n", "airtime.json": `{"/dev/ttyUSB0":{}}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct{ name, how, says string }{
		{"clock", "unreadable", ""}, {"clock", "garbled", ""}, {"clock", "short", ""},
		{"windows.json", "unreadable", ""}, {"windows.json", "garbled", ""}, {"windows.json", "short", ""},
		{"postage", "unreadable", ""}, {"postage", "garbled", ""}, {"postage", "short", ""},
		{"airtime.json", "unreadable", ""}, {"airtime.json", "garbled", ""}, {"airtime.json", "short", ""},
		{"metered.json", "unreadable", "delete metered.json"}, {"metered.json", "short", "delete metered.json"},
		{"jauap.conf", "unreadable", "stop: copy what it still gives"}, {"jauap.conf", "short", "stop: or delete it to begin"},
		{"vault.db", "unreadable", "stop: copy what it still gives"}, {"vault.db", "short", "stop: nothing was changed"},
		{"vault.db.head", "unreadable", "stop: nothing was changed"}, {"vault.db.head", "garbled", "stop: "}, {"vault.db.head", "short", "stop: nothing was changed"},
		{"vault.db.key", "unreadable", "stop: copy what it still gives"}, {"vault.db.key", "garbled", "stop: nothing was changed: keep"}, {"vault.db.key", "short", "stop: nothing was changed: keep"},
	} {
		there := filepath.Join(t.TempDir(), "d")
		if err := os.CopyFS(there, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		bad(t, filepath.Join(there, x.name), x.how)
		before := files(t, there)
		lines, err := start(there)
		stop, stops := strings.CutPrefix(x.says, "stop: ")
		switch {
		case stops != (err != nil):
			t.Errorf("%s %s: %v", x.name, x.how, err)
		case stops && !strings.Contains(err.Error(), stop):
			t.Errorf("%s %s does not say what to do: %v", x.name, x.how, err)
		case stops && !maps.EqualFunc(before, files(t, there), bytes.Equal):
			t.Errorf("%s %s: a start that failed changed something", x.name, x.how)
		case !stops && !strings.Contains(strings.Join(lines, " "), x.says):
			t.Errorf("%s %s: %q", x.name, x.how, lines)
		case !stops:
			if again, err := start(there); err != nil || len(again) > 0 && x.says == "" {
				t.Errorf("%s %s, the next start: %v %q", x.name, x.how, err, again)
			}
		}
		t.Logf("%s %s: %v", x.name, x.how, err)
	}
}

// TestBadRelayFiles: a relay does not take another key than the one that is pinned to it.
func TestBadRelayFiles(t *testing.T) {
	for _, how := range []string{"unreadable", "garbled", "short"} {
		dir := t.TempDir()
		open := func() (*Relay, error) {
			return OpenRelay(RelayOptions{Dir: dir, Listen: "127.0.0.1:0", Quota: 10 << 20})
		}
		r, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		bad(t, filepath.Join(dir, "relay.key"), how)
		before := files(t, dir)
		if r, err = open(); err == nil {
			r.Close()
			t.Fatalf("%s: it starts", how)
		}
		if how == "unreadable" && !strings.Contains(err.Error(), "copy what it still gives") || !maps.EqualFunc(before, files(t, dir), bytes.Equal) {
			t.Fatalf("%s: %v", how, err)
		}
	}
}
