package web

import (
	"io/fs"
	"path"
	"strings"
	"testing"
)

// TestLooks: every screen can be parsed, with the frame around it.
func TestLooks(t *testing.T) {
	names, err := fs.Glob(htmlFiles, "html/*.html")
	if err != nil || len(names) < 20 {
		t.Fatal(names, err)
	}
	l := newLooks()
	for _, n := range names {
		switch name := strings.TrimSuffix(path.Base(n), ".html"); name {
		case "frame", "parts", "pieces":
		default:
			first := l.get(name)
			if first.Lookup("frame") == nil || l.get(name) != first {
				t.Errorf("%s has no frame, or is parsed each time", name)
			}
		}
	}
}
