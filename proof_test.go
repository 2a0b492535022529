package jauap

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPromisesHaveTests reads the tables of promises: each row names tests after
// the room or file they stand in, and each of them must exist.
func TestPromisesHaveTests(t *testing.T) {
	row := regexp.MustCompile(`^\| ([PR]\d+) \|(.*)\|$`)
	named := regexp.MustCompile("`([a-z0-9_/.]+)`|\\b((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)")
	for doc, least := range map[string]int{"spec/THREATS.md": 18, "docs/reliability.md": 12} {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for line := range strings.Lines(string(b)) {
			m := row.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				continue
			}
			rows++
			cells := strings.Split(m[2], "|")
			room, tests := "", 0
			for _, n := range named.FindAllStringSubmatch(cells[len(cells)-1], -1) {
				if n[1] != "" {
					room = n[1]
					continue
				}
				tests++
				if !hasTest(t, room, n[2]) {
					t.Errorf("%s, %s: there is no %s in %q", doc, m[1], n[2], room)
				}
			}
			if tests == 0 {
				t.Errorf("%s, %s: no test is named", doc, m[1])
			}
		}
		if rows < least {
			t.Errorf("%s: %d promises were read, there are at least %d", doc, rows, least)
		}
	}
	if hasTest(t, "seal", "TestNobodyWroteThis") || !hasTest(t, "proof_test.go", "TestPromisesHaveTests") {
		t.Error("this test sees what is not there, or not what is")
	}
}

// hasTest looks for a test in a room or in one file.
func hasTest(t *testing.T, room, name string) bool {
	t.Helper()
	pattern := filepath.Join(room, "*_test.go")
	if strings.HasSuffix(room, ".go") {
		pattern = room
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
