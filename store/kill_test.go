package store

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// killEnv tells this test binary to be the process that is killed.
const killEnv = "JAUAP_KILL"

// keeper puts units for ever and tells after each Sync how far it is. Of ten
// units it drops the sixth once it is durable.
func keeper(t *testing.T, dir string, from uint64) {
	fs, err := durable.OS(dir)
	must(t, err)
	s := open(t, fs, Options{Quota: 8 << 20, SegmentSize: 16 << 10, Today: testDay})
	for n := from; ; n++ {
		put(t, s, killUnit(n), Meta{Own: true})
		if n%10 == 9 {
			must(t, s.Sync())
			must(t, s.Drop(killUnit(n-4).ID()))
			must(t, s.Sync())
			fmt.Println("sure", n)
		}
	}
}

func killUnit(n uint64) envelope.Envelope {
	return fake(envelope.S1, n, testDay+envelope.Day(n%7))
}

// TestKilledProcess kills a process that keeps units, at random points, and
// looks for all that it said was sure.
func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	if v := os.Getenv(killEnv); v != "" {
		var from uint64
		var dir string
		_, err := fmt.Sscanf(v, "%d %s", &from, &dir)
		must(t, err)
		keeper(t, dir, from)
	}
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	next := uint64(0)
	for range 12 {
		c := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", killEnv, next, dir))
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		sure, seen := uint64(0), 0
		lines := bufio.NewScanner(out)
		for stop := 1 + rng.IntN(60); seen < stop && lines.Scan(); {
			if _, err := fmt.Sscanf(lines.Text(), "sure %d", &sure); err == nil {
				seen++
			}
		}
		must(t, c.Process.Kill())
		for lines.Scan() { // what it said before it died
			_, _ = fmt.Sscanf(lines.Text(), "sure %d", &sure)
		}
		_ = c.Wait() // killed, as it should be
		if seen == 0 {
			t.Fatalf("nothing was sure: %v", lines.Err())
		}
		fs, err := durable.OS(dir)
		must(t, err)
		s := open(t, fs, Options{Quota: 8 << 20, Today: testDay})
		for n := uint64(0); n <= sure; n++ {
			if id := killUnit(n).ID(); s.Has(id) != (n%10 != 5) {
				t.Fatalf("of %d sure units %d is here: %v", sure, n, s.Has(id))
			}
		}
		must(t, readAll(s))
		for n := sure + 1; n <= sure+10; n++ { // the ten that it was at
			if id := killUnit(n).ID(); s.Has(id) {
				must(t, s.Drop(id))
			}
		}
		next = sure + 1
		must(t, s.Close())
	}
}
