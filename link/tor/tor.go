package tor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Errors, usable with errors.Is.
var (
	ErrNone   = errors.New("tor: no Tor is running or installed here: install the package tor, or start the Tor Browser and leave it open")
	ErrBridge = errors.New("tor: not a bridge line as Tor writes it: [TRANSPORT] ADDRESS:PORT [FINGERPRINT] [KEY=VALUE …]")
	ErrChild  = errors.New("tor: the system's tor did not start")
)

// Ports are where the system's Tor and the Tor Browser listen.
func Ports() []string { return []string{"127.0.0.1:9050", "127.0.0.1:9150"} }

// Seen is what there is on this device.
type Seen struct {
	Running   string // host:port of a SOCKS port that answers; empty when none does
	Installed string // path of tor
	Snowflake string // path of snowflake-client
}

// Look looks for a running Tor at these addresses (nil: the usual ones) and for the
// programs. It asks nothing of the network.
func Look(ctx context.Context, ports []string) (s Seen) {
	if ports == nil {
		ports = Ports()
	}
	for _, p := range ports {
		if answers(ctx, p) {
			s.Running = p
			break
		}
	}
	s.Installed, s.Snowflake = program("tor"), program("snowflake-client")
	return s
}

// program finds one also where the search path of ordinary users does not go.
func program(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p
		}
	}
	return ""
}

// answers tells whether something speaks SOCKS 5 without a password there. RFC 1928, 3
func answers(ctx context.Context, addr string) bool {
	ctx, done := context.WithTimeout(ctx, 2*time.Second)
	defer done()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	var b [2]byte
	if _, err = c.Write([]byte{5, 1, 0}); err == nil {
		_, err = io.ReadFull(c, b[:])
	}
	return err == nil && b == [2]byte{5, 0}
}

// Options of a child.
type Options struct {
	Program   string   // path of tor
	Dir       string   // its own folder, made if missing; what it learns of the network stays there
	Bridges   []string // lines as Tor's bridges are given out
	Snowflake string   // path of snowflake-client, for bridges of that kind
	More      []string // further lines of its settings
}

// Child is a Tor that this process runs.
type Child struct {
	o     Options
	socks string
	cmd   *exec.Cmd
	over  chan struct{}

	mu      sync.Mutex
	percent int
	what    string
}

// Start runs the system's tor. It returns as soon as it runs; it is of use when
// Progress is 100.
func Start(o Options) (*Child, error) {
	if o.Program == "" {
		return nil, ErrNone
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChild, err)
	}
	socks := l.Addr().String()
	_ = l.Close()
	return start(o, socks)
}

// start runs it at this SOCKS port.
func start(o Options, socks string) (*Child, error) {
	lines, err := settings(o, socks)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChild, err)
	}
	rc, none := filepath.Join(o.Dir, "torrc"), filepath.Join(o.Dir, "torrc-defaults")
	if err := errors.Join(os.WriteFile(rc, []byte(strings.Join(lines, "\n")+"\n"), 0o600), os.WriteFile(none, nil, 0o600)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChild, err)
	}
	c := &Child{o: o, socks: socks, cmd: exec.Command(o.Program, "-f", rc, "--defaults-torrc", none), over: make(chan struct{})}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChild, err)
	}
	go c.watch(out)
	return c, nil
}

var (
	bridgeWord = regexp.MustCompile(`^[A-Za-z0-9+/=:;,._~%?&@\[\]-]{1,512}$`)
	transport  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

// settings are the child's, and nobody else's.
func settings(o Options, socks string) ([]string, error) {
	quote := func(s string) string { return strconv.Quote(filepath.ToSlash(s)) }
	lines := []string{
		"SocksPort " + socks, "DataDirectory " + quote(filepath.Join(o.Dir, "data")), "ClientOnly 1", "AvoidDiskWrites 1", "Log notice stdout",
		"__OwningControllerProcess " + strconv.Itoa(os.Getpid()), // so that it ends when this process does
	}
	if len(o.Bridges) > 0 {
		lines = append(lines, "UseBridges 1")
	}
	for _, b := range o.Bridges {
		words := strings.Fields(b)
		if len(words) == 0 || len(words) > 16 || slices.ContainsFunc(words, func(w string) bool { return !bridgeWord.MatchString(w) }) {
			return nil, fmt.Errorf("%w, not %q", ErrBridge, b)
		}
		if transport.MatchString(words[0]) {
			plug := ""
			if words[0] == "snowflake" {
				plug = o.Snowflake
			} else if words[0] == "obfs4" {
				plug = program("obfs4proxy")
			}
			if plug == "" {
				return nil, fmt.Errorf("%w: no program for %s bridges is installed here (snowflake-client, obfs4proxy)", ErrBridge, words[0])
			}
			if line := "ClientTransportPlugin " + words[0] + " exec " + plug; !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
		lines = append(lines, "Bridge "+strings.Join(words, " "))
	}
	return append(lines, o.More...), nil
}

var bootstrapped = regexp.MustCompile(`Bootstrapped (\d{1,3})%[^:]*: (.{1,100})`)

// watch reads what the child says until it ends.
func (c *Child) watch(out io.Reader) {
	defer close(c.over)
	s := bufio.NewScanner(out)
	for s.Scan() {
		m := bootstrapped.FindStringSubmatch(s.Text())
		if m == nil && !strings.Contains(s.Text(), "[err]") {
			continue
		}
		c.mu.Lock()
		if m == nil {
			c.what = s.Text()
		} else {
			c.percent, _ = strconv.Atoi(m[1])
			c.what = m[2]
		}
		c.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, out) // a line too long
	_ = c.cmd.Wait()
}

// Again starts one that has ended anew, at the same port.
func (c *Child) Again() (*Child, error) { return start(c.o, c.socks) }

// Socks is its SOCKS port.
func (c *Child) Socks() string { return c.socks }

// Progress is how far it is on its way into the network, in per cent, and what it does.
func (c *Child) Progress() (percent int, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.percent, c.what
}

// Done is closed when it has ended.
func (c *Child) Done() <-chan struct{} { return c.over }

// Close ends it.
func (c *Child) Close() error {
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil { // Windows has none
		_ = c.cmd.Process.Kill()
	}
	t := time.NewTimer(5 * time.Second) // as a client it ends at the first signal
	defer t.Stop()
	select {
	case <-c.over:
	case <-t.C:
		_ = c.cmd.Process.Kill()
		<-c.over
	}
	return nil
}
