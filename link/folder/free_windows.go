package folder

import "golang.org/x/sys/windows"

// freeBytes is how much somebody without rights of his own can still write below
// path, and in steps of how much; false when the system does not tell.
func freeBytes(path string) (free, step int64, ok bool) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, false
	}
	const cluster = 32 << 10 // the largest that is usual
	var n uint64
	if windows.GetDiskFreeSpaceEx(name, &n, nil, nil) != nil {
		return 0, 0, false
	}
	return int64(min(n, 1<<62)), cluster, true
}
