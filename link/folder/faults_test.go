package folder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jauap/jauap/link/linktest"
)

// faults make a disk fail.
type faults struct {
	fast     bool             // no real flushing
	budget   int              // operations and bytes until the stick is pulled out; <0 for never
	space    int              // bytes that can be written, when limited
	limited  bool             //
	readOnly bool             //
	deny     map[string]error // by name, when opened
	pulled   bool
	opened   []string
	created  map[string]bool   // files not yet flushed
	renamed  map[string]string // renames not yet flushed, new name to old
	mu       sync.Mutex
}

type faultyDisk struct {
	disk
	*faults
}

func opened(t *testing.T, path string, f *faults) disk {
	t.Helper()
	d, err := openRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.created == nil {
		f.created, f.renamed = make(map[string]bool), make(map[string]string)
	}
	return faultyDisk{d, f}
}

// spend takes up to n from the budget and answers how much there was.
func (f *faults) spend(n int) (int, error) {
	if f.pulled {
		return 0, syscall.EIO
	}
	if f.budget < 0 {
		return n, nil
	}
	if n > f.budget {
		n, f.pulled = f.budget, true
		return n, syscall.EIO
	}
	f.budget -= n
	return n, nil
}

func (d faultyDisk) step() error { _, err := d.spend(1); return err }

func (d faultyDisk) Open(name string) (file, error) {
	d.mu.Lock()
	d.faults.opened = append(d.faults.opened, name)
	d.mu.Unlock()
	if err := d.deny[name]; err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return d.disk.Open(name)
}

func (d faultyDisk) Create(name string) (file, error) {
	if d.readOnly {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EROFS}
	}
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.disk.Create(name)
	if err != nil {
		return nil, err
	}
	d.created[name] = true
	return &faultyFile{f, d.faults, name}, nil
}

func (d faultyDisk) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	if d.created[from] {
		delete(d.created, from)
		d.created[to] = true
	}
	d.renamed[to] = from
	return d.disk.Rename(from, to)
}

func (d faultyDisk) Remove(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.disk.Remove(name)
}

func (d faultyDisk) SyncDir(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	for to := range d.renamed {
		if filepath.Dir(to) == name {
			delete(d.renamed, to)
		}
	}
	if d.fast {
		return nil
	}
	return d.disk.SyncDir(name)
}

type faultyFile struct {
	file
	*faults
	name string
}

func (f *faultyFile) Write(b []byte) (int, error) {
	n, err := f.spend(len(b))
	if f.limited && n > f.space {
		n, err = f.space, syscall.ENOSPC
	}
	f.space -= n
	if _, werr := f.file.Write(b[:n]); werr != nil {
		return 0, werr
	}
	return n, err
}

func (f *faultyFile) Sync() error {
	if _, err := f.spend(1); err != nil {
		return err
	}
	delete(f.created, f.name)
	if f.fast {
		return nil
	}
	return f.file.Sync()
}

func faulty(t *testing.T, dir string, fl *faults) *Folder {
	t.Helper()
	f := open(t, dir, Options{})
	f.open = func(path string) (disk, error) { return opened(t, path, fl), nil }
	return f
}

// TestPulledOutAnywhere writes a second pack and pulls the stick out after every
// single byte and operation. What is not flushed then turns to zeros or stays.
func TestPulledOutAnywhere(t *testing.T) {
	first, second := linktest.Units(1, 3), linktest.Units(2, 4)
	stride := 1
	for budget := 0; ; budget += stride {
		dir := t.TempDir()
		leave(t, faulty(t, dir, &faults{fast: true, budget: -1}), first)
		fl := &faults{fast: true, budget: budget}
		n, err := faulty(t, dir, fl).Leave(context.Background(), linktest.From(second))
		if fl.pulled != (err != nil) {
			t.Fatalf("budget %d: pulled out %v, but error %v", budget, fl.pulled, err)
		}
		sum := 0
		for _, u := range second {
			sum += len(u)
		}
		// All is one pack: stored, or not. Behind it come the spare files, of which
		// some of the bytes are enough.
		if n != 0 && n != int64(sum) {
			t.Fatalf("budget %d: %d of %d bytes are called stored after %v", budget, n, sum, err)
		}
		if n > 0 && err != nil {
			stride = 17
		}
		if err == nil && len(fl.created)+len(fl.renamed) > 0 {
			t.Fatalf("leave came back before all was flushed: %v %v", fl.created, fl.renamed)
		}
		if budget%2 == 0 {
			loseUnflushed(t, dir, fl)
		}
		got, _ := each(t, open(t, dir, Options{}))
		left := make(map[string]bool)
		for _, u := range got {
			left[string(u)] = true
		}
		for _, u := range first {
			if !left[string(u)] {
				t.Fatalf("budget %d: a unit of the earlier pack is lost", budget)
			}
			delete(left, string(u))
		}
		if err == nil {
			sameUnits(t, got, append(first, second...))
			os.RemoveAll(dir)
			return
		}
		for _, u := range second {
			if n > 0 && !left[string(u)] {
				t.Fatalf("budget %d: a unit is lost that was called stored", budget)
			}
			delete(left, string(u))
		}
		if len(left) > 0 {
			t.Fatalf("budget %d: %d units were found that nobody left", budget, len(left))
		}
		os.RemoveAll(dir) // thousands of them
	}
}

