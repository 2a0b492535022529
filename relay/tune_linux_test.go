package relay

import (
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
)

// tcpPair is a TCP connection over the loopback.
func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if near, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// TestCongestion: BBR is used where the kernel offers it, and a kernel that has
// not what is asked for keeps its own; either way the connection works.
func TestCongestion(t *testing.T) {
	usual, far := tcpPair(t)
	before := Congestion(usual)
	if before == "" {
		t.Fatal("this kernel does not say what it uses")
	}
	raw, err := usual.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	congestion(raw, "nosuchthing")
	if got := Congestion(usual); got != before {
		t.Errorf("after a name that does not exist it is %q, before %q", got, before)
	}
	Tune(usual)
	allowed, err := os.ReadFile("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
	if err != nil {
		t.Fatal(err)
	}
	want := before
	if slices.Contains(strings.Fields(string(allowed)), wanted) {
		want = wanted
	}
	if got := Congestion(usual); got != want && got != wanted { // root may have more than is allowed to all
		t.Errorf("%q, want %q", got, want)
	}
	go func() { _, _ = usual.Write([]byte("all is well")); usual.Close() }()
	if b, err := io.ReadAll(far); err != nil || string(b) != "all is well" {
		t.Errorf("%q, %v", b, err)
	}
	near, other := net.Pipe()
	defer near.Close()
	defer other.Close()
	if Tune(near); Congestion(near) != "" {
		t.Error("a pipe has no congestion")
	}
}
