package town

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/node"
)

// Options of a run. The zero values of all but Faults are what is usual.
type Options struct {
	Seed   uint64
	People int     // 6
	Hours  int     // 48
	Faults []Fault // none
	Most   int     // faults of the run that may strike, in order; 0: all
	Quota  int64   // bytes of a shelf: 1 MiB
	// Apart lets people meet nobody but the relay.
	Apart bool
	Place Place // instead of Faults one blow at one place; the stranger has no litter then
}

// Result of a run.
type Result struct {
	Options  Options       `json:"-"`
	Letters  int           `json:"letters"`           // that were acknowledged
	Excused  int           `json:"excused"`           // about which a disk lied that lost power
	Faults   map[Fault]int `json:"faults"`            // that struck
	Frames   int           `json:"frames"`            // that were carried
	Commits  int           `json:"commits"`           // of all units ever sealed
	Said     int           `json:"said"`              // that lay on a bad place before anybody took them: their writers are told
	Sunk     int           `json:"sunk"`              // that had left, lay on a bad place here and are with nobody any more
	Drained  int           `json:"drained"`           // hours of meetings after the last fault until all was there
	Deadline int           `json:"deadline"`          // hours allowed for it
	Reached  bool          `json:"reached,omitempty"` // Options.Place was
}

// ErrBroken: a promise did not hold.
var ErrBroken = errors.New("town: a promise is broken")

// deadline is how many hours of meetings a live core has to bring everything.
const deadline = 12

// day on which a town begins.
const firstDay envelope.Day = 1800

// world is a run under way.
type world struct {
	o      Options
	rng    *rand.Rand // meetings, letters, frames
	now    time.Duration
	hour   int
	all    []*device
	people []*device
	relay  *device
	good   map[envelope.ID]bool
	watch  *watch
	failed error

	lastLink   node.LinkID
	frames     int
	drawn      int
	counts     map[Fault]int
	roughUntil time.Duration
	relayImage *durable.Mem
	images     []image
	due        []task
	passing    []passing
	written    int
}

func (w *world) wall() time.Time { return firstDay.Start().Add(10*time.Hour + w.now) }

func (w *world) fail(format string, args ...any) {
	if w.failed == nil {
		w.failed = fmt.Errorf("%w: %s (hour %d)", ErrBroken, fmt.Sprintf(format, args...), w.hour)
	}
}

// verify checks a signature once for all devices: the id says which bytes.
func (w *world) verify(e envelope.Envelope) error {
	id := e.ID()
	if w.good[id] {
		return nil
	}
	err := e.Verify()
	w.good[id] = err == nil
	return err
}

// friends: everybody knows the next three.
func (w *world) friends(a, b int) bool {
	n := len(w.people)
	d := (a - b + n) % n
	return a < n && b < n && min(d, n-d) <= 3 && a != b
}

// Command is what repeats a run.
func (o Options) Command() string {
	names := "none"
	if len(o.Faults) > 0 {
		var list []string
		for _, f := range o.Faults {
			list = append(list, string(f))
		}
		names = strings.Join(list, ",")
	}
	s := fmt.Sprintf("jauap sim town --seed %d --people %d --hours %d --faults %s", o.Seed, o.People, o.Hours, names)
	if o.Most > 0 {
		s += fmt.Sprintf(" --most %d", o.Most)
	}
	if o.Apart {
		s += " --apart"
	}
	if o.Place.N > 0 {
		s += " --place " + o.Place.String()
	}
	return s
}

func (o Options) usual() Options {
	if o.People == 0 {
		o.People = 6
	}
	if o.Hours == 0 {
		o.Hours = 48
	}
	if o.Quota == 0 {
		o.Quota = 1 << 20
	}
	return o
}

// Run plays a town. ErrBroken with the command that repeats it.
func Run(ctx context.Context, o Options) (Result, error) { return run(ctx, o, nil) }

// run looks at the town through each, if there is one, after each hour.
func run(ctx context.Context, o Options, each func(*world)) (Result, error) {
	o = o.usual()
	if o.People < 2 || o.People > 100 || o.Hours < 1 || o.Hours > 24*20 {
		return Result{}, fmt.Errorf("town: 2 to 100 people, 1 to 480 hours")
	}
	w, err := found(o)
	if err != nil {
		return Result{}, err
	}
	reached := func() bool { return false }
	if o.Place.N > 0 {
		o.Faults, w.o.Faults = nil, nil
		if reached, err = w.struckAt(o.Place); err != nil {
			return Result{}, err
		}
	}
	for w.hour = 0; w.hour < o.Hours && w.failed == nil; w.hour++ {
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		w.anHour()
		if each != nil {
			each(w)
		}
	}
	r := w.result()
	r.Reached = reached()
	if w.failed == nil {
		r.Drained = w.heal(ctx)
		r.Deadline = deadline
		r.Said, r.Sunk = w.watch.sunk()
	}
	if w.failed != nil {
		return r, fmt.Errorf("%w; repeat it: %s", w.failed, o.Command())
	}
	return r, ctx.Err()
}

