package serial

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// LoRa are the settings of a LoRa radio.
type LoRa struct {
	Hz        int // middle of the channel
	Bandwidth int // in Hz
	Spread    int // spreading factor, 5 to 12
	Coding    int // 5 to 8: 4/5 to 4/8
	Preamble  int // symbols
}

// Airtime is how long n bytes are on the air. Semtech AN1200.13, with explicit
// header and CRC.
func (l LoRa) Airtime(n int) time.Duration {
	symbol := math.Exp2(float64(l.Spread)) / float64(l.Bandwidth)
	slow := 0
	if symbol > 0.016 {
		slow = 2
	}
	bits := float64(8*n - 4*l.Spread + 28 + 16)
	payload := 8 + max(math.Ceil(bits/float64(4*(l.Spread-slow))), 0)*float64(l.Coding)
	return time.Duration((float64(l.Preamble) + 4.25 + payload) * symbol * float64(time.Second))
}

// Tone is a modem of which only the bit rate is known.
type Tone struct {
	Rate int           // bits per second on the air
	Lead time.Duration // before and after the data
}

// Airtime is how long n bytes are on the air, with a bit stuffed after five.
func (t Tone) Airtime(n int) time.Duration {
	bits := (n + 4) * 8 * 6 / 5 // a checksum and two flags
	return t.Lead + time.Duration(bits)*time.Second/time.Duration(t.Rate)
}

const (
	hour = 60 // minutes
	// ownShare of the budget is kept for what the owner writes.
	ownShare = 4
)

// Budget counts airtime. In no hour is more of it used than Limit: minutes are
// counted whole, so it is rather an hour and a minute.
type Budget struct {
	Limit time.Duration
	spent map[int64]time.Duration // by minute since 1970
}

// Used is the airtime of the last hour.
func (b *Budget) Used(now time.Time) (used time.Duration) {
	minute := now.Unix() / 60
	var ahead time.Duration
	for m, d := range b.spent {
		if m > minute || m < minute-hour {
			delete(b.spent, m)
		}
		if m > minute { // a clock was put back: it counts as of now
			ahead += d
		}
		if m >= minute-hour {
			used += d
		}
	}
	if ahead > 0 {
		b.spent[minute] += ahead
	}
	return used
}

// may is when a frame of length d may be sent: now, or later. A part of the
// budget is for the owner's own.
func (b *Budget) may(now time.Time, d time.Duration, own bool) time.Time {
	limit := b.Limit
	if !own {
		limit -= limit / ownShare
	}
	if b.Used(now)+d <= limit {
		return now
	}
	minute := now.Unix() / 60
	over := b.Used(now) + d - limit
	for m := minute - hour; m <= minute; m++ {
		if over -= b.spent[m]; over <= 0 {
			return time.Unix((m+hour+1)*60, 0)
		}
	}
	return now.Add(time.Hour) // longer than the whole budget
}

func (b *Budget) spend(now time.Time, d time.Duration) {
	if b.spent == nil {
		b.spent = map[int64]time.Duration{}
	}
	b.spent[now.Unix()/60] += d
}

// Save answers what Restore reads, so that a restart gives no new budget.
func (b *Budget) Save() []byte {
	list := map[int64]int64{}
	for m, d := range b.spent {
		list[m] = d.Milliseconds()
	}
	out, _ := json.Marshal(list) // whole numbers always can be written
	return out
}

// Restore takes up what was spent.
func (b *Budget) Restore(saved []byte) error {
	var list map[int64]int64
	if err := json.Unmarshal(saved, &list); err != nil {
		return fmt.Errorf("serial: airtime that was spent: %w", err)
	}
	if b.spent == nil {
		b.spent = map[int64]time.Duration{}
	}
	for m, ms := range list {
		if ms > 0 && ms < hour*60_000 && len(b.spent) < 4*hour {
			b.spent[m] += time.Duration(ms) * time.Millisecond
		}
	}
	return nil
}
