package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/bulletin/evidence"
)

// TestEvidence makes a report, has it countersigned, claims it, and lets a
// stranger without a profile check it, whole and changed.
func TestEvidence(t *testing.T) {
	p := program{t, filepath.Join(t.TempDir(), "nobody")} // there is no profile here
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	photo := bytes.Repeat([]byte("untouched original "), 5000)
	if err := os.WriteFile(at("IMG_20220105.JPG"), photo, 0o600); err != nil {
		t.Fatal(err)
	}
	form := []string{"--what", "Shots at the square", "--when", "2022-01-05T17:00:00+06:00", "--where", "Almaty", "--basis", "witnessed",
		"--number", "killed=4-12", "--consent", "desk"}
	var made struct {
		Root  string `json:"root"`
		Bytes int64  `json:"bytes"`
	}
	p.json(&made, append([]string{"report", at("r.jauap"), at("IMG_20220105.JPG"), "--json", "--ticket", at("ticket")}, form...)...)
	if info, err := os.Stat(at("r.jauap")); err != nil || info.Size() != made.Bytes {
		t.Fatal(made, err)
	}
	seen := p.ok("report", "countersign", "--key", at("key"), made.Root) // knows only the root
	if err := os.WriteFile(at("seen"), []byte(seen), 0o600); err != nil {
		t.Fatal(err)
	}
	p.ok("report", "add", at("r.jauap"), at("r2.jauap"), at("seen"), "--claim", at("ticket"))

	var v evidence.Verdict
	p.json(&v, "verify-evidence", at("r2.jauap"), "--json")
	if v.Broken() || len(v.Seen) != 1 || v.Author == "" || v.Manifest.Media[0].Name != "original-1.jpg" || *v.Manifest.Report.Numbers[0].Max != 12 {
		t.Fatalf("%+v", v)
	}
	if strings.Contains(p.ok("verify-evidence", at("r2.jauap")), "IMG_") {
		t.Error("the package tells what the file was called on the device")
	}
	b, err := os.ReadFile(at("r2.jauap"))
	if err != nil || !bytes.Contains(b, photo) {
		t.Fatal("the original was touched", err)
	}
	if err := os.WriteFile(at("r3.jauap"), bytes.Replace(b, []byte("original "), []byte("Original "), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := p.try("verify-evidence", at("r3.jauap")); code != exitFailed || !strings.Contains(out, "changed, cut or swapped") || !strings.Contains(errs, "do not rely on it") {
		t.Errorf("a changed package: exit %d: %s%s", code, out, errs)
	}

	// What a person does wrong is said, and nothing is overwritten or left.
	for _, c := range []struct {
		text string
		args []string
	}{
		{"say how it is known", append([]string{"report", at("x"), "--basis", "sure"}, form[:6]...)},
		{"write killed=4", append([]string{"report", at("x"), "--number", "many"}, form...)},
		{"exists", append([]string{"report", at("r.jauap")}, form...)},
		{"no such file", append([]string{"report", at("x"), at("missing.jpg")}, form...)},
		{"neither a root nor a file", []string{"report", "countersign", "--key", at("key"), "abc"}},
		{"not a ticket", []string{"report", "add", at("r.jauap"), at("x"), "--claim", at("seen")}},
	} {
		if _, errs, code := p.try(c.args...); code == exitOK || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit %d: %s; want %q", c.args, code, errs, c.text)
		}
	}
	if _, err := os.Stat(at("x")); err == nil {
		t.Error("a failed command left a file")
	}
}
