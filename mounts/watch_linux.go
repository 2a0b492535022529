package mounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// table is the system's list for this process.
const table = "/proc/self/mountinfo"

// lookEvery is in how many milliseconds the list is read although the kernel said
// nothing: not every kernel tells of every change.
const lookEvery = 2000

// Watch calls tell with the folders of all sticks that are plugged in, at once and
// whenever these change, until ctx ends; then it answers nil. tell must return soon.
func Watch(ctx context.Context, tell func(sticks []string)) error { return watch(ctx, table, tell) }

func watch(ctx context.Context, table string, tell func([]string)) error {
	f, err := os.Open(table)
	if err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	defer f.Close()
	wake, stop, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	defer wake.Close()
	release := context.AfterFunc(ctx, func() { _ = stop.Close() })
	defer func() {
		if release() {
			_ = stop.Close()
		}
	}()
	var last []string
	for first := true; ctx.Err() == nil; first = false {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("mounts: %w", err)
		}
		now, err := parse(f)
		if err != nil {
			return fmt.Errorf("mounts: %w", err)
		}
		if first || !slices.Equal(now, last) {
			tell(now)
			last = now
		}
		// The kernel says POLLERR|POLLPRI when the table changed (proc(5)).
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}, {Fd: int32(wake.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, lookEvery); err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("mounts: %w", err)
		}
	}
	return nil
}
