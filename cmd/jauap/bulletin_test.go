package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
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
	var feed atom
	if out := dana.ok("board", "feed", "City hospital"); xml.Unmarshal([]byte(out), &feed) != nil || len(feed.Entries) != 2 || feed.Title != "City hospital" {
		t.Errorf("the feed: %s", out)
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
		{"0 boards are called", []string{"board", "Nowhere"}},
		{"a name of 1 to", []string{"board", "new", strings.Repeat("x", 65)}},
	} {
		if _, errs, code := dana.try(c.args...); code == exitOK || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
	dana.ok("board", "leave", "City hospital")
	if out := dana.ok("board"); !strings.Contains(out, "No boards") {
		t.Error(out)
	}
}
