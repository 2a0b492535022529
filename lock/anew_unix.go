//go:build unix

package lock

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

const canReplace = true

// replace runs this program anew in the place of this process, with two files and
// without a passphrase in its environment.
func replace(socket, pipe *os.File) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var fds [2]int
	for i, f := range []*os.File{socket, pipe} {
		if fds[i], err = syscall.Dup(int(f.Fd())); err != nil { // unlike f it stays open
			return err
		}
		defer syscall.Close(fds[i])
	}
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "JAUAP_PASSPHRASE=") || strings.HasPrefix(s, heirEnv+"=")
	})
	return syscall.Exec(exe, os.Args, append(env, fmt.Sprintf("%s=%d,%d", heirEnv, fds[0], fds[1])))
}
