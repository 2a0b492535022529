package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// following is a `read --follow` and what it says.
type following struct {
	*running
	letters, said chan string // texts; lines of standard error
}

func (p program) follow() *following {
	p.t.Helper()
	f := &following{&running{t: p.t, cmd: p.command("read", "--follow", "--json"), done: make(chan struct{})}, make(chan string, 100), make(chan string, 100)}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	errs, err := f.cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(f.kill)
	var both sync.WaitGroup
	both.Go(func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			var l api.Letter
			if err := json.Unmarshal(s.Bytes(), &l); err != nil {
				p.t.Errorf("printed %q: %v", s.Text(), err)
			}
			f.letters <- l.Text
		}
	})
	both.Go(func() {
		for s := bufio.NewScanner(errs); s.Scan(); {
			f.said <- s.Text()
		}
	})
	go func() {
		both.Wait()
		f.cmd.Wait()
		close(f.done)
	}()
	return f
}

func (f *following) wants(from chan string, word string) {
	f.t.Helper()
	select {
	case got := <-from:
		if !strings.Contains(got, word) {
			f.t.Fatalf("said %q, not %q", got, word)
		}
	case <-time.After(time.Minute):
		f.t.Fatalf("never said %q", word)
	}
}

// TestFollowOutlivesTheNode: what reads along goes on at the next node where it was,
// whether the last one ended or was killed, and ends well when it is interrupted.
func TestFollowOutlivesTheNode(t *testing.T) {
	t.Parallel()
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	stick := t.TempDir()
	bring := func(text string) {
		t.Helper()
		dana.send("Aigerim", text)
		dana.ok("carry", stick)
		aigerim.ok("carry", stick)
	}
	if _, errs, code := aigerim.try("read", "--follow"); code != exitUsage || !strings.Contains(errs, "jauap up") {
		t.Fatalf("without a node: exit %d, %q", code, errs)
	}
	up := func() *running { return aigerim.start([]string{"page"}, quiet...) }
	node := up()
	f := aigerim.follow()
	bring("one")
	f.wants(f.letters, "one")
	node.stop()
	f.wants(f.said, "Waiting")
	bring("two")
	node = up()
	f.wants(f.said, "again")
	f.wants(f.letters, "two")
	bring("three")
	f.wants(f.letters, "three")
	node.kill()
	f.wants(f.said, "Waiting")
	bring("four")
	node = up()
	f.wants(f.said, "again")
	f.wants(f.letters, "four")
	node.stop()
	f.wants(f.said, "Waiting")
	f.cmd.Process.Signal(os.Interrupt)
	<-f.done
	if code := f.cmd.ProcessState.ExitCode(); code != exitOK || len(f.letters)+len(f.said) > 0 {
		t.Fatalf("exit %d; %d more letters, %d more words", code, len(f.letters), len(f.said))
	}
}