// loseUnflushed does what a stick may do that loses power: files become zeros,
// renames never happened.
func loseUnflushed(t *testing.T, dir string, fl *faults) {
	t.Helper()
	for name := range fl.created {
		name = filepath.Join(dir, name)
		if info, err := os.Stat(name); err == nil {
			if err := os.WriteFile(name, make([]byte, info.Size()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for to, from := range fl.renamed {
		if err := os.Rename(filepath.Join(dir, to), filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullStick(t *testing.T) {
	for _, space := range []int{0, 10, 3000, 100_000, 1 << 20, 3 << 20} {
		dir := t.TempDir()
		old, units := linktest.Units(1, 4), linktest.Units(2, 300)
		leave(t, open(t, dir, Options{}), old)
		fl := &faults{fast: true, budget: -1, limited: true, space: space}
		f := faulty(t, dir, fl)
		f.open = func(path string) (disk, error) { return spaceDisk{opened(t, path, fl), fl}, nil }
		n, err := f.Leave(context.Background(), linktest.From(units))
		if !errors.Is(err, ErrFull) {
			t.Fatalf("space %d: %v", space, err)
		}
		for _, name := range files(t, dir) {
			if strings.HasSuffix(name, tempSuffix) {
				t.Errorf("space %d: the temporary file %s stayed", space, name)
			}
		}
		got, notes := each(t, open(t, dir, Options{}))
		if len(notes) != 0 {
			t.Errorf("space %d: notes %v", space, notes)
		}
		stored := 0
		for size := int64(0); size < n; stored++ {
			size += int64(len(units[stored]))
		}
		sameUnits(t, got, append(old, units[:stored]...))
		// The next unit and a pack's own bytes did not fit any more.
		if spare := space - int(n); spare > len(units[stored])+20*2200 {
			t.Errorf("space %d: only %d bytes used although the next unit has %d", space, n, len(units[stored]))
		}
	}
}

// spaceDisk gives the space of a removed file back.
type spaceDisk struct {
	disk
	fl *faults
}

func (d spaceDisk) Remove(name string) error {
	info, err := d.Lstat(name)
	if err == nil {
		d.fl.space += int(info.Size())
	}
	return d.disk.Remove(name)
}

func TestReadOnlyStick(t *testing.T) {
	dir := t.TempDir()
	units := linktest.Units(1, 5)
	leave(t, open(t, dir, Options{}), units)
	f := faulty(t, dir, &faults{budget: -1, readOnly: true})
	got, _ := each(t, f)
	sameUnits(t, got, units)
	n, err := f.Leave(context.Background(), linktest.From(linktest.Units(2, 5)))
	if !errors.Is(err, ErrReadOnly) || n != 0 {
		t.Errorf("leave on a write-protected stick: %d, %v", n, err)
	}
	// What is there already counts as left, on any stick.
	if _, err := f.Leave(context.Background(), linktest.From(units)); err != nil {
		t.Errorf("leave of what is there: %v", err)
	}
}

func TestReadOnlyFolderForReal(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("left out: permissions do not bind root; TestReadOnlyMountForReal shows the same")
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, dir, Options{}).Leave(context.Background(), linktest.From(linktest.Units(2, 5)))
	if !errors.Is(err, ErrReadOnly) {
		t.Errorf("leave: %v", err)
	}
}

func TestCancelInMidLeave(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	units := linktest.Units(1, 100)
	next := linktest.From(units)
	i := 0
	n, err := open(t, dir, Options{}).Leave(ctx, func() ([]byte, bool) {
		if i++; i == 60 {
			cancel()
		}
		return next()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("leave: %v", err)
	}
	got, notes := each(t, open(t, dir, Options{}))
	stored := 0
	for size := int64(0); size < n; stored++ {
		size += int64(len(units[stored]))
	}
	if len(notes) != 0 || stored == 0 {
		t.Errorf("%d units stored, notes %v", stored, notes)
	}
	sameUnits(t, got, units[:stored])
}
