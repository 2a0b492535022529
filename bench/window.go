package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/jauap/jauap/internal/netem"
)

// The load of a window: what waits inside for outside, and the other way.
const (
	textBytes  = 200
	photoBytes = 60_000
	videoBytes = 2_000_000
)

// WindowOptions describe the link and how often it opens.
type WindowOptions struct {
	Rate    float64       // bits a second of IP packets, each way
	RTT     time.Duration // of an empty link
	Loss    float64       // 0 … 1, each way
	Up      time.Duration // how long one window lasts
	Windows int           // how many, one after the other
	Runs    int           // each with nodes of its own; the result is their median
	Seed    uint64

	Texts, Photos, Videos int // inside to outside; so many texts go the other way, too
	Shared                int // old envelopes that both hold
	Faults                netem.Params
	Fresh                 bool   // the nodes never met before
	Dir                   string // for the nodes' folders; "" for the system's temporary one
	Log                   func(format string, args ...any)
}

// UsualWindow is the load that the project promises figures for.
func UsualWindow() WindowOptions {
	return WindowOptions{
		Rate: 64_000, RTT: 600 * time.Millisecond, Loss: 0.01, Up: 120 * time.Second, Windows: 1, Runs: 1, Seed: 1,
		Texts: 500, Photos: 40, Videos: 5, Shared: 10_000,
	}
}

// Window is what one window, or several in a row, brought. Times are seconds
// since the link came up; those of several windows count only open time. A time
// is missing when it was not reached.
type Window struct {
	Rate         float64  `json:"rate_bit_s"`
	RTT          float64  `json:"rtt_s"`
	Loss         float64  `json:"loss"`
	Up           float64  `json:"up_s"`
	Windows      int      `json:"windows"`
	FirstText    *float64 `json:"first_text_s"`
	AllTexts     *float64 `json:"all_texts_s"`
	FirstBack    *float64 `json:"first_text_back_s"`
	AllTextsBack *float64 `json:"all_texts_back_s"`
	Everything   *float64 `json:"everything_s"`
	// FirstEach is the first text in each window, since it opened; before each but the
	// first another text was written on both sides.
	FirstEach []*float64 `json:"first_text_each_s"`
	Texts     int        `json:"texts"`
	Photos    int        `json:"photos"`
	Videos    int        `json:"videos"`
	Payload   int64      `json:"payload_bytes"` // of whole letters and attachments that the far end can read
	Share     float64    `json:"share"`         // of the capacity, until the end or until everything was there
	Wire      [2]int64   `json:"wire_bytes"`    // IP packets that used air time, out and back
	Waste     float64    `json:"waste"`         // of Wire out: what was not payload
	Twice     float64    `json:"twice"`         // of the bytes of envelopes that arrived: what had arrived before
	// Limit is the time in which the link could carry the payload at best, with
	// no headers, losses or waiting; Ratio is the measured time over it.
	Limit float64 `json:"limit_s"`
	Ratio float64 `json:"ratio"`
}

// errHalf says that a run could not be prepared.
var errHalf = errors.New("bench: the nodes did not meet while the link was perfect")

// Windows runs the options' number of runs and answers them all, the median first.
func Windows(ctx context.Context, o WindowOptions) (median Window, runs []Window, err error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	for i := range max(o.Runs, 1) {
		w, err := o.run(ctx, o.Seed+uint64(i))
		if err != nil {
			return Window{}, runs, err
		}
		runs = append(runs, w)
	}
	return medianWindow(runs), runs, nil
}

