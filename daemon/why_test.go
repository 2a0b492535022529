package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon/cause"
)

// TestTroublesHaveWords: whatever can be in trouble, a note about neighbours and a
// reason why letters are stuck have a sentence in every catalogue.
func TestTroublesHaveWords(t *testing.T) {
	var keys []string
	find := func(pattern, key string, re *regexp.Regexp) {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		was := len(keys)
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range re.FindAllStringSubmatch(string(b), -1) {
				keys = append(keys, key+m[1])
			}
		}
		if len(keys) < was+6 {
			t.Errorf("%s: only %d found", pattern, len(keys)-was)
		}
	}
	find("*.go", "trouble.", regexp.MustCompile(`(?:setTrouble\(|trouble\[)"([a-z]+)`))
	find(filepath.Join("..", "link", "lan", "*.go"), "trouble.near-", regexp.MustCompile(`\.note\("([a-z]+)"`))
	for _, why := range []string{account.StuckInvitation, account.StuckFirst, account.StuckAnswer} {
		keys = append(keys, "stuck."+stuckCode(why))
	}
	for _, lang := range []string{"en", "ru", "kk"} {
		b, err := os.ReadFile(filepath.Join("..", "web", "words", lang+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if all[k] == nil {
				t.Errorf("%s: nothing says %s", lang, k)
			}
		}
	}
}

// TestCausesStandBesideTexts: each trouble and each link that is down brings its code.
func TestCausesStandBesideTexts(t *testing.T) {
	dir := t.TempDir()
	if err := Init(dir, "Aigerim", nil, nil); err != nil {
		t.Fatal(err)
	}
	d, err := Open(Options{Dir: dir, Config: config.Default(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.setTrouble("vault", "b arrived letters wait")
	d.setTrouble("folder /home/me/My Sync", "a the folder")
	d.rowDown("relay", "x:1", cause.ErrSpent)
	d.rowDown("relay", "y:1", told{fmt.Errorf("dial: %w", os.ErrDeadlineExceeded), "none of 4 ways answered"})
	d.rowDown("relay", "z:1", errors.New("new"))
	s, err := d.Status(t.Context())
	if err != nil || len(s.Causes) != 2 || len(s.Trouble) != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	if c := s.Causes[0]; s.Trouble[0] != "a the folder" || c.Code != "folder" || len(c.Args) != 1 || c.Args[0] != "/home/me/My Sync" {
		t.Errorf("%q is %+v", s.Trouble[0], c)
	}
	if c := s.Causes[1]; c.Code != "vault" || c.Args != nil {
		t.Errorf("%q is %+v", s.Trouble[1], c)
	}
	codes := map[string]string{}
	for _, l := range s.Links {
		codes[l.Addr] = l.Error + "|" + l.Code
	}
	if codes["x:1"] != cause.ErrSpent.Error()+"|spent" || codes["y:1"] != "none of 4 ways answered|timeout" || codes["z:1"] != "new|" {
		t.Errorf("%q", codes)
	}
	d.mark(way{}, "up", nil)
	h, err := d.Here(t.Context())
	if err != nil || len(h.Why) != 1 || len(h.Causes) != 1 || h.Causes[0].Code != "meet-node" {
		t.Errorf("%+v, %v", h, err)
	}
}
