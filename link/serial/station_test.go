package serial

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestLetterByRadio: an S0 of 96 and of 222 bytes and an S1 reach the other of two
// stations at 300 to 5,000 bit/s, with a fifth of the frames lost.
func TestLetterByRadio(t *testing.T) {
	for _, rate := range []int{300, 1200, 5000} {
		for _, frame := range []int{184, 255} {
			for _, size := range []int{96, 222, 1024, 4096} {
				var took []time.Duration
				var onAir time.Duration
				for seed := range uint64(40) {
					e := newEther(t, 0.2, seed)
					tone := Tone{Rate: rate, Lead: 100 * time.Millisecond}
					a, b := e.add(frame, tone.Airtime, 1, 0), e.add(frame, tone.Airtime, 1, 0)
					begin := e.now
					id := e.give(a, bytesOf(size, e.rng), true)
					if !e.run(12*time.Hour, func() bool { return has(id, b) }) {
						t.Fatalf("%d bit/s, frames of %d, %d bytes, seed %d: never arrives", rate, frame, size, seed)
					}
					took = append(took, e.now.Sub(begin))
					onAir += a.sent + b.sent
				}
				slices.Sort(took)
				t.Logf("%5d bit/s, frames of %d: %4d bytes: median %v, worst of 40 %v, on the air %v", rate, frame, size,
					took[20].Round(100*time.Millisecond), took[39].Round(time.Second), (onAir / 40).Round(100*time.Millisecond))
			}
		}
	}
}

// TestVillage: nine stations in a row of which each hears the next two; three write
// at once; all have all, and nobody spends more than the budget in any hour.
func TestVillage(t *testing.T) {
	lora := LoRa{868_100_000, 125_000, 8, 5, 18}
	for seed := range uint64(6) {
		e := newEther(t, 0.2, seed)
		var all []*mast
		for range 9 {
			all = append(all, e.add(255, lora.Airtime, 0.01, 2))
		}
		begin := e.now
		var ids []ID
		for i, size := range []int{96, 160, 222, 222, 96, 1024} {
			ids = append(ids, e.give(all[i*4%9], bytesOf(size, e.rng), true))
		}
		full := func() bool {
			for _, id := range ids {
				if !has(id, all...) {
					return false
				}
			}
			return true
		}
		if !e.run(10*time.Hour, full) {
			t.Fatalf("seed %d: after ten hours not all have all", seed)
		}
		took := e.now.Sub(begin)
		e.run(3*time.Hour, func() bool { return false })
		for _, m := range all {
			if hours := e.now.Sub(begin).Hours(); m.sent > time.Duration((hours+1)*0.01*float64(time.Hour)) {
				t.Errorf("seed %d: %v on the air in %.1f hours", seed, m.sent, hours)
			}
		}
		t.Logf("seed %d: all have all after %v", seed, took.Round(time.Second))
	}
}

// TestNewcomer gets what others hold by telling that it has nothing, and
// whoever is alone falls silent but for digests.
func TestNewcomer(t *testing.T) {
	e := newEther(t, 0.2, 3)
	tone := Tone{Rate: 5000, Lead: 50 * time.Millisecond}
	a := e.add(255, tone.Airtime, 0.01, 0)
	var ids []ID
	for range 20 {
		ids = append(ids, e.give(a, bytesOf(222, e.rng), true))
	}
	e.run(6*time.Hour, func() bool { return false })
	if c := a.st.Counts(); c.Sends != 20*ownSends || c.Sent > 20*ownSends+40 {
		t.Errorf("alone for six hours it sent %+v", c)
	}
	b := e.add(255, tone.Airtime, 0.01, 0)
	begin := e.now
	if !e.run(6*time.Hour, func() bool { return !slices.ContainsFunc(ids, func(id ID) bool { return !has(id, b) }) }) {
		t.Fatalf("the newcomer has %d of %d", len(b.units), len(ids))
	}
	t.Logf("20 units after %v", e.now.Sub(begin).Round(time.Second))
}

// TestBudget: whatever is asked for, no hour has more airtime than allowed, across
// restarts, and a quarter is left to the owner.
func TestBudget(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := &Budget{Limit: 36 * time.Second}
	sent := map[time.Time]time.Duration{}
	end := now.Add(5 * time.Hour)
	for i := 0; now.Before(end); i++ {
		own := i%50 == 49
		if at := b.may(now, time.Second, own); at.After(now) {
			if at.Sub(now) > time.Hour+time.Minute {
				t.Fatalf("wait until %v", at.Sub(now))
			}
			now = now.Add(min(at.Sub(now), 20*time.Second))
			continue
		}
		b.spend(now, time.Second)
		sent[now] += time.Second
		now = now.Add(time.Second)
		if i%7 == 0 {
			again := &Budget{Limit: b.Limit}
			if err := again.Restore(b.Save()); err != nil {
				t.Fatal(err)
			}
			b = again
		}
	}
	var total time.Duration
	for at := range sent {
		var used time.Duration
		for o, d := range sent {
			if !o.Before(at) && o.Before(at.Add(time.Hour)) {
				used += d
			}
		}
		total += sent[at]
		if used > b.Limit {
			t.Fatalf("%v in one hour", used)
		}
	}
	if total < 4*27*time.Second {
		t.Fatalf("only %v in five hours", total)
	}
	full := &Budget{Limit: 40 * time.Second}
	full.spend(now, 30*time.Second)
	if !full.may(now, time.Second, false).After(now) || full.may(now, time.Second, true).After(now) {
		t.Error("the owner's share is not kept")
	}
	before := full.Used(now)
	if again := full.Used(now.Add(-24 * time.Hour)); again != before {
		t.Errorf("a clock that is put back by a day changes %v into %v", before, again)
	}
	if err := full.Restore([]byte("{")); err == nil {
		t.Error("rubbish was restored")
	}
}

// TestAirtime against Semtech's calculator: SF7, 125 kHz, 4/5, 8 symbols, 51 bytes:
// 102.7 ms; SF12 with low data rate optimisation, 51 bytes: 2465.8 ms.
func TestAirtime(t *testing.T) {
	for _, c := range []struct {
		l    LoRa
		n    int
		want string
	}{
		{LoRa{868_100_000, 125_000, 7, 5, 8}, 51, "102.7"},
		{LoRa{868_100_000, 125_000, 12, 5, 8}, 51, "2465.8"},
	} {
		if got := fmt.Sprintf("%.1f", float64(c.l.Airtime(c.n).Microseconds())/1000); got != c.want {
			t.Errorf("%+v: %s ms, want %s", c.l, got, c.want)
		}
	}
}

// TestAsked: whoever asks again and again with empty digests gets little.
func TestAsked(t *testing.T) {
	e := newEther(t, 0, 3)
	tone := Tone{Rate: 5000, Lead: 50 * time.Millisecond}
	a := e.add(255, tone.Airtime, 1, 0)
	e.give(a, bytesOf(222, e.rng), true)
	end := e.now.Add(time.Hour)
	for e.now.Before(end) {
		a.st.Heard(e.now, makeHave(nil, 255, e.rng))
		a.wake = e.now
		e.run(5*time.Second, func() bool { return false })
		e.now = e.now.Add(time.Second)
	}
	if c := a.st.Counts(); c.Sends > 12 {
		t.Errorf("sent %d times in an hour", c.Sends)
	}
}
