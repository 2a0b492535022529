package mounts

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestWatchForReal plugs a stick in and pulls it out, in a mount table that only a
// shell of this test has.
func TestWatchForReal(t *testing.T) {
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("plugging in a stick needs root, loop devices and mkfs.ext2: set JAUAP_TEST=all")
	}
	image := filepath.Join(t.TempDir(), "stick.img")
	if err := os.WriteFile(image, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext2", "-q", "-F", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext2: %v: %s", err, out)
	}
	shell := exec.Command("unshare", "-m", "--propagation", "private", "sh")
	shell.Stderr = os.Stderr
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = shell.Wait() }()
	lines := bufio.NewScanner(out)
	say := func(command string) {
		t.Helper()
		fmt.Fprintf(in, "%s && echo done\n", command)
		if !lines.Scan() || lines.Text() != "done" {
			t.Fatalf("%s: %q", command, lines.Text())
		}
	}
	say("mount -t tmpfs tmpfs /mnt && mkdir '/mnt/my stick'")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	told, ended := make(chan []string, 8), make(chan error, 1)
	go func() {
		ended <- watch(ctx, fmt.Sprintf("/proc/%d/mountinfo", shell.Process.Pid), func(s []string) { told <- s })
	}()
	want := func(sticks ...string) {
		t.Helper()
		select {
		case got := <-told:
			if !slices.Equal(got, sticks) {
				t.Fatalf("told of %q, want %q", got, sticks)
			}
		case err := <-ended:
			t.Fatalf("the watch ended: %v", err)
		case <-ctx.Done():
			t.Fatalf("nothing was told of %q", sticks)
		}
	}
	want()
	say("mount -o loop " + image + " '/mnt/my stick'")
	want("/mnt/my stick")
	say("umount '/mnt/my stick'")
	want()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the watch ended with %v", err)
	}
}
