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
		if err != nil {
			if os.Getenv("JAUAP_TEST") == "all" {
				t.Errorf("no file system could be mounted: %v", err)
			} else {
				t.Logf("left out: no file system can be mounted here (%v); TestFullStick shows the same", err)
			}
			return
		}
		fillAndCheck(t, dir)
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
	n, err := f.Leave(context.Background(), linktest.From(units))
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("leave: %v", err)
	}
	if n < 2<<20 {
		t.Errorf("only %d bytes were left on a stick of 3 MiB", n)
	}
	found := int64(0)
	notes, err := f.Each(context.Background(), func(u []byte) error { found += int64(len(u)); return nil })
	if err != nil || len(notes) != 0 || found != n {
		t.Errorf("%d bytes found of %d; notes %v, %v", found, n, notes, err)
	}
	t.Logf("3 MiB hold %d bytes of units; then: %v", n, err)
}