// found makes a town.
func found(o Options) (*world, error) {
	w := &world{o: o, rng: rand.New(rand.NewPCG(o.Seed, 0x746f776e)), good: map[envelope.ID]bool{}, counts: map[Fault]int{}}
	w.watch = newWatch(w)
	add := func(name string) (*device, error) {
		d := &device{w: w, i: len(w.all), name: name, disk: durable.NewMem(), under: map[envelope.ID]bool{}, rng: rand.New(rand.NewPCG(o.Seed, uint64(len(w.all))+1))}
		if name != "" {
			d.vault, d.sealed = &vault{MemVault: account.NewMemVault(), d: d}, map[envelope.ID]bool{}
			m, _ := d.when()
			d.clock = d.clock.Next(d.wall(), 0) // as a new profile does
			if _, err := account.Create(d.vault, name, m); err != nil {
				return nil, err
			}
		}
		w.all = append(w.all, d)
		return d, nil
	}
	for i := range o.People {
		d, err := add(fmt.Sprintf("%sP%d", canary, i))
		if err != nil {
			return nil, err
		}
		w.people = append(w.people, d)
	}
	stranger, err := add("")
	if err != nil {
		return nil, err
	}
	if w.relay, err = add(""); err != nil {
		return nil, err
	}
	w.relay.relay = true
	for _, d := range w.all {
		if !d.start() {
			return nil, fmt.Errorf("town: %s does not start: %w", d, d.trouble)
		}
	}
	for a := range w.people {
		for b := a + 1; b < len(w.people); b++ {
			if w.friends(a, b) {
				if err := w.befriend(w.people[a], w.people[b]); err != nil {
					return nil, err
				}
			}
		}
	}
	if o.Place.N > 0 {
		return w, nil
	}
	return w, w.litter(stranger)
}

// litter fills a stranger's shelf with what nobody can open.
func (w *world) litter(d *device) error {
	for range 150 {
		var seed [ed25519.SeedSize]byte
		body := make([]byte, envelope.S2.BodySize())
		for i := range seed {
			seed[i] = byte(w.rng.Uint32())
		}
		copy(body, seed[:])
		e, err := envelope.New(envelope.S2, 0, firstDay.Add(20), ed25519.NewKeyFromSeed(seed[:]), body)
		if err != nil {
			return err
		}
		d.step(node.Submit{Raw: e.Bytes()})
	}
	return nil
}

func (w *world) befriend(a, b *device) error {
	m, _ := a.when()
	i, err := a.acc.Invite(m)
	if err != nil {
		return err
	}
	_, err = b.acc.Accept(m, i, "", true)
	return err
}

// anHour of a town: faults, letters, meetings, and a look from outside.
func (w *world) anHour() {
	w.now = time.Duration(w.hour) * time.Hour
	for _, t := range w.due {
		if t.hour == w.hour {
			t.f()
		}
	}
	w.due = slices.DeleteFunc(w.due, func(t task) bool { return t.hour <= w.hour })
	w.pass()
	if w.hour%24 == 0 && w.relay.up() {
		w.relayImage = w.relay.disk.CrashClone(rand.New(rand.NewPCG(w.o.Seed, 5)))
	}
	w.strike(w.hour)
	for _, d := range w.all {
		if !d.up() {
			d.start()
		}
		w.day(d)
	}
	for range 1 + w.rng.IntN(3) {
		w.write()
	}
	for range 2 {
		w.gather()
	}
	if w.hour%4 == 3 {
		w.watch.look()
	}
}

// day tells a node which day it is, as far as its clock may be believed.
func (w *world) day(d *device) {
	d.life(func() {
		if m, known := d.when(); known && d.up() {
			d.step(node.Day{Today: d.clock.Clearing(m, d.on())})
			d.settle()
			d.retry()
		}
	})
}

