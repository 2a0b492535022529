package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// beMain makes the test binary behave as the real program, so that tests run
// it in processes of their own.
const beMain = "JAUAP_TEST_BE_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// program is one person's installation.
type program struct {
	t   testing.TB
	dir string
}

func newProgram(t *testing.T, name string) program {
	t.Helper()
	p := program{t, filepath.Join(t.TempDir(), name)}
	p.ok("init", "--name", name, "--no-passphrase")
	return p
}

func (p program) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{args[0], "--data", p.dir}, args[1:]...)...)
	cmd.Env = append(os.Environ(), beMain+"=1", "JAUAP_PASSPHRASE=", "HOME="+p.dir)
	return cmd
}

// try runs one command to its end.
func (p program) try(args ...string) (out, errs string, code int) {
	cmd := p.command(args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

func (p program) ok(args ...string) string {
	p.t.Helper()
	out, errs, code := p.try(args...)
	if code != 0 {
		p.t.Fatalf("jauap %s: exit %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

func (p program) invite() string {
	p.t.Helper()
	var i api.Invite
	p.json(&i, "invite", "--link", "--json")
	return i.Link
}

func (p program) json(v any, args ...string) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.ok(args...)), v); err != nil {
		p.t.Fatalf("jauap %s: %v", strings.Join(args, " "), err)
	}
}

// texts are the letters read so far from one person.
func (p program) texts(from string) []string {
	p.t.Helper()
	var list []api.Letter
	p.json(&list, "read", from, "--json", "--keep")
	texts := []string{}
	for _, l := range list {
		texts = append(texts, l.Text)
	}
	return texts
}

// await polls until a letter is there; the wait is for other processes.
func (p program) await(from, text string) time.Duration {
	p.t.Helper()
	begin := time.Now()
	for time.Since(begin) < 60*time.Second {
		for _, got := range p.texts(from) {
			if got == text {
				return time.Since(begin)
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("%q from %s did not arrive; status:\n%s", text, from, p.ok("status"))
	return 0
}

func (p program) state(id string) api.State {
	p.t.Helper()
	var list []api.Outgoing
	p.json(&list, "outbox", "--json")
	for _, o := range list {
		if o.ID == id {
			return o.State
		}
	}
	p.t.Fatalf("letter %s is not in the outbox", id)
	return ""
}

func (p program) awaitState(id string, want ...api.State) {
	p.t.Helper()
	begin := time.Now()
	for time.Since(begin) < 60*time.Second {
		for _, w := range want {
			if p.state(id) == w {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("letter is %s, want one of %s; status:\n%s", p.state(id), want, p.ok("status"))
}

func (p program) send(to, text string) string {
	p.t.Helper()
	var s api.Sent
	p.json(&s, "send", to, text, "--json")
	return s.ID
}

// running is a process that stays.
type running struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines map[string]string // first word of a line to its rest
	errs  *bytes.Buffer
	done  chan struct{}
}

// start runs a command that stays and waits for the lines that it promises.
func (p program) start(words []string, args ...string) *running {
	p.t.Helper()
	r := &running{t: p.t, cmd: p.command(args...), lines: map[string]string{}, errs: &bytes.Buffer{}, done: make(chan struct{})}
	r.cmd.Stderr = r.errs
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(r.kill)
	s := bufio.NewScanner(out)
	for len(r.lines) < len(words) && s.Scan() {
		word, rest, _ := strings.Cut(s.Text(), " ")
		r.lines[word] = rest
	}
	for _, w := range words {
		if r.lines[w] == "" {
			r.kill()
			p.t.Fatalf("jauap %s did not print %q: %s", strings.Join(args, " "), w, r.errs)
		}
	}
	go func() {
		io.Copy(io.Discard, out)
		r.cmd.Wait()
		close(r.done)
	}()
	return r
}

// kill is kill -9.
func (r *running) kill() {
	if r.cmd.Process != nil {
		r.cmd.Process.Kill()
	}
	select {
	case <-r.done:
	case <-time.After(10 * time.Second):
	}
}

// stop ends it as Ctrl-C does and checks that it ends well.
func (r *running) stop() {
	r.t.Helper()
	r.cmd.Process.Signal(os.Interrupt)
	select {
	case <-r.done:
		if code := r.cmd.ProcessState.ExitCode(); code != 0 {
			r.t.Errorf("ended with %d: %s", code, r.errs)
		}
	case <-time.After(15 * time.Second):
		r.t.Error("did not end on interrupt")
		r.kill()
	}
}

// gate is the country's border: a loopback port that forwards to another
// while it is open and refuses while it is shut.
type gate struct {
	addr, to string
	mu       sync.Mutex
	ln       net.Listener
	conns    map[net.Conn]bool
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: ln.Addr().String(), to: to, conns: map[net.Conn]bool{}}
	ln.Close()
	t.Cleanup(g.shut)
	return g
}

func (g *gate) open(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.ln = ln
	g.mu.Unlock()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go g.forward(c)
		}
	}()
}

func (g *gate) forward(c net.Conn) {
	far, err := net.Dial("tcp", g.to)
	if err != nil {
		c.Close()
		return
	}
	g.mu.Lock()
	if g.ln == nil {
		g.mu.Unlock()
		c.Close()
		far.Close()
		return
	}
	g.conns[c], g.conns[far] = true, true
	g.mu.Unlock()
	go func() { io.Copy(far, c); far.Close() }()
	io.Copy(c, far)
	c.Close()
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ln != nil {
		g.ln.Close()
		g.ln = nil
	}
	for c := range g.conns {
		c.Close()
	}
	g.conns = map[net.Conn]bool{}
}

// startRelay runs a real relay and answers its address.
func startRelay(t *testing.T) (addr string) {
	t.Helper()
	p := program{t, filepath.Join(t.TempDir(), "relay")}
	return p.start([]string{"relay"}, "relay", "--listen", "127.0.0.1:0", "--quota", "1GB").lines["relay"]
}

// through is a relay's address seen from behind a gate.
func through(t *testing.T, g *gate, relay string) string {
	t.Helper()
	_, key, ok := strings.Cut(relay, "#")
	if !ok {
		t.Fatalf("relay address %q has no key", relay)
	}
	return "https://" + g.addr + "/#" + key
}

func hostPort(t *testing.T, relay string) string {
	t.Helper()
	host := strings.TrimPrefix(relay, "https://")
	host, _, _ = strings.Cut(host, "/")
	return host
}
