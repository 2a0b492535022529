package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// TestKill sends, receives and carries while kill -9 strikes either side at
// random points. What was acknowledged arrives, and nothing is shown twice.
// A chain index used twice would seal two letters under one key, of which a
// relay keeps one: the other would be missing here.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 15
	if os.Getenv("JAUAP_TEST") == "all" {
		kills = 200
	}
	if n, err := strconv.Atoi(os.Getenv("JAUAP_KILLS")); err == nil {
		kills = n // the soak: docs/reliability.md
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills", seed, kills)
	rng := rand.New(rand.NewPCG(seed, 1))
	relay := startRelay(t)
	a, b := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, a, b, "Aigerim", "Dana")
	k := &killer{t: t, rng: rng, relay: relay, stick: t.TempDir(), people: [2]program{a, b}, names: [2]string{"Dana", "Aigerim"}}
	for k.kills < kills {
		k.round()
	}
	k.check()
}

type killer struct {
	t      *testing.T
	rng    *rand.Rand
	relay  string
	stick  string
	people [2]program
	names  [2]string // whom people[i] writes to
	acked  [2][]string
	sent   int
	kills  int
}

// round starts both, lets them write, and strikes one or both.
func (k *killer) round() {
	var procs [2]*running
	for i, p := range k.people {
		procs[i] = up(p, "--listen", "off", "--relay", k.relay)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(20+k.rng.IntN(250))*time.Millisecond)
	acks := [2]chan []string{make(chan []string, 1), make(chan []string, 1)}
	for i := range k.people {
		first := k.sent
		k.sent += 1000
		go func() { acks[i] <- write(ctx, k.people[i].dir, k.names[i], first) }()
	}
	<-ctx.Done()
	victim := k.rng.IntN(3)
	for i, p := range procs {
		if victim == i || victim == 2 {
			p.kill()
			k.kills++
		}
	}
	cancel()
	for i := range acks {
		k.acked[i] = append(k.acked[i], <-acks[i]...)
	}
	for i, p := range procs {
		if victim != i && victim != 2 {
			p.stop()
		}
	}
	if k.rng.IntN(4) == 0 {
		k.carry()
	}
}

// carry is struck while it evens out with a stick.
func (k *killer) carry() {
	p := k.people[k.rng.IntN(2)]
	cmd := p.command("carry", k.stick)
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	time.Sleep(time.Duration(k.rng.IntN(150)) * time.Millisecond)
	cmd.Process.Kill()
	cmd.Wait()
	k.kills++
}

// write sends letters through the local door until ctx ends or the door is
// gone, and answers those that were acknowledged.
func write(ctx context.Context, dir, to string, first int) (acked []string) {
	c, err := api.Dial(ctx, dir)
	if err != nil {
		return nil
	}
	for n := first; ctx.Err() == nil; n++ {
		text := fmt.Sprintf("letter %d.", n)
		// Not under ctx: an answer that is on its way is waited for.
		call, done := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := c.Send(call, api.SendAsk{To: to, Text: text})
		done()
		if err != nil {
			return acked
		}
		acked = append(acked, text)
	}
	return acked
}

func (k *killer) check() {
	k.t.Helper()
	for _, p := range k.people {
		up(p, "--listen", "off", "--relay", k.relay)
	}
	for i, reader := range []program{k.people[1], k.people[0]} {
		from := k.names[1-i]
		if len(k.acked[i]) == 0 {
			k.t.Error("nothing was acknowledged: the test proves nothing")
			continue
		}
		var missing []string
		begin := time.Now()
		for time.Since(begin) < 90*time.Second {
			texts := reader.texts(from)
			all := "\n" + strings.Join(texts, "\n") + "\n"
			missing = missing[:0]
			for _, want := range k.acked[i] {
				switch strings.Count(all, "\n"+want+"\n") {
				case 0:
					missing = append(missing, want)
				case 1:
				default:
					k.t.Fatalf("%q is shown twice", want)
				}
			}
			if len(missing) == 0 {
				seen := map[string]bool{}
				for _, text := range texts {
					if seen[text] {
						k.t.Errorf("%q is shown twice", text)
					}
					seen[text] = true
				}
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
		if len(missing) > 0 {
			k.t.Errorf("%d of %d acknowledged letters are lost, such as %q", len(missing), len(k.acked[i]), missing[0])
		}
		k.t.Logf("%d letters acknowledged to %s, %d kills in all", len(k.acked[i]), k.names[i], k.kills)
	}
}
