package folder

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/link/linktest"
)

// TestFATForReal puts a visit's files onto a real FAT32 image and takes them off
// again: names without long entries, sizes, two-second times.
func TestFATForReal(t *testing.T) {
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("a FAT image needs mkfs.vfat and mtools: set JAUAP_TEST=all")
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
		return string(out)
	}
	image := filepath.Join(t.TempDir(), "stick.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 48<<20); err != nil {
		t.Fatal(err)
	}
	run("mkfs.vfat", "-F", "32", image)
	dir, back := t.TempDir(), t.TempDir()
	units := linktest.Units(1, 150)
	about(t, open(t, dir, Options{}), units)
	if err := open(t, dir, Options{}).Ask(t.Context(), make([]byte, 1000), func([]byte) bool { return false }); err != nil {
		t.Fatal(err)
	}
	names := files(t, dir)
	args := []string{"-i", image}
	for _, n := range names {
		args = append(args, filepath.Join(dir, n))
	}
	run("mcopy", append(args, "::")...)
	run("fsck.vfat", "-n", image)
	// A long name would stand behind the short one, in its own column.
	listed := 0
	for _, line := range strings.Split(run("mdir", "-i", image, "::"), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "DAT" {
			if listed++; len(f) != 5 {
				t.Errorf("a long name: %q", line)
			}
		}
	}
	if listed != len(names) {
		t.Errorf("%d of %d files are on the image", listed, len(names))
	}
	run("mcopy", "-i", image, "::*", back)
	got, notes := each(t, open(t, back, Options{}))
	sameUnits(t, got, units)
	if len(notes) > 0 {
		t.Errorf("notes %v", notes)
	}
}
