package folder

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/jauap/jauap/link/linktest"
)

// TestFullStickForReal fills a real 3 MiB file system, which only this test's
// thread can see.
func TestFullStickForReal(t *testing.T) {
	dir := t.TempDir()
	onOwnDisk(t, dir, func() error { return nil }, func() { fillAndCheck(t, dir) })
}

// TestReadOnlyMountForReal reads a stick whose switch forbids writing.
func TestReadOnlyMountForReal(t *testing.T) {
	dir := t.TempDir()
	units := linktest.Units(2, 5)
	lock := func() error {
		f, err := Open(dir, Options{})
		if err == nil {
			_, err = f.Leave(context.Background(), linktest.From(units))
		}
		if err == nil {
			err = syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
		}
		return err
	}
	onOwnDisk(t, dir, lock, func() {
		f, err := Open(dir, Options{})
		if err != nil {
			t.Error(err)
			return
		}
		found := 0
		if _, err := f.Each(context.Background(), func([]byte) error { found++; return nil }); err != nil || found != len(units) {
			t.Errorf("%d units read of %d: %v", found, len(units), err)
		}
		if _, err := f.Leave(context.Background(), linktest.From(linktest.Units(7, 3))); !errors.Is(err, ErrReadOnly) {
			t.Errorf("leave: %v", err)
		}
	})
}

// onOwnDisk mounts a file system of 3 MiB at dir, which only f sees.
func onOwnDisk(t *testing.T, dir string, prepare func() error, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread and its mounts end with the goroutine
		err := syscall.Unshare(syscall.CLONE_NEWNS | syscall.CLONE_FS)
		if err == nil {
			err = syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
		}
		if err == nil {
			err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m")
		}
		if err == nil {
			err = prepare()
		}
		if err != nil {
			if os.Getenv("JAUAP_TEST") == "all" {
				t.Errorf("no file system could be mounted: %v", err)
			} else {
				t.Logf("left out: no file system can be mounted here (%v)", err)
			}
			return
		}
		f()
	}()
	<-done
}

// fillAndCheck uses no t.Fatal, which only the test's own goroutine may.
func fillAndCheck(t *testing.T, dir string) {
	f, err := Open(dir, Options{})
	if err != nil {
		t.Error(err)
		return
	}
	units := linktest.Units(1, 300)
	n, err := f.LeaveAbout(context.Background(), 10<<20, linktest.From(units))
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("leave: %v", err)
	}
	if n < 1750<<10 { // the rest is for spare files
		t.Errorf("only %d bytes were left on a stick of 3 MiB", n)
	}
	found := int64(0)
	notes, err := f.Each(context.Background(), func(u []byte) error { found += int64(len(u)); return nil })
	if err != nil || len(notes) != 0 || found != n {
		t.Errorf("%d bytes found of %d; notes %v, %v", found, n, notes, err)
	}
	t.Logf("3 MiB hold %d bytes of units; then: %v", n, err)
}
