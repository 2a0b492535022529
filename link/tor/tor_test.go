package tor

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// stub answers greetings as a SOCKS port does.
func stub(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.ReadFull(c, make([]byte, 3))
				_, _ = io.WriteString(c, answer)
			}()
		}
	}()
	return l.Addr().String()
}

func TestLook(t *testing.T) {
	good, web, secret := stub(t, "\x05\x00"), stub(t, "HTTP/1.1 400"), stub(t, "\x05\xff")
	if s := Look(t.Context(), []string{"127.0.0.1:1", web, secret, good}); s.Running != good {
		t.Errorf("running at %q, want %s", s.Running, good)
	}
	if s := Look(t.Context(), []string{"127.0.0.1:1", web, secret}); s.Running != "" {
		t.Errorf("something else was taken for Tor: %+v", s)
	}
}

func TestSettings(t *testing.T) {
	lines, err := settings(Options{Dir: "/d", Snowflake: "/usr/bin/snowflake-client", Bridges: []string{
		"192.0.2.3:443 0123456789ABCDEF0123456789ABCDEF01234567",
		"snowflake 192.0.2.4:80 2B280B23E1107BB62ABFC40DDCC8824814F80A72 url=https://x.example/ fronts=a.example,b.example ice=stun:stun.example:3478",
	}}, "127.0.0.1:9")
	for _, want := range []string{"SocksPort 127.0.0.1:9", "UseBridges 1", "ClientTransportPlugin snowflake exec /usr/bin/snowflake-client",
		"Bridge 192.0.2.3:443 0123456789ABCDEF0123456789ABCDEF01234567"} {
		if err != nil || !slices.Contains(lines, want) {
			t.Errorf("%q is not in %q, %v", want, lines, err)
		}
	}
	for _, bad := range []string{"", "192.0.2.3:443 `x`", strings.Repeat("a ", 20), "meek 192.0.2.3:1", "snowflake 192.0.2.4:80"} {
		if lines, err := settings(Options{Dir: "/d", Bridges: []string{bad}}, "127.0.0.1:9"); !errors.Is(err, ErrBridge) {
			t.Errorf("%q was taken: %q", bad, lines)
		}
	}
	lines, _ = settings(Options{Dir: "/d", Bridges: []string{"192.0.2.3:443\nControlPort 9051"}}, "127.0.0.1:9")
	if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Control") || strings.Contains(l, "\n") }) {
		t.Errorf("a bridge brought in an option: %q", lines)
	}
	if _, err := Start(Options{}); !errors.Is(err, ErrNone) {
		t.Errorf("without a program: %v", err)
	}
}

// TestChild runs the system's tor against an authority that is not there: its port
// opens, its progress is told, it ends when told and starts again at the same port.
func TestChild(t *testing.T) {
	program := program("tor")
	switch {
	case os.Getenv("JAUAP_TEST") != "all":
		t.Skip("needs the package tor; JAUAP_TEST=all runs it")
	case program == "":
		t.Fatal("JAUAP_TEST=all needs the package tor")
	}
	dir := filepath.Join(t.TempDir(), "tor")
	c, err := Start(Options{Program: program, Dir: dir, More: []string{"TestingTorNetwork 1",
		"DirAuthority x orport=9 v3ident=0123456789ABCDEF0123456789ABCDEF01234567 127.0.0.1:9 0123456789ABCDEF0123456789ABCDEF01234567"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		end := time.Now().Add(30 * time.Second)
		for s := Look(t.Context(), []string{c.Socks()}); s.Running != c.Socks(); s = Look(t.Context(), []string{c.Socks()}) {
			if time.Now().After(end) {
				_, what := c.Progress()
				t.Fatalf("no SOCKS port: %s", what)
			}
			time.Sleep(50 * time.Millisecond)
		}
		for percent, what := c.Progress(); what == ""; percent, what = c.Progress() {
			if percent == 100 || time.Now().After(end) {
				t.Fatalf("%d %%, %q", percent, what)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-c.Done():
		default:
			t.Error("it runs on")
		}
		if c, err = c.Again(); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder: %v, %v", info, err)
	}
}
