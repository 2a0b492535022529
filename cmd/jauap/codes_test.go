package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCodes: a letter goes from one screen to another device's camera, as a
// moving picture and as single frames of which a fifth is lost.
func TestCodes(t *testing.T) {
	t.Parallel()
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	dir := t.TempDir()
	gif := filepath.Join(dir, "codes.gif")
	aigerim.send("Dana", "We are alive. Біз аманбыз.")
	aigerim.ok("qr", "show", "--file", gif)
	dana.ok("qr", "read", gif)
	if got := dana.texts("Aigerim"); len(got) != 1 || got[0] != "We are alive. Біз аманбыз." {
		t.Fatalf("by the moving picture: %q", got)
	}

	frames := filepath.Join(dir, "frames")
	if err := os.Mkdir(frames, 0o700); err != nil {
		t.Fatal(err)
	}
	dana.send("Aigerim", "We hear you.")
	dana.ok("qr", "show", "--frames", frames)
	list, err := filepath.Glob(filepath.Join(frames, "*.png"))
	if err != nil || len(list) < 5 {
		t.Fatal(list, err)
	}
	for i := 0; i < len(list); i += 5 {
		if err := os.Remove(list[i]); err != nil {
			t.Fatal(err)
		}
	}
	aigerim.ok("qr", "read", frames)
	if got := aigerim.texts("Dana"); len(got) != 1 || got[0] != "We hear you." {
		t.Fatalf("by frames with a fifth lost: %q", got)
	}

	// Something else is said to be so, and harms nothing.
	junk := filepath.Join(dir, "junk.png")
	if err := os.WriteFile(junk, []byte("\x89PNG not really"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := aigerim.try("qr", "read", junk); code == exitOK || !strings.Contains(errs, "picture") {
		t.Errorf("junk: exit %d: %s", code, errs)
	}
}