// write lets somebody write to a friend.
func (w *world) write() {
	d := w.people[w.rng.IntN(len(w.people))]
	pick, long := w.rng.Uint64(), w.rng.IntN(8) == 0
	if d.acc == nil {
		return
	}
	contacts := d.acc.Contacts()
	if len(contacts) == 0 {
		return
	}
	c := contacts[pick%uint64(len(contacts))]
	w.written++
	text := fmt.Sprintf("%s letter %d", canary, w.written)
	if long {
		text += strings.Repeat(" and so on", 300)
	}
	p := &promise{from: d, to: w.named(c.Name)}
	if p.to == nil {
		w.fail("%s knows a %q who is nobody", d, c.Name)
		return
	}
	w.watch.texts[text] = p
	d.life(func() {
		m, known := d.when()
		if !known {
			return
		}
		l, err := d.talk.Send(m, c.ID, text, nil, 0)
		d.ours(err)
		w.watch.letters[letterOf{d, l}] = p
		p.acked = err == nil
		d.settle()
	})
}

func (w *world) named(name string) *device {
	for _, d := range w.people {
		if d.name == name {
			return d
		}
	}
	return nil
}

// gather lets a few meet: some near each other, some at the relay.
func (w *world) gather() {
	rough := w.now < w.roughUntil
	frames := func() int {
		if w.rng.IntN(4) == 0 {
			return 1 + w.rng.IntN(60) // it breaks soon
		}
		return 1 << 30
	}
	var links []*wire
	add := func(a, b *device) {
		if l := w.connect(a, b, rough, frames()); l != nil {
			links = append(links, l)
		}
	}
	some := w.rng.Perm(len(w.people))[:min(2+w.rng.IntN(2), len(w.people))]
	if !w.o.Apart {
		for k := range some {
			for j := range k {
				add(w.people[some[k]], w.people[some[j]])
			}
		}
		if w.rng.IntN(4) == 0 {
			add(w.people[some[0]], w.all[len(w.people)]) // a stranger
		}
	}
	if w.o.Apart || w.rng.IntN(3) == 0 {
		for _, k := range some {
			add(w.people[k], w.relay)
		}
	}
	if len(links) > 0 {
		w.run(links)
	}
}

// heal ends all faults and connects a live core, hour by hour, until all that
// was acknowledged is shown. It answers how many hours that took.
func (w *world) heal(ctx context.Context) (hours int) {
	w.roughUntil, w.due = 0, nil
	for k := range w.passing {
		w.passing[k].until = 0
	}
	w.pass()
	for _, d := range w.all {
		d.disk.FailAt(0, nil, false)
		d.disk.SpoilRead(0, nil)
		d.roomAgain()
		d.error, d.fuse = 0, 0
		if d.disk.Lying() {
			d.powerCut(w.rng)
		}
		d.disk.Lie(false)
	}
	for ; hours < deadline && w.failed == nil && ctx.Err() == nil; hours, w.hour = hours+1, w.hour+1 {
		w.now = max(w.now, time.Duration(w.hour)*time.Hour)
		for _, d := range w.all {
			if !d.up() && !d.start() {
				w.fail("%s does not start on a sound disk: %v", d, d.trouble)
			}
			w.day(d)
		}
		w.core()
		w.watch.look()
		if len(w.watch.missing()) == 0 {
			return hours + 1
		}
	}
	if list := w.watch.missing(); len(list) > 0 {
		slices.Sort(list)
		w.fail("%d acknowledged letters are not shown after %d hours of meetings, such as %s", len(list), deadline, list[0])
	}
	return hours
}

// core lets everybody meet who may.
func (w *world) core() {
	for round := range len(w.people) {
		var links []*wire
		for a := range w.people {
			b := (a + 1 + round) % len(w.people)
			if w.o.Apart {
				b = -1
			}
			if b >= 0 && a < b && w.friends(a, b) {
				if l := w.connect(w.people[a], w.people[b], false, 1<<30); l != nil {
					links = append(links, l)
				}
			}
		}
		if w.o.Apart && round < 2 {
			for _, d := range w.people {
				if l := w.connect(d, w.relay, false, 1<<30); l != nil {
					links = append(links, l)
				}
			}
		}
		if len(links) > 0 {
			w.run(links)
		}
	}
}

func (w *world) result() Result {
	r := Result{Options: w.o, Faults: maps.Clone(w.counts), Frames: w.frames, Commits: len(w.watch.bodies)}
	for _, p := range w.watch.texts {
		if p.acked {
			r.Letters++
		}
		if p.excused {
			r.Excused++
		}
	}
	return r
}
