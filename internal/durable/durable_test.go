package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var errDisk = errors.New("input/output error")

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, fs FS, name string, data string, sync bool) {
	t.Helper()
	f, err := fs.Open(name, Write)
	if errors.Is(err, ErrNotExist) {
		f, err = fs.Open(name, Create)
	}
	must(t, err)
	_, err = f.WriteAt([]byte(data), 0)
	must(t, err)
	if sync {
		must(t, f.Sync())
		must(t, fs.Sync())
	}
	must(t, f.Close())
}

func get(t testing.TB, fs FS, name string) string {
	t.Helper()
	b, err := ReadFile(fs, name, 1<<20)
	if errors.Is(err, ErrNotExist) {
		return "-"
	}
	must(t, err)
	return string(b)
}

// both runs a test on a real folder and on one in memory.
func both(t *testing.T, f func(t *testing.T, fs FS)) {
	t.Run("os", func(t *testing.T) {
		fs, err := OS(filepath.Join(t.TempDir(), "a", "b"))
		must(t, err)
		f(t, fs)
	})
	t.Run("mem", func(t *testing.T) { f(t, NewMem()) })
}

func TestContract(t *testing.T) {
	both(t, func(t *testing.T, fs FS) {
		if _, err := fs.Open("a", Read); !errors.Is(err, ErrNotExist) {
			t.Fatalf("open of nothing: %v", err)
		}
		f, err := fs.Open("a", Create)
		must(t, err)
		if _, err := fs.Open("a", Create); !errors.Is(err, ErrExist) {
			t.Fatalf("second create: %v", err)
		}
		_, err = f.WriteAt([]byte("hello world"), 0)
		must(t, err)
		_, err = f.WriteAt([]byte("!!"), 13)
		must(t, err)
		must(t, f.Truncate(14))
		must(t, f.Sync())
		buf := make([]byte, 20)
		n, err := f.ReadAt(buf, 6)
		if n != 8 || err != io.EOF || string(buf[:n]) != "world\x00\x00!" {
			t.Fatalf("read %d %q %v", n, buf[:n], err)
		}
		if n, err := f.ReadAt(buf, 14); n != 0 || err != io.EOF {
			t.Fatalf("read at the end: %d %v", n, err)
		}
		must(t, f.Close())
		if _, err := f.ReadAt(buf, 0); !errors.Is(err, ErrClosed) {
			t.Fatalf("read after close: %v", err)
		}
		r, err := fs.Open("a", Read)
		must(t, err)
		if _, err := r.WriteAt([]byte("x"), 0); err == nil {
			t.Fatal("wrote to a file open for reading")
		}
		must(t, r.Close())
		put(t, fs, "b", "old", true)
		must(t, fs.Rename("a", "b"))
		must(t, fs.Sync())
		list, err := fs.List()
		must(t, err)
		if len(list) != 1 || list[0] != (Info{"b", 14}) {
			t.Fatalf("list: %v", list)
		}
		if err := fs.Rename("a", "c"); !errors.Is(err, ErrNotExist) {
			t.Fatalf("rename of nothing: %v", err)
		}
		must(t, fs.Remove("b"))
		if err := fs.Remove("b"); !errors.Is(err, ErrNotExist) {
			t.Fatalf("remove of nothing: %v", err)
		}
		for _, bad := range []string{"", ".", "..", "../x", "a/b", `a\b`, "ü", strings.Repeat("x", 129)} {
			if _, err := fs.Open(bad, Create); !errors.Is(err, ErrName) {
				t.Errorf("name %q: %v", bad, err)
			}
		}
	})
}

func TestWriteFile(t *testing.T) {
	both(t, func(t *testing.T, fs FS) {
		for _, want := range []string{"one", "", strings.Repeat("two", 100000)} {
			must(t, WriteFile(fs, "x", []byte(want)))
			if got := get(t, fs, "x"); got != want {
				t.Fatalf("%d bytes, want %d", len(got), len(want))
			}
		}
		if _, err := ReadFile(fs, "x", 299999); !errors.Is(err, ErrTooLarge) {
			t.Fatalf("limit: %v", err)
		}
		if b, err := ReadFile(fs, "x", 300000); err != nil || len(b) != 300000 {
			t.Fatalf("at the limit: %d %v", len(b), err)
		}
	})
}

func TestLock(t *testing.T) {
	both(t, func(t *testing.T, fs FS) {
		l, err := fs.Open("lock", Lock)
		must(t, err)
		_, err = fs.Open("lock", Lock)
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another process") {
			t.Fatalf("second lock: %v", err)
		}
		must(t, l.Close())
		l, err = fs.Open("lock", Lock)
		must(t, err)
		must(t, l.Close())
	})
}

