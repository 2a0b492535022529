package daemon

import (
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/link/race"
	"github.com/jauap/jauap/web/api"
)

// tries is which ways to one relay were tried, and what answered.
type tries struct {
	used race.Way // that answered last; zero when none did
	list []tried
}

type tried struct {
	way     race.Way
	saw     string // what answered instead of the relay, as in api.Tried; empty: nothing did
	said    string // the same in words
	at      time.Time
	answers bool
	abroad  bool // answers, and is no inland relay
}

// foreignFor is how long the status prefers what answered in the relay's place
// to the silence of other ways.
const foreignFor = time.Minute

// maxTried bounds what is remembered of the ways to one relay.
const maxTried = 64

// note keeps the last outcome of each way.
func (t *tries) note(x tried) {
	if i := slices.IndexFunc(t.list, func(o tried) bool { return o.way == x.way }); i >= 0 {
		t.list = slices.Delete(t.list, i, i+1)
	}
	if t.list = append(t.list, x); len(t.list) > maxTried {
		t.list = t.list[1:]
	}
}

// worst is what a person should read of a relay that does not answer.
func (t *tries) worst(now time.Time, latest string) string {
	for _, x := range slices.Backward(t.list) {
		if x.said != "" && now.Sub(x.at) < foreignFor {
			return x.way.String() + ": " + x.said
		}
	}
	return latest
}

// show lists the ways for the status, the one in use first, then those on
// which something answered.
func (t *tries) show() (list []api.Tried) {
	sorted := slices.Clone(t.list)
	slices.SortStableFunc(sorted, func(a, b tried) int {
		rank := func(x tried) int {
			switch {
			case x.answers:
				return 0
			case x.said != "":
				return 1
			}
			return 2
		}
		if c := rank(a) - rank(b); c != 0 {
			return c
		}
		return strings.Compare(a.way.String(), b.way.String())
	})
	for _, x := range sorted {
		list = append(list, api.Tried{
			Transport: x.way.Path().Transport(), Host: x.way.Addr.Host, Port: x.way.Addr.Port,
			Answered: x.answers, Saw: x.saw, Instead: x.said, At: x.at.UTC(),
		})
	}
	return list
}

// tryFailed notes a try that failed.
func (d *Daemon) tryFailed(w way, by race.Way, err error) {
	x := tried{way: by, at: d.opts.Now()}
	x.saw, x.said = insteadOf(err)
	d.courier.Lock()
	r := d.row("relay", w.addr.HostPort())
	r.tries.note(x)
	text := r.tries.worst(x.at, err.Error())
	news := r.err != text
	d.courier.Unlock()
	d.rowDown("relay", w.addr.HostPort(), told{err, text})
	if news {
		d.changes.bump()
	}
}

// noteTried notes what became of a try.
func (d *Daemon) noteTried(w way, x tried) {
	d.courier.Lock()
	defer d.courier.Unlock()
	x.at = d.opts.Now()
	d.row("relay", w.addr.HostPort()).tries.note(x)
	d.changes.bump()
}

// rowWay notes the way that answered.
func (d *Daemon) rowWay(w way, by race.Way) {
	d.courier.Lock()
	defer d.courier.Unlock()
	r := d.row("relay", w.addr.HostPort())
	r.tries.used = by
	r.tries.note(tried{way: by, at: d.opts.Now(), answers: true, abroad: !w.inland})
	d.changes.bump()
}
