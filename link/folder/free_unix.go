//go:build linux || darwin

package folder

import "syscall"

// freeBytes is how much somebody without rights of his own can still write below
// path, and in steps of how much; false when the system does not tell.
func freeBytes(path string) (free, step int64, ok bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(path, &s) != nil || s.Bsize <= 0 {
		return 0, 0, false
	}
	step = int64(s.Bsize)
	return int64(min(s.Bavail, uint64(1<<62/step))) * step, step, true
}
