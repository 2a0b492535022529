//go:build unix

package folder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jauap/jauap/link/linktest"
)

// snapshot is what lies in dir: kind, size, time and content of each thing.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s := fmt.Sprint(info.Mode(), info.Size(), info.ModTime())
		if d.Type().IsRegular() && info.Size() < 1<<20 {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			s += fmt.Sprintf("%x", sha256.Sum256(b))
		}
		if !d.IsDir() {
			all[name] = s
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestHostileStick puts every kind of bad file on one stick: each gets a clear
// line, the good units are all found, and nothing is touched.
func TestHostileStick(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string, b []byte) { t.Helper(); must(os.WriteFile(name, b, 0o644)) }

	good := linktest.Units(1, 40)
	leave(t, open(t, dir, Options{}), good)
	bait := linktest.Units(2, 6)
	must(os.WriteFile(filepath.Join(outside, "SECRET.DAT"), packOf(bait), 0o600))
	half := linktest.Units(3, 8)
	var want []string // a piece of the note's place and of its text
	expect := func(where, what string) { want = append(want, where+"\x00"+what) }

	file := packOf(half)
	write(at("HALF.TMP"), file[:len(file)*2/3])
	expect("HALF.TMP", "only partly written")
	broken := packOf(linktest.Units(4, 3))
	broken[headSize+recordHead+5] ^= 1
	write(at("ROTTEN.DAT"), broken)
	expect("ROTTEN.DAT", "damaged; 2 whole units were read, 1 or more are lost")
	newer := newPacker()
	newer.buf[saltSize+markSize] = 9
	write(at("NEWER.DAT"), newer.file())
	expect("NEWER.DAT", "another version")
	huge := packOf(linktest.Units(5, 2))
	write(at("HUGE.DAT"), huge)
	must(os.Truncate(at("HUGE.DAT"), 1<<40)) // sparse: a terabyte that costs nothing
	expect("HUGE.DAT", "too large")
	write(at("FILM.MKV"), bytes.Repeat([]byte("film"), 100))
	must(os.Truncate(at("FILM.MKV"), 1<<40))
	write(at("EMPTY"), nil)
	write(at("NOISE.DAT"), bytes.Repeat([]byte{0}, 4096))

	must(os.Symlink(".", at("loop")))
	must(os.Symlink("loop2", at("loop2")))
	must(os.Symlink(outside, at("escape")))
	must(os.Symlink(filepath.Join(outside, "SECRET.DAT"), at("SECRET.DAT")))
	must(os.MkdirAll(at("sub/sub"), 0o755))
	must(os.Symlink("../..", at("sub/sub/up")))
	for _, l := range []string{"loop", "loop2", "escape", "SECRET.DAT", "sub/sub/up"} {
		expect(l, "symbolic link: not followed")
	}
	must(syscall.Mkfifo(at("FIFO.DAT"), 0o644))
	expect("FIFO.DAT", "named pipe: not opened")
	ln, err := net.Listen("unix", at("sock"))
	must(err)
	defer ln.Close()
	expect("sock", "socket: not opened")
	if err := syscall.Mknod(at("DEVICE"), syscall.S_IFCHR|0o644, 1<<8|5); err == nil {
		expect("DEVICE", "device: not opened")
	} else {
		t.Logf("no device could be made, so that case is left out: %v", err)
	}
	write(at("bad\n\x1b[2Jname"), file[:100])
	expect(`"bad\n\x1b[2Jname"`, "only partly written")
	write(at("LOCKED.DAT"), file)
	expect("LOCKED.DAT", "cannot be read: permission denied")
	must(os.MkdirAll(at("$RECYCLE.BIN"), 0o755))
	must(os.MkdirAll(at(".Trash-1000"), 0o755))
	write(at(".Trash-1000/OLD.DAT"), packOf(bait))

	before := snapshot(t, dir)
	fl := &faults{budget: -1, deny: map[string]error{"LOCKED.DAT": syscall.EACCES}}
	start := time.Now()
	units, notes := each(t, faulty(t, dir, fl))
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("the walk took %v", d)
	}
	if after := snapshot(t, dir); !mapsEqual(before, after) {
		t.Errorf("the walk changed something on the stick")
	}
	want = append(want, dir+"\x005 files or folders of others were left alone")
	for _, n := range notes {
		i := slices.IndexFunc(want, func(w string) bool {
			where, what, _ := strings.Cut(w, "\x00")
			return n.Where == where && strings.Contains(n.What, what)
		})
		if i < 0 {
			t.Errorf("an unexpected note: %s: %s", n.Where, n.What)
			continue
		}
		want = slices.Delete(want, i, i+1)
		t.Logf("%s: %s", n.Where, n.What)
	}
	for _, w := range want {
		t.Errorf("there is no note for %q", w)
	}
	for _, name := range fl.opened {
		if info, err := os.Lstat(at(name)); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s was opened", name)
		}
	}
	known := slices.Concat(good, half, linktest.Units(4, 3), linktest.Units(5, 2))
	for _, u := range units {
		if !slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, u) }) {
			t.Error("a unit came from where nothing may be read")
		}
	}
	for _, g := range good {
		if !slices.ContainsFunc(units, func(u []byte) bool { return bytes.Equal(u, g) }) {
			t.Error("a good unit is missing")
		}
	}
	leave(t, open(t, dir, Options{}), linktest.Units(6, 3))
	after := snapshot(t, dir)
	for name, s := range before {
		if after[name] != s {
			t.Errorf("leave changed %s", name)
		}
	}
}

func mapsEqual(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// TestPipeInPlaceOfFile swaps a file for a named pipe between the look and the
// open: the open must not wait for somebody to write.
func TestPipeInPlaceOfFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "A.DAT")
	if err := os.WriteFile(name, packOf(linktest.Units(1, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir, Options{})
	f.open = func(path string) (disk, error) {
		d, err := openRoot(path)
		return swapDisk{d, func() {
			_ = os.Remove(name)
			if err := syscall.Mkfifo(name, 0o644); err != nil {
				t.Error(err)
			}
		}}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		notes, err := f.Each(ctx, func([]byte) error { return errors.New("a unit from a pipe") })
		if err == nil && (len(notes) != 1 || !strings.Contains(notes[0].What, "exchanged")) {
			err = fmt.Errorf("notes %v", notes)
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		w, _ := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0) // lets the stuck open go
		w.Close()
		t.Fatal("the open of a named pipe blocks")
	}
}

// TestFileInPlaceOfFile swaps a file for another one meanwhile: what was looked
// at is not what was opened, so it is left alone.
func TestFileInPlaceOfFile(t *testing.T) {
	dir := t.TempDir()
	name, other := filepath.Join(dir, "A.DAT"), filepath.Join(t.TempDir(), "B.DAT")
	for _, n := range []string{name, other} {
		if err := os.WriteFile(n, packOf(linktest.Units(1, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, dir, Options{})
	f.open = func(path string) (disk, error) {
		d, err := openRoot(path)
		return swapDisk{d, func() {
			if err := os.Rename(other, name); err != nil {
				t.Error(err)
			}
		}}, err
	}
	units, notes := each(t, f)
	if len(units) != 0 || len(notes) != 1 || !strings.Contains(notes[0].What, "exchanged") {
		t.Errorf("%d units, notes %v", len(units), notes)
	}
}

type swapDisk struct {
	disk
	swap func()
}

func (d swapDisk) Open(name string) (file, error) {
	d.swap()
	return d.disk.Open(name)
}