// TestLockOfAnotherProcess runs this test binary a second time.
func TestLockOfAnotherProcess(t *testing.T) {
	const env = "JAUAP_LOCK_DIR"
	if dir := os.Getenv(env); dir != "" {
		fs, err := OS(dir)
		must(t, err)
		_, err = fs.Open("lock", Lock)
		fmt.Println("told:", errors.Is(err, ErrLocked))
		return
	}
	dir := t.TempDir()
	fs, err := OS(dir)
	must(t, err)
	l, err := fs.Open("lock", Lock)
	must(t, err)
	ask := func() string {
		c := exec.Command(os.Args[0], "-test.run=^TestLockOfAnotherProcess$")
		c.Env = append(os.Environ(), env+"="+dir)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := ask(); !strings.Contains(out, "told: true") {
		t.Fatalf("the other process was not told: %s", out)
	}
	must(t, l.Close())
	if out := ask(); !strings.Contains(out, "told: false") {
		t.Fatalf("the lock outlived its holder: %s", out)
	}
}

// TestCrashKeepsWhatWasSynced also shows that what was not synced is at times
// kept, at times torn and at times lost: otherwise it would test nothing.
func TestCrashKeepsWhatWasSynced(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(400) {
		m := NewMem()
		put(t, m, "a", strings.Repeat("A", 2000), true)
		f, err := m.Open("a", Write)
		must(t, err)
		_, err = f.WriteAt(bytes.Repeat([]byte("B"), 2000), 1000)
		must(t, err)
		put(t, m, "b", "new", false)
		c := m.CrashClone(rand.New(rand.NewPCG(seed, 1)))
		got := get(t, c, "a")
		if len(got) < 2000 || got[:1000] != strings.Repeat("A", 1000) {
			t.Fatalf("seed %d: synced bytes are gone", seed)
		}
		switch strings.Trim(got, "A") {
		case "":
			seen["lost"]++
		case strings.Repeat("B", 2000):
			seen["kept"]++
		default:
			seen["torn"]++
		}
		seen["b="+get(t, c, "b")]++
		if get(t, m, "a") != strings.Repeat("A", 1000)+strings.Repeat("B", 2000) {
			t.Fatal("the clone changed its origin")
		}
	}
	for _, k := range []string{"lost", "kept", "torn", "b=-", "b=new", "b="} {
		if seen[k] < 10 {
			t.Errorf("%s: %d of 400", k, seen[k])
		}
	}
}

// TestCrashMatchesReplay compares the bytes on stable storage with a plain
// copy taken at each Sync.
func TestCrashMatchesReplay(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		m := NewMem()
		f, err := m.Open("a", Create)
		must(t, err)
		must(t, m.Sync())
		var now []byte
		for range 1 + rng.IntN(6) {
			for range rng.IntN(5) {
				if rng.IntN(4) == 0 {
					n := rng.IntN(3000)
					must(t, f.Truncate(int64(n)))
					now = append(now, make([]byte, 3000)...)[:n]
					continue
				}
				off, b := rng.IntN(2000), bytes.Repeat([]byte{byte(1 + rng.IntN(255))}, rng.IntN(900))
				_, err := f.WriteAt(b, int64(off))
				must(t, err)
				if len(b) > 0 && off+len(b) > len(now) {
					now = append(now, make([]byte, off+len(b)-len(now))...)
				}
				if len(b) > 0 {
					copy(now[off:], b)
				}
			}
			if got := get(t, m, "a"); got != string(now) {
				t.Fatalf("seed %d: the bytes seen differ", seed)
			}
			must(t, f.Sync())
		}
		if got := get(t, m.CrashClone(rng), "a"); got != string(now) {
			t.Fatalf("seed %d: %d bytes after the cut, want %d", seed, len(got), len(now))
		}
	}
}

