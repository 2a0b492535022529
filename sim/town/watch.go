package town

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/envelope"
)

// canary stands in all names and texts, and must stand nowhere outside of
// vaults and screens.
const canary = "Canary4f1b"

// watch sees disks, frames and screens, and knows what was promised.
type watch struct {
	w      *world
	bodies map[envelope.Tag][32]byte // what each one-time key sealed
	texts  map[string]*promise

	// Of places that went bad.
	raws    map[envelope.ID][]byte // own envelopes
	letters map[letterOf]*promise
	owners  map[envelope.ID][]*promise
}

func newWatch(w *world) *watch {
	return &watch{w: w, bodies: map[envelope.Tag][32]byte{}, texts: map[string]*promise{},
		raws: map[envelope.ID][]byte{}, letters: map[letterOf]*promise{}, owners: map[envelope.ID][]*promise{}}
}

// promise is a letter.
type promise struct {
	from, to *device
	acked    bool // the writer was told that it is kept
	excused  bool // the writer's disk lied about it and lost power
	shown    bool
	saved    bool          // its writer's screen says that it did not leave
	said     bool          // its writer is told that a bad place took it
	units    []envelope.ID // that it is in
}

// sealed: one key seals one body, whatever was struck before.
func (x *watch) sealed(d *device, raw []byte) {
	e, err := envelope.Parse(raw)
	if err != nil {
		x.w.fail("%s sealed what is no envelope: %v", d, err)
		return
	}
	if e.Class() == envelope.Done {
		return
	}
	body := sha256.Sum256(raw)
	if old, ok := x.bodies[e.Tag()]; ok && old != body {
		x.w.fail("%s: the key of tag %v sealed two bodies", d, e.Tag())
	}
	x.bodies[e.Tag()] = body
}

func (x *watch) frame(data []byte) {
	if bytes.Contains(data, []byte(canary)) {
		x.w.fail("a frame shows a name or a text")
	}
}

// disks looks at each device from outside.
func (x *watch) disks() {
	for _, d := range x.w.all {
		if used := d.disk.Used(); used > x.w.o.Quota {
			x.w.fail("the shelf of %s has %d bytes of %d", d, used, x.w.o.Quota)
		}
		for name, b := range d.disk.Image() {
			if bytes.Contains(b, []byte(canary)) {
				x.w.fail("the shelf of %s shows a name or a text in %s", d, name)
			}
		}
		if !d.up() {
			continue
		}
		for id := range d.sealed { // nothing expires within a run
			switch {
			case d.sh.Has(id):
			case d.sh.Done(id):
				delete(d.sealed, id)
			case d.under[id]: // see places
			default:
				x.w.fail("own envelope %v of %s is gone from its shelf", id, d)
			}
		}
	}
}

// screens reads what people see: no text twice, and no text that nobody wrote.
func (x *watch) screens() {
	for _, d := range x.w.people {
		if d.talk == nil {
			continue
		}
		seen := map[string]bool{}
		for _, c := range d.acc.Contacts() {
			if d.conversation(c.ID, func(l chat.Letter) {
				p := x.texts[l.Text]
				switch {
				case l.Mine:
					if p != nil {
						p.saved = l.State == chat.Saved
					}
				case p == nil:
					x.w.fail("%s is shown %q, which nobody wrote", d, l.Text)
				case p.to != d:
					x.w.fail("%s is shown what is for %s", d, p.to)
				case seen[l.Text]:
					x.w.fail("%s is shown %q twice", d, l.Text)
				default:
					seen[l.Text], p.shown = true, true
				}
			}) != nil {
				x.w.fail("%s: a conversation cannot be read", d)
			}
		}
	}
}

// look is one from outside, at everything.
func (x *watch) look() {
	x.disks()
	x.screens()
	x.places()
}

// conversation calls f for all letters with somebody.
func (d *device) conversation(with account.ContactID, f func(chat.Letter)) error {
	for before := (account.LetterID{}); ; {
		page, err := d.talk.Conversation(with, before, 500)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, l := range page {
			f(l)
		}
		before = page[0].ID
	}
}

// missing are letters that were acknowledged and are not shown yet.
func (x *watch) missing() (list []string) {
	for text, p := range x.texts {
		if p.acked && !p.excused && !p.shown && !p.said && !x.nowhere(p) {
			list = append(list, fmt.Sprintf("%.40q from %s to %s", strings.TrimPrefix(text, canary+" "), p.from, p.to))
		}
	}
	return list
}