// run measures once.
func (o WindowOptions) run(ctx context.Context, seed uint64) (Window, error) {
	dir, err := os.MkdirTemp(o.Dir, "jauap-window-")
	if err != nil {
		return Window{}, err
	}
	defer os.RemoveAll(dir)
	p, err := newPair(ctx, dir, o.Shared, seed)
	if err != nil {
		return Window{}, err
	}
	defer p.close()
	if err := p.prepare(ctx, o); err != nil {
		return Window{}, err
	}
	lane := o.Faults
	lane.Rate, lane.Delay, lane.Loss = o.Rate, o.RTT/2, o.Loss
	p.line.Set(lane)
	before := p.line.Counts()
	moved := p.arrivedBytes()
	rng := rand.New(rand.NewPCG(seed, 2))
	var m meter
	m.load(o, p)
	for i := range max(o.Windows, 1) {
		// The nodes do not know when it begins.
		if err := sleep(ctx, time.Duration(rng.Int64N(int64(2*time.Second)))); err != nil {
			return Window{}, err
		}
		p.line.Up(0)
		err := m.watch(ctx, o.Up)
		p.line.Down()
		if err != nil {
			return Window{}, err
		}
		got := p.arrivedBytes()
		o.Log("window %d: %d texts, %d photos, %d videos, %.1f kB; of envelopes %.1f kB came, %.1f kB are held", i+1,
			m.far.texts, m.far.photos, m.far.videos, float64(m.payload())/1e3, float64(got.came-moved.came)/1e3, float64(got.held-moved.held)/1e3)
		if m.whole() {
			break
		}
		if i+1 < o.Windows {
			if err := m.another(ctx, p); err != nil {
				return Window{}, err
			}
		}
	}
	w := m.result(o)
	after := p.line.Counts()
	for i := range w.Wire {
		w.Wire[i] = after[i].AirBytes - before[i].AirBytes
	}
	w.Waste = 1 - float64(w.Payload)/float64(max(w.Wire[0], 1))
	w.Twice = p.twice(moved)
	return w, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// result words what the meter saw.
func (m *meter) result(o WindowOptions) Window {
	w := Window{
		Rate: o.Rate, RTT: o.RTT.Seconds(), Loss: o.Loss, Up: o.Up.Seconds(), Windows: max(o.Windows, 1),
		FirstText: m.far.first, AllTexts: m.far.all, FirstBack: m.near.first, AllTextsBack: m.near.all,
		Everything: m.far.everything, FirstEach: m.far.each, Texts: m.far.texts, Photos: m.far.photos, Videos: m.far.videos, Payload: m.payload(),
	}
	took := m.open.Seconds()
	if w.Everything != nil {
		took = *w.Everything
	}
	if o.Rate > 0 && took > 0 {
		w.Limit = float64(w.Payload) * 8 / o.Rate
		w.Share = w.Limit / took
		w.Ratio = took / w.Limit
	}
	return w
}

// eachFirst words the first texts of several windows.
func eachFirst(list []*float64, at func(*float64) string) string {
	if len(list) < 2 {
		return ""
	}
	words := make([]string, len(list))
	for i, t := range list {
		words[i] = at(t)
	}
	return "; of each window " + strings.Join(words, ", ")
}

// Report words a window for a person, a line for each figure.
func (w Window) Report() []string {
	at := func(t *float64) string {
		if t == nil {
			return "not in this window"
		}
		return fmt.Sprintf("%.2f s", *t)
	}
	return []string{
		fmt.Sprintf("link                  %.0f bit/s, %.0f ms round trip, %.1f %% loss, up for %.0f s, %d time(s)", w.Rate, 1000*w.RTT, 100*w.Loss, w.Up, w.Windows),
		"first text            " + at(w.FirstText) + ", back " + at(w.FirstBack) + eachFirst(w.FirstEach, at),
		"all texts             " + at(w.AllTexts) + ", back " + at(w.AllTextsBack),
		"everything            " + at(w.Everything),
		fmt.Sprintf("delivered             %d texts, %d photos, %d videos: %.1f kB", w.Texts, w.Photos, w.Videos, float64(w.Payload)/1e3),
		fmt.Sprintf("share of capacity     %.3f; %.3f times the limit of the arithmetic", w.Share, w.Ratio),
		fmt.Sprintf("on the wire           %.1f kB out, %.1f kB back; %.1f %% of out was not payload", float64(w.Wire[0])/1e3, float64(w.Wire[1])/1e3, 100*w.Waste),
		fmt.Sprintf("arrived twice         %.2f %% of the envelopes' bytes", 100*w.Twice),
	}
}