// TestFailedSyncLosesForGood: after a failed Sync a later one does not bring
// the bytes back, writing them again does.
func TestFailedSyncLosesForGood(t *testing.T) {
	for _, again := range []bool{false, true} {
		lost := 0
		for seed := range uint64(50) {
			m := NewMem()
			put(t, m, "a", "....", true)
			f, err := m.Open("a", Write)
			must(t, err)
			_, err = f.WriteAt([]byte("abcd"), 0)
			must(t, err)
			m.FailAt(1, errDisk, false)
			if err := f.Sync(); !errors.Is(err, errDisk) {
				t.Fatalf("sync: %v", err)
			}
			want := "..cd"
			if again {
				_, err = f.WriteAt([]byte("ab"), 0)
				must(t, err)
				_, err = f.WriteAt([]byte("cd"), 2)
				must(t, err)
				want = "abcd"
			}
			_, err = f.WriteAt([]byte("ef"), 4)
			must(t, err)
			must(t, f.Sync())
			got := get(t, m.CrashClone(rand.New(rand.NewPCG(seed, 3))), "a")
			if len(got) != 6 || got[4:] != "ef" || again && got[:4] != want {
				t.Fatalf("again %v: %q", again, got)
			}
			if got[:4] != "abcd" {
				lost++
			}
		}
		if again != (lost == 0) {
			t.Fatalf("again %v: lost %d of 50", again, lost)
		}
	}
}

func TestDiskFull(t *testing.T) {
	m := NewMem()
	put(t, m, "a", "12345", true)
	m.SetLimit(8)
	f, err := m.Open("a", Write)
	must(t, err)
	n, err := f.WriteAt([]byte("67890"), 5)
	if n != 3 || !errors.Is(err, ErrNoSpace) || m.Used() != 8 {
		t.Fatalf("%d %v %d", n, err, m.Used())
	}
	if err := WriteFile(m, "b", []byte("x")); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("write on a full disk: %v", err)
	}
	must(t, f.Truncate(4))
	must(t, WriteFile(m, "b", []byte("xyz")))
	must(t, m.Remove("a"))
	if m.Used() != 3 || get(t, m, "b") != "xyz" {
		t.Fatalf("used %d", m.Used())
	}
}

// TestWriteFileIsAtomic cuts it at every call, by an error and by the power.
func TestWriteFileIsAtomic(t *testing.T) {
	for n := 1; ; n++ {
		m := NewMem()
		must(t, WriteFile(m, "x", []byte("old")))
		m.FailAt(n, errDisk, false)
		err := WriteFile(m, "x", []byte("new"))
		m.FailAt(0, nil, false)
		for seed := range uint64(40) {
			got := get(t, m.CrashClone(rand.New(rand.NewPCG(seed, 4))), "x")
			if got != "new" && (err == nil || got != "old") {
				t.Fatalf("call %d failed with %v: %q is left", n, err, got)
			}
		}
		must(t, WriteFile(m, "x", []byte("newer")))
		if get(t, m, "x") != "newer" {
			t.Fatal("not usable after an error")
		}
		if err == nil {
			break // n is beyond the last call
		}
		if !errors.Is(err, errDisk) {
			t.Fatalf("call %d: %v", n, err)
		}
	}
}

func TestKill(t *testing.T) {
	m := NewMem()
	l, err := m.Open("lock", Lock)
	must(t, err)
	put(t, m, "a", "seen", false)
	f, err := m.Open("a", Write)
	must(t, err)
	m.Kill()
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, ErrClosed) {
		t.Fatalf("a dead process wrote: %v", err)
	}
	l2, err := m.Open("lock", Lock)
	must(t, err)
	_ = l.Close() // must not free the lock of the living
	if _, err := m.Open("lock", Lock); !errors.Is(err, ErrLocked) {
		t.Fatalf("lock: %v", err)
	}
	must(t, l2.Close())
	if get(t, m, "a") != "seen" {
		t.Fatal("what the dead process wrote is gone")
	}
}

func TestOSFolder(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	for _, bad := range []string{"file", "file/below"} {
		if _, err := OS(filepath.Join(dir, bad)); err == nil {
			t.Errorf("made a folder of %s", bad)
		}
	}
	fs, err := OS(filepath.Join(dir, "x", "y", "z"))
	must(t, err)
	must(t, os.Mkdir(filepath.Join(dir, "x", "y", "z", "sub"), 0o700))
	if runtime.GOOS != "windows" { // where it takes a right that few have
		must(t, os.Symlink("loop", filepath.Join(dir, "x", "y", "z", "loop")))
	}
	must(t, WriteFile(fs, "a", []byte("1")))
	list, err := fs.List()
	must(t, err)
	if len(list) != 1 || list[0] != (Info{"a", 1}) {
		t.Fatalf("%v", list)
	}
	if i, err := os.Stat(filepath.Join(dir, "x", "y", "z", "a")); err != nil || runtime.GOOS != "windows" && i.Mode().Perm() != 0o600 {
		t.Fatalf("others may read it: %v %v", i, err)
	}
}
