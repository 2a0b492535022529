package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestBoards: a hospital with two editors posts; the notice crosses on a stick
// that a stranger carries, and a follower who came late finds the earlier one.
func TestBoards(t *testing.T) {
	t.Parallel()
	hospital, second, courier, dana := newProgram(t, "Hospital"), newProgram(t, "Second"), newProgram(t, "Timur"), newProgram(t, "Dana")
	mine := strings.TrimSpace(hospital.ok("board", "editor"))
	theirs := strings.TrimSpace(second.ok("board", "editor"))
	var made api.Board
	hospital.json(&made, "board", "new", "City hospital", "--editor", mine, "--editor", theirs, "--need", "2", "--json")

	post := func(text string) {
		t.Helper()
		draft := filepath.Join(t.TempDir(), "draft")
		if _, errs, code := hospital.try("board", "post", "City hospital", text); code == exitOK || !strings.Contains(errs, "not enough editors") {
			t.Fatalf("one editor alone: exit %d: %s", code, errs)
		}
		hospital.ok("board", "post", "City hospital", text, "--make-draft", draft)
		signed := strings.TrimSpace(second.ok("board", "sign", draft))
		hospital.ok("board", "post", "City hospital", "--draft", draft, "--signed", signed)
	}
	stick := t.TempDir()
	post("We have room for 20.")
	hospital.ok("carry", stick)
	courier.ok("carry", stick)
	dana.ok("carry", stick) // it is on her device before she knows the board
	dana.ok("board", "follow", made.Card)
	post("Қан керек: II(−)")
	hospital.ok("carry", stick)
	courier.ok("carry", stick)
	dana.ok("carry", stick)

	var list []api.Notice
	dana.json(&list, "board", "City hospital", "--json")
	if len(list) != 2 || list[0].Text != "Қан керек: II(−)" || list[1].Text != "We have room for 20." || list[0].Missing != 0 || list[0].Forked {
		t.Fatalf("%+v", list)
	}
	var feed struct {
		XMLName xml.Name   `xml:"http://www.w3.org/2005/Atom feed"`
		Title   string     `xml:"title"`
		Entries []struct{} `xml:"entry"`
	}
	if out := dana.ok("board", "feed", "City hospital"); xml.Unmarshal([]byte(out), &feed) != nil || len(feed.Entries) != 2 || feed.Title != "City hospital" {
		t.Errorf("the feed: %s", out)
	}
	address := dana.ok("board", "feed", "--address")
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/feed/[\w-]{43}/boards\.atom\n$`).MatchString(address) || dana.ok("board", "feed", "--address") != address {
		t.Errorf("the feed is at %q", address)
	}
	if one := dana.ok("board", "feed", "--new", "City hospital"); !strings.HasSuffix(one, "/"+made.ID+".atom\n") || dana.ok("board", "feed", "--address") == address {
		t.Errorf("the board's feed is at %q", one)
	}
	// Who only carries has nothing to read.
	err := filepath.WalkDir(courier.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), "room for 20") || strings.Contains(string(b), "City hospital") {
			t.Errorf("%s holds the text", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		text string
		args []string
	}{
		{"not a board's card", []string{"board", "follow", "jauap:1:abc"}},
		{"only its publisher", []string{"board", "post", "City hospital", "I say"}},
		{"no board is called", []string{"board", "Nowhere"}},
		{"a name of 1 to", []string{"board", "new", strings.Repeat("x", 65)}},
	} {
		if _, errs, code := dana.try(c.args...); code == exitOK || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
	if _, errs, code := hospital.try("board", "leave", "City hospital"); code == exitOK || !strings.Contains(errs, "ends it for good") {
		t.Errorf("an own board ended by one word: exit %d: %s", code, errs)
	}
	hospital.ok("board", "leave", "City hospital", "--yes")
	dana.ok("board", "leave", "City hospital")
	if out := dana.ok("board"); !strings.Contains(out, "No boards") {
		t.Error(out)
	}
}

// TestBoardSeen: that a contact saw a notice comes with their letter.
func TestBoardSeen(t *testing.T) {
	t.Parallel()
	hospital, timur, dana := newProgram(t, "Hospital"), newProgram(t, "Timur"), newProgram(t, "Dana")
	pair(t, timur, dana, "Timur", "Dana")
	var made api.Board
	hospital.json(&made, "board", "new", "City hospital", "--json")
	hospital.ok("board", "post", "City hospital", "We have room for 20.")
	for _, p := range []program{timur, dana} {
		p.ok("board", "follow", made.Card)
	}
	stick := t.TempDir()
	carry := func(list ...program) {
		for _, p := range list {
			p.ok("carry", stick)
		}
	}
	carry(hospital, timur, dana)
	if out := timur.ok("board", "City hospital"); !strings.Contains(out, "room for 20") {
		t.Fatal(out)
	}
	timur.ok("send", "Dana", "I go there now.")
	carry(timur, dana)
	var list []api.Notice
	if dana.json(&list, "board", "City hospital", "--json"); len(list) != 1 || list[0].SeenBy != 1 {
		t.Errorf("%+v", list)
	}
	if out := dana.ok("board", "City hospital"); !strings.Contains(out, "seen by 1 of your contacts") {
		t.Error(out)
	}
	// Who has receipts off tells nothing.
	if err := os.WriteFile(filepath.Join(dana.dir, "jauap.conf"), []byte("receipts = off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dana.ok("board", "City hospital")
	dana.ok("send", "Timur", "Well.")
	carry(dana, timur)
	list = nil
	if timur.json(&list, "board", "City hospital", "--json"); len(list) != 1 || list[0].SeenBy != 0 {
		t.Errorf("%+v", list)
	}
}
