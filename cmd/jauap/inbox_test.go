package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/scan"
	"github.com/jauap/jauap/web/api"
)

// TestInbox: a witness who has met nobody sends a report with a photo to a
// desk's card; a stranger's stick carries it; the desk has it whole, and nobody
// else can read it.
func TestInbox(t *testing.T) {
	desk, witness, courier := newProgram(t, "Desk"), newProgram(t, "Witness"), newProgram(t, "Timur")
	var box api.Inbox
	desk.json(&box, "inbox", "open", "Newsroom", "--json")
	witness.ok("inbox", "save", box.Card)
	photo, kept := filepath.Join(t.TempDir(), "IMG_1.JPG"), filepath.Join(t.TempDir(), "IMG_2.JPG")
	original := bytes.Repeat([]byte("untouched original "), 20_000)
	for _, name := range []string{photo, kept} {
		if err := os.WriteFile(name, original, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	form := []string{"--what", "Shots at the square", "--when", "2022-01-05T17:00:00+06:00", "--where", "Almaty", "--basis", "witnessed", "--number", "killed=4-12", "--consent", "desk"}
	var sent api.SentReport
	witness.json(&sent, append([]string{"report", "--to", "newsroom", "--json", "--claimable", "--forget", "1", "--erase", photo, kept}, form...)...)
	if err := os.WriteFile(kept, []byte("another photo by now"), 0o600); err != nil {
		t.Fatal(err)
	}
	witness.ok("inbox", "write", box.Card, "Бізді Шымкентке апарды.")
	witness.ok("report", "claim", sent.ID)

	stick := t.TempDir()
	witness.ok("carry", stick)
	courier.ok("carry", stick)
	other := t.TempDir()
	courier.ok("carry", other)
	desk.ok("carry", other)
	var list []api.Received
	desk.json(&list, "inbox", "read", "--json")
	kinds := map[string]api.Received{}
	for _, r := range list {
		kinds[r.Kind] = r
	}
	if len(list) != 3 || !kinds["report"].Whole() || kinds["letter"].Text != "Бізді Шымкентке апарды." || !kinds["claim"].Whole() {
		t.Fatalf("%+v", list)
	}
	file := filepath.Join(t.TempDir(), "r.zip")
	desk.ok("inbox", "get", kinds["report"].ID[:8], file)
	var v evidence.Verdict
	desk.json(&v, "verify-evidence", file, "--json")
	b, err := os.ReadFile(file)
	if err != nil || v.Broken() || v.Manifest.Media[0].Name != "original-1.jpg" || !bytes.Contains(b, original) || bytes.Contains(b, []byte("IMG_")) {
		t.Fatalf("%+v %v", v, err)
	}
	// Nobody else's device holds the words, the writer's neither.
	for _, p := range []program{witness, courier} {
		err := filepath.WalkDir(p.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte("Shots at")) || bytes.Contains(b, []byte("untouched")) || bytes.Contains(b, []byte("Шымкент")) {
				t.Errorf("%s holds the report", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		text string
		args []string
	}{
		{"0 inboxes are called", []string{"inbox", "write", "nobody", "x"}},
		{"not an inbox's card", []string{"inbox", "save", "jauap:1:abc"}},
		{"say where it happened", []string{"report", "--to", "Newsroom", "--what", "x", "--when", "2022-01-05", "--basis", "heard", "--consent", "desk"}},
		{"--erase needs --forget", append([]string{"report", "--to", "Newsroom", "--erase"}, form...)},
		{"is for a report with --to", append([]string{"report", "x.zip", "--bare"}, form...)},
		{"nothing with the id", []string{"report", "claim", "abcdef"}},
	} {
		if _, errs, code := witness.try(c.args...); code == exitOK || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
	if out := witness.ok("report", "sent"); !strings.Contains(out, "waits here") || strings.Contains(out, "arrived") {
		t.Error(out)
	}
	desk.ok("inbox", "delete", kinds["letter"].ID)
	desk.ok("inbox", "close", "Newsroom")
	if out := desk.ok("inbox"); !strings.Contains(out, "closed") {
		t.Error(out)
	}
}

// TestInboxOnPaper: the card's code is read back from its picture.
func TestInboxOnPaper(t *testing.T) {
	t.Parallel()
	desk := newProgram(t, "Desk")
	var box api.Inbox
	desk.json(&box, "inbox", "open", "Азаттық редакциясы, Алматы", "--json")
	png := filepath.Join(t.TempDir(), "card.png")
	desk.ok("inbox", "card", box.ID[:8], "--png", png)
	b, err := os.ReadFile(png)
	if err != nil {
		t.Fatal(err)
	}
	text, err := scan.Read(b)
	if err != nil || text != box.QR {
		t.Fatalf("%.40q %v", text, err)
	}
	var again api.Inbox
	newProgram(t, "Witness").json(&again, "inbox", "save", text, "--json")
	if again.ID != box.ID || again.Mine {
		t.Errorf("%+v", again)
	}
}
