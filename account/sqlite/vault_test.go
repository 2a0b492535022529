package sqlite

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
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/internal/limits"
)

// cheap is the floor of what Create accepts.
func cheap() Params { return Params{MemoryKiB: minMemory, Passes: 1} }

func openNew(t testing.TB) (*Vault, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profile", "vault.db")
	v, err := Create(path, nil, Params{NoPassphrase: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v, path
}

// dump reads all records of the first tables.
func dump(t testing.TB, v account.Vault) string {
	t.Helper()
	var b strings.Builder
	err := v.View(func(tx account.Tx) error {
		for table := account.Table(1); table < 6; table++ {
			err := tx.Scan(table, nil, nil, false, func(k, val []byte) (bool, error) {
				fmt.Fprintf(&b, "%d %x %x\n", table, k, val)
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestAgainstModel runs the same random transactions on the file and on
// MemVault, with aborts and reopenings.
func TestAgainstModel(t *testing.T) {
	v, path := openNew(t)
	model := account.NewMemVault()
	rng := rand.New(rand.NewPCG(1, 2))
	abort := errors.New("abort")
	for round := range 100 {
		seed := rng.Uint64()
		stop := rng.IntN(4) == 0
		var seen [2]string
		var errs [2]error
		for i, vault := range []account.Vault{v, model} {
			r := rand.New(rand.NewPCG(seed, 0))
			errs[i] = vault.Update(func(tx account.Tx) error {
				seen[i] = randomSteps(t, tx, r)
				if stop {
					return abort
				}
				return nil
			})
		}
		if seen[0] != seen[1] || (errs[0] == nil) != (errs[1] == nil) {
			t.Fatalf("round %d: file saw\n%s%v\nmodel saw\n%s%v", round, seen[0], errs[0], seen[1], errs[1])
		}
		if round%40 == 39 {
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			var err error
			if v, err = Open(path, nil); err != nil {
				t.Fatal(err)
			}
			defer v.Close()
		}
	}
	if got, want := dump(t, v), dump(t, model); got != want || len(want) < 100 {
		t.Fatalf("file:\n%s\nmodel:\n%s", got, want)
	}
}

func randomSteps(t *testing.T, tx account.Tx, r *rand.Rand) string {
	var log strings.Builder
	key := func() []byte {
		k := make([]byte, r.IntN(3))
		for i := range k {
			k[i] = []byte{0, 1, 0x7f, 0xff}[r.IntN(4)]
		}
		return k
	}
	for range r.IntN(20) {
		table := account.Table(1 + r.IntN(4))
		var err error
		switch r.IntN(6) {
		case 0, 1, 2:
			err = tx.Put(table, key(), bytes.Repeat([]byte{byte(r.IntN(256))}, r.IntN(9)*r.IntN(900)))
		case 3:
			err = tx.Delete(table, key())
		case 4:
			var val []byte
			val, err = tx.Get(table, key())
			fmt.Fprintf(&log, "get %x %v\n", val, val == nil)
		case 5:
			from, to := key(), key()
			if r.IntN(2) == 0 {
				to = nil
			}
			left := r.IntN(6)
			err = tx.Scan(table, from, to, r.IntN(2) == 0, func(k, val []byte) (bool, error) {
				fmt.Fprintf(&log, "scan %x %x\n", k, val)
				if err := tx.Put(table, k, nil); !errors.Is(err, account.ErrTx) {
					return false, fmt.Errorf("a put inside a scan: %v", err)
				}
				nested := 0
				err := tx.Scan(table, nil, nil, false, func(_, _ []byte) (bool, error) { nested++; return true, nil })
				fmt.Fprintf(&log, "nested %d\n", nested)
				left--
				return left > 0, err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return log.String()
}

func TestPassphrase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	if _, err := Open(path, []byte("x")); !errors.Is(err, ErrNoVault) {
		t.Fatalf("open of nothing: %v", err)
	}
	for _, bad := range []Params{{MemoryKiB: minMemory - 1}, {Passes: 1000}, {Threads: 200}, {MemoryKiB: 1 << 31}} {
		if _, err := Create(path, []byte("x"), bad); !errors.Is(err, ErrParams) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := Create(path, nil, cheap()); !errors.Is(err, ErrParams) {
		t.Errorf("no passphrase by accident: %v", err)
	}
	v, err := Create(path, []byte("correct horse"), cheap())
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Update(func(tx account.Tx) error { return tx.Put(1, []byte("k"), []byte("canary value")) }); err != nil {
		t.Fatal(err)
	}
	v.Close()
	if _, err := Create(path, []byte("x"), cheap()); !errors.Is(err, ErrExists) {
		t.Errorf("create over a vault: %v", err)
	}
	before := snapshot(t, path)
	if _, err := Open(path, []byte("wrong horse")); !errors.Is(err, ErrWrongPassphrase) {
		t.Fatalf("wrong passphrase: %v", err)
	}
	if _, err := Open(path, nil); !errors.Is(err, ErrPassphrase) {
		t.Fatalf("no passphrase: %v", err)
	}
	if after := snapshot(t, path); after != before {
		t.Error("a wrong passphrase changed the data")
	}
	if err := ChangePassphrase(path, []byte("wrong"), []byte("n"), cheap()); !errors.Is(err, ErrWrongPassphrase) {
		t.Error(err)
	}
	if err := ChangePassphrase(path, []byte("correct horse"), []byte("battery"), cheap()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, []byte("correct horse")); !errors.Is(err, ErrWrongPassphrase) {
		t.Fatalf("old passphrase: %v", err)
	}
	if v, err = Open(path, []byte("battery")); err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if !strings.Contains(dump(t, v), fmt.Sprintf("%x", "canary value")) {
		t.Error("the record is gone")
	}
}

// snapshot is the content of the data files.
func snapshot(t testing.TB, path string) string {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %d\n%s\n", filepath.Base(n), len(b), b)
	}
	return all.String()
}

func TestNothingReadableOnDisk(t *testing.T) {
	v, path := openNew(t)
	canary := []byte("a canary sings in the mine")
	key := []byte("keys are hidden as well, by the pages")
	for range 50 {
		if err := v.Update(func(tx account.Tx) error { return tx.Put(1, key, canary) }); err != nil {
			t.Fatal(err)
		}
	}
	all := snapshot(t, path)
	v.Close()
	all += snapshot(t, path)
	for _, s := range []string{string(canary), string(key), "SQLite format", "CREATE TABLE"} {
		if strings.Contains(all, s) {
			t.Errorf("the files show %q", s)
		}
	}
	names, _ := filepath.Glob(path + "*")
	for _, n := range names {
		if info, err := os.Stat(n); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", n, info.Mode(), err)
		}
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	v, path := openNew(t)
	if _, err := Open(path, nil); !errors.Is(err, ErrInUse) {
		t.Fatalf("second open: %v", err)
	}
	v.Close()
	again, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if err := again.View(func(account.Tx) error { return nil }); !errors.Is(err, account.ErrClosed) {
		t.Errorf("view after close: %v", err)
	}
}

// TestMovedRecord swaps two sealed values below the vault's feet.
func TestMovedRecord(t *testing.T) {
	v, _ := openNew(t)
	err := v.Update(func(tx account.Tx) error {
		return errors.Join(tx.Put(1, []byte("a"), []byte("one")), tx.Put(1, []byte("b"), []byte("two")))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.db.Exec("UPDATE kv SET v=(SELECT v FROM kv WHERE k=x'61') WHERE k=x'62'"); err != nil {
		t.Fatal(err)
	}
	get := func(k string) error {
		return v.View(func(tx account.Tx) error { _, err := tx.Get(1, []byte(k)); return err })
	}
	if err := get("a"); err != nil {
		t.Error(err)
	}
	if err := get("b"); !errors.Is(err, account.ErrDamaged) {
		t.Errorf("moved record: %v", err)
	}
	scan := v.View(func(tx account.Tx) error {
		return tx.Scan(1, nil, nil, false, func(_, _ []byte) (bool, error) { return true, nil })
	})
	if !errors.Is(scan, account.ErrDamaged) {
		t.Errorf("scan over a moved record: %v", scan)
	}
}

func TestDamagedFiles(t *testing.T) {
	v, path := openNew(t)
	err := v.Update(func(tx account.Tx) error {
		for i := range 200 {
			if err := tx.Put(1, []byte{byte(i)}, make([]byte, 500)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	data, _ := os.ReadFile(path)
	head, _ := os.ReadFile(headerPath(path))
	for name, spoil := range map[string]func() error{
		"flipped page":  func() error { b := slices.Clone(data); b[5000] ^= 1; return os.WriteFile(path, b, 0o600) },
		"foreign data":  func() error { return os.WriteFile(path, []byte(strings.Repeat("hello ", 4000)), 0o600) },
		"lost data":     func() error { return os.Remove(path) },
		"lost key file": func() error { return os.Rename(keyPath(path), keyPath(path)+"x") },
		"empty header":  func() error { return os.WriteFile(headerPath(path), nil, 0o600) },
		"huge memory": func() error {
			return os.WriteFile(headerPath(path), bytes.Replace(head, []byte("262144"), []byte("4294967295"), 1), 0o600)
		},
		"foreign header": func() error { return os.WriteFile(headerPath(path), bytes.Repeat([]byte("x "), 9999), 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		v, err := Open(path, nil)
		if err == nil {
			err = v.View(func(tx account.Tx) error {
				return tx.Scan(1, nil, nil, false, func(_, _ []byte) (bool, error) { return true, nil })
			})
			v.Close()
		}
		if !errors.Is(err, account.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		os.WriteFile(path, data, 0o600)
		os.WriteFile(headerPath(path), head, 0o600)
		os.Rename(keyPath(path)+"x", keyPath(path))
	}
	if v, err = Open(path, nil); err != nil {
		t.Fatalf("restored files: %v", err)
	}
	v.Close()
}

// TestInterruptedCreate cuts Create off after each of its steps.
func TestInterruptedCreate(t *testing.T) {
	v, path := openNew(t)
	v.Close()
	if err := os.Rename(path, draftPath(path)); err != nil { // header written, data not yet renamed
		t.Fatal(err)
	}
	v, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	if err := errors.Join(os.Rename(path, draftPath(path)), os.Remove(headerPath(path))); err != nil {
		t.Fatal(err) // no header yet: the vault never existed
	}
	if _, err := Open(path, nil); !errors.Is(err, ErrNoVault) {
		t.Fatal(err)
	}
	if v, err = Create(path, []byte("p"), cheap()); err != nil {
		t.Fatal(err)
	}
	v.Close()
}

// TestFullDisk lets every write fail from the n-th on, for all n that matter,
// and then gives the space back.
func TestFullDisk(t *testing.T) {
	disk := &fullDisk{VFS: vfs.Find("")}
	vfs.Register("jauap-full-disk", adiantum.Wrap(disk, nil))
	_, path := openNew(t)
	root := bytes.Repeat([]byte{7}, 32)
	data := path + "2"
	if err := makeData(data, root); err != nil {
		t.Fatal(err)
	}
	v, err := connect(data, root, "jauap-full-disk")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { v.Close() }()
	acked, failures := 0, 0
	for n := range 36 {
		disk.left, disk.limited = n, true
		for range 8 {
			big := bytes.Repeat([]byte{byte(acked)}, 20_000)
			err := v.Update(func(tx account.Tx) error { return tx.Put(1, fmt.Appendf(nil, "%06d", acked), big) })
			if err == nil {
				acked++
				continue
			}
			if !errors.Is(err, account.ErrFull) {
				t.Fatalf("n=%d: %v", n, err)
			}
			failures++
			if got := strings.Count(dump(t, v), "\n"); got != acked {
				t.Fatalf("n=%d: %d records while the disk is full, %d acknowledged", n, got, acked)
			}
		}
		disk.limited = false
		start := time.Now()
		if err := v.Update(func(tx account.Tx) error { return tx.Put(1, fmt.Appendf(nil, "%06d", acked), nil) }); err != nil {
			t.Fatalf("n=%d: space is back: %v", n, err)
		}
		acked++
		if d := time.Since(start); d > time.Second {
			t.Errorf("n=%d: %v to resume", n, d)
		}
		if n%10 == 5 {
			v.Close()
			if v, err = connect(data, root, "jauap-full-disk"); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Count(dump(t, v), "\n"); got != acked {
			t.Fatalf("n=%d: %d records, %d acknowledged", n, got, acked)
		}
	}
	if failures < 30 {
		t.Errorf("only %d failures: the test tests nothing", failures)
	}
}

// fullDisk is a file system that takes a number of writes and then no more.
type fullDisk struct {
	vfs.VFS
	limited bool
	left    int
}

func (d *fullDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := d.VFS.(vfs.VFSFilename).OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &fullFile{f, d}, flags, nil
}

type fullFile struct {
	vfs.File
	disk *fullDisk
}

func (f *fullFile) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.limited {
		if f.disk.left == 0 {
			return 0, &os.PathError{Op: "write", Path: "disk", Err: syscall.ENOSPC}
		}
		f.disk.left--
	}
	return f.File.WriteAt(p, off)
}

// TestKill kills a process that writes, again and again, and looks at what it
// had acknowledged.
func TestKill(t *testing.T) {
	if path := os.Getenv("JAUAP_TEST_VICTIM"); path != "" {
		victim(path)
		return
	}
	path := filepath.Join(t.TempDir(), "v")
	v, err := Create(path, nil, Params{NoPassphrase: true})
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	rng := rand.New(rand.NewPCG(3, 4))
	total := 0
	for round := range 8 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "JAUAP_TEST_VICTIM="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Kill after a random number of acknowledgements, in the middle of
		// whatever comes next.
		lines, want, last := make([]byte, 0, 1<<16), 1+rng.IntN(60), 0
		buf := make([]byte, 512)
		for last < want {
			n, err := out.Read(buf)
			lines = append(lines, buf[:n]...)
			last = bytes.Count(lines, []byte("\n"))
			if err != nil {
				t.Fatalf("the victim ended: %v: %s", err, lines)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(out)
		cmd.Wait()
		lines = append(lines, rest...)
		total += bytes.Count(lines, []byte("\n"))
		v, err := Open(path, nil)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		got := strings.Count(dump(t, v), "\n")
		v.Close()
		// One more than acknowledged may have been committed.
		if got < total || got > total+1 {
			t.Fatalf("round %d: %d records, %d acknowledged", round, got, total)
		}
		total = got
	}
}

// victim writes records and says so until it is killed.
func victim(path string) {
	v, err := Open(path, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	n := 0
	err = v.View(func(tx account.Tx) error {
		return tx.Scan(1, nil, nil, false, func(_, _ []byte) (bool, error) { n++; return true, nil })
	})
	for ; err == nil; n++ {
		err = v.Update(func(tx account.Tx) error {
			return tx.Put(1, fmt.Appendf(nil, "%08d", n), bytes.Repeat([]byte{byte(n)}, n%97*100))
		})
		if err == nil {
			fmt.Println(n)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestPanicRollsBack(t *testing.T) {
	v, _ := openNew(t)
	func() {
		defer func() { recover() }()
		v.Update(func(tx account.Tx) error {
			tx.Put(1, []byte("k"), []byte("v"))
			panic("app")
		})
	}()
	if d := dump(t, v); d != "" {
		t.Errorf("left behind: %s", d)
	}
	var kept account.Tx
	if err := v.Update(func(tx account.Tx) error { kept = tx; return tx.Put(2, nil, nil) }); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Get(2, nil); !errors.Is(err, account.ErrTx) {
		t.Errorf("a transaction used after its end: %v", err)
	}
	if err := v.View(func(tx account.Tx) error { return tx.Put(2, nil, nil) }); !errors.Is(err, account.ErrTx) {
		t.Errorf("put in a view: %v", err)
	}
}

func FuzzHeader(f *testing.F) {
	h, err := newHeader(Params{MemoryKiB: minMemory, Passes: 1, Threads: 1, NoPassphrase: true}, []byte("k"), make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(h.marshal())
	f.Add([]byte("jauap vault 1\nkdf argon2id memory 9999999999 passes 3 threads 2\nsalt 00\nroot 00\n"))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		h, err := parseHeader(b)
		if err != nil {
			if !errors.Is(err, account.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(h.marshal(), b) || h.params.MemoryKiB > maxMemory {
			t.Fatalf("accepted %q", b)
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	v, _ := openNew(b)
	val := make([]byte, 1024)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		err := v.Update(func(tx account.Tx) error { return tx.Put(1, fmt.Appendf(nil, "%08d", n), val) })
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	v, _ := openNew(b)
	v.Update(func(tx account.Tx) error {
		for i := range 10_000 {
			tx.Put(1, fmt.Appendf(nil, "%08d", i), make([]byte, 300))
		}
		return nil
	})
	n := 0
	v.View(func(tx account.Tx) error {
		for b.Loop() {
			n = (n + 7919) % 10_000
			if val, err := tx.Get(1, fmt.Appendf(nil, "%08d", n)); err != nil || len(val) != 300 {
				b.Fatal(err)
			}
		}
		return nil
	})
}

func BenchmarkScan50(b *testing.B) {
	v, _ := openNew(b)
	v.Update(func(tx account.Tx) error {
		for i := range 10_000 {
			tx.Put(1, fmt.Appendf(nil, "%08d", i), make([]byte, 300))
		}
		return nil
	})
	for b.Loop() {
		left := 50
		err := v.View(func(tx account.Tx) error {
			return tx.Scan(1, nil, nil, true, func(_, _ []byte) (bool, error) { left--; return left > 0, nil })
		})
		if err != nil || left != 0 {
			b.Fatal(err)
		}
	}
}
