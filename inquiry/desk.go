package inquiry

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Tables of the vault.
const (
	tableSlips   account.Table = 72 + iota // slip id -> slip
	tableEvents                            // slip id, event id -> event
	tableTeam                              // contact id -> nothing
	tableCounts                            // contact id, or nothing for all -> open slips, all slips
	tableTelling                           // letter id -> slip id, event id of an own event under way
	tablePending                           // slip id, event id -> how many have not confirmed it
	tableEarly                             // slip id, event id, contact id -> event of a slip that is not here yet
	tableSecret                            // nothing -> secret of By
)

// Early events, of all and of one contact.
const (
	maxEarly   = 2_000
	maxEarlyOf = 500
)

// Post is what a Desk needs of an account.
type Post interface {
	Queue(tx account.Tx, at account.Moment, o account.Outgoing) error
}

// Desk keeps slips, of those who ask and of those who help. It is an
// account.App for parts of Kinds. Its methods may be called by several
// goroutines.
type Desk struct {
	post  Post
	vault account.Vault
	me    string // what the owner is called

	letters Letters
	erased  atomic.Bool
}

// Kinds are the parts that a Desk takes.
func Kinds() []uint8 { return []uint8{kindSlip, kindEvent} }

// New makes the desk of one person. me is how the owner signs events.
func New(post Post, v account.Vault, me string) *Desk {
	me = account.Clean(me)
	for len(me) > maxWho {
		r := []rune(me)
		me = string(r[:len(r)-1])
	}
	return &Desk{post: post, vault: v, me: me}
}

func newID() (id ID) {
	crand.Read(id[:])
	return id
}

// Ask sends a slip to helpers. After nil it is on stable storage and leaves by
// itself. Errors: ErrSlip, account.ErrUnknown, account.ErrFull.
func (d *Desk) Ask(at account.Moment, s Slip, helpers []account.ContactID) (ID, error) {
	s.ID, s.Made = newID(), at.Wall
	if err := s.check(); err != nil {
		return s.ID, err
	}
	k := &kept{Slip: s, mine: true, sent: helpers, received: at.Wall}
	return s.ID, d.vault.Update(func(tx account.Tx) error {
		for _, to := range helpers {
			if err := d.send(tx, at, to, slipPart(&s, false), s.Days, nil); err != nil {
				return err
			}
		}
		return tx.Put(tableSlips, s.ID[:], k.record())
	})
}

// Share sends an own slip to further helpers; who has it already gets nothing.
func (d *Desk) Share(at account.Moment, id ID, helpers []account.ContactID) error {
	return d.vault.Update(func(tx account.Tx) error {
		k, err := d.get(tx, id)
		if err != nil {
			return err
		}
		if !k.mine {
			return ErrNotMine
		}
		for _, to := range helpers {
			if slices.Contains(k.sent, to) {
				continue
			}
			k.sent = append(k.sent, to)
			if err := d.send(tx, at, to, slipPart(&k.Slip, false), k.Days, nil); err != nil {
				return err
			}
		}
		return tx.Put(tableSlips, id[:], k.record())
	})
}

// Act records what the owner did about a slip: Took, GaveBack, Answered, or
// Withdrawn for an own one. Errors: ErrUnknown, ErrOver, ErrNotMine, ErrSlip.
func (d *Desk) Act(at account.Moment, id ID, kind Kind, outcome Outcome, text string) error {
	e := Event{ID: newID(), Kind: kind, Outcome: outcome, At: at.Wall, Who: d.me, Text: text, Mine: true}
	if !e.ok() {
		return ErrSlip
	}
	return d.vault.Update(func(tx account.Tx) error {
		k, err := d.get(tx, id)
		if err != nil {
			return err
		}
		if k.mine != (kind == Withdrawn) {
			return ErrNotMine
		}
		v, err := d.view(tx, k, time.Time{})
		if err != nil {
			return err
		}
		// A second answer to an answered slip is welcome; other news are not.
		if v.State == Gone || v.State == Done && kind != Answered {
			return ErrOver
		}
		if e.By, err = by(tx, id); err != nil {
			return err
		}
		to, err := d.audience(tx, k)
		if err != nil {
			return err
		}
		return d.note(tx, at, k, e, to)
	})
}

// by is the name of this device under one slip: the same for all its events, and
// another under every other slip. spec/inquiry.md, 1.
func by(tx account.Tx, slip ID) (b [8]byte, err error) {
	secret, err := tx.Get(tableSecret, nil)
	if err == nil && secret == nil {
		secret = make([]byte, 32)
		crand.Read(secret)
		err = tx.Put(tableSecret, nil, secret)
	}
	sum := sha256.Sum256(append(slices.Clone(secret), slip[:]...))
	return [8]byte(sum[:8]), err
}

// audience are those to whom an own event goes. spec/inquiry.md, 2.
func (d *Desk) audience(tx account.Tx, k *kept) ([]account.ContactID, error) {
	if k.mine {
		return k.sent, nil
	}
	team, err := d.team(tx)
	if !slices.Contains(team, k.via) {
		team = append(team, k.via)
	}
	return team, err
}

// note keeps an event, tells others, and closes the slip when it is over.
func (d *Desk) note(tx account.Tx, at account.Moment, k *kept, e Event, tell []account.ContactID) error {
	key := append(k.ID[:], e.ID[:]...)
	if err := tx.Put(tableEvents, key, eventRecord(&e)); err != nil {
		return err
	}
	told := uint64(0)
	for _, to := range tell {
		confirms, err := d.tell(tx, at, to, k, &e, key)
		if err != nil {
			return err
		}
		if confirms {
			told++
		}
	}
	if told > 0 {
		if err := tx.Put(tablePending, key, binary.AppendUvarint(nil, told)); err != nil {
			return err
		}
	}
	return d.close(tx, k, time.Time{})
}

// send queues a part as urgent: people wait for it. about, when not nil, is the
// event that it tells.
func (d *Desk) send(tx account.Tx, at account.Moment, to account.ContactID, p seal.Part, days int, about []byte) error {
	var letter account.LetterID
	crand.Read(letter[:])
	if about != nil {
		if err := tx.Put(tableTelling, letter[:], about); err != nil {
			return err
		}
	}
	return d.post.Queue(tx, at, account.Outgoing{To: to, Letter: letter, Parts: []seal.Part{p}, Urgency: 1, Days: days})
}

// Moved implements account.Watcher: an event arrived, or never will.
func (d *Desk) Moved(tx account.Tx, _ account.Moment, p account.Progress) error {
	if !p.Proven && !p.Expired {
		return nil
	}
	key, err := tx.Get(tableTelling, p.Letter[:])
	if err != nil || key == nil {
		return err
	}
	key = slices.Clone(key)
	if err := tx.Delete(tableTelling, p.Letter[:]); err != nil {
		return err
	}
	b, err := tx.Get(tablePending, key)
	if err != nil {
		return err
	}
	if n, _ := binary.Uvarint(b); n > 1 {
		return tx.Put(tablePending, key, binary.AppendUvarint(nil, n-1))
	}
	if err := tx.Delete(tablePending, key); err != nil {
		return err
	}
	k, err := d.get(tx, ID(key[:16]))
	if err != nil || k == nil || !k.erased {
		return ignoreUnknown(err)
	}
	return forgetText(tx, key)
}

func ignoreUnknown(err error) error {
	if err == ErrUnknown {
		return nil
	}
	return err
}

// forgetText erases what an event says, and leaves that it was.
func forgetText(tx account.Tx, key []byte) error {
	b, err := tx.Get(tableEvents, key)
	if err != nil || b == nil {
		return err
	}
	e, err := parseEventRecord(b)
	if err != nil || e.Text == "" {
		return err
	}
	e.Text = ""
	return tx.Put(tableEvents, key, eventRecord(&e))
}

// close erases whom a slip of others was about once it is over.
func (d *Desk) close(tx account.Tx, k *kept, now time.Time) error {
	v, err := d.view(tx, k, now)
	if err != nil || k.mine || !v.over() {
		return err
	}
	if !k.over {
		k.over = true
		if err := d.count(tx, k.via, -1, 0); err != nil {
			return err
		}
	}
	late := !now.IsZero() && now.After(v.until())
	if err := d.unbox(tx, k, v.State == Gone || late); err != nil {
		return err
	}
	if !k.erased {
		k.erased = true
		d.erased.Store(true)
	}
	for _, t := range k.texts() {
		*t = ""
	}
	for _, e := range v.Events {
		key := append(k.ID[:], e.ID[:]...)
		if b, err := tx.Get(tablePending, key); err != nil {
			return err
		} else if b == nil {
			if err := forgetText(tx, key); err != nil {
				return err
			}
		}
	}
	return tx.Put(tableSlips, k.ID[:], k.record())
}

// count changes how many slips are open of a contact, and how many there are.
func (d *Desk) count(tx account.Tx, of account.ContactID, open, all int64) error {
	for _, key := range [][]byte{of[:], {}} {
		o, n, err := counts(tx, key)
		if err != nil {
			return err
		}
		if err := tx.Put(tableCounts, key, account.NewRecord(1).Int(max(o+open, 0)).Int(max(n+all, 0)).Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func counts(tx account.Tx, key []byte) (open, all int64, err error) {
	b, err := tx.Get(tableCounts, key)
	if err != nil || b == nil {
		return 0, 0, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	open, all = f.Int(), f.Int()
	return open, all, f.Done()
}

// Deliver implements account.App.
func (d *Desk) Deliver(tx account.Tx, from account.Contact, at account.Moment, p seal.Part) error {
	switch p.Kind {
	case kindSlip:
		if s, team, ok := parseSlip(p.Body); ok {
			return d.slip(tx, from.ID, at, s, team)
		}
	case kindEvent:
		if id, e, ok := parseEvent(p.Body); ok {
			return d.event(tx, from.ID, at, id, e)
		}
	}
	return nil
}

// slip takes a question of a contact, or of an asker by way of the team.
func (d *Desk) slip(tx account.Tx, from account.ContactID, at account.Moment, s Slip, shared bool) error {
	old, err := tx.Get(tableSlips, s.ID[:])
	if err != nil || old != nil {
		return err
	}
	open, _, err := counts(tx, from[:])
	if err != nil {
		return err
	}
	_, all, err := counts(tx, nil)
	if err != nil || open >= maxOpen || all >= maxSlips {
		return err
	}
	k := &kept{Slip: s, via: from, door: !shared, received: at.Wall}
	if err := tx.Put(tableSlips, s.ID[:], k.record()); err != nil {
		return err
	}
	if err := d.count(tx, from, 1, 1); err != nil {
		return err
	}
	if shared {
		return d.catchUp(tx, at, s.ID)
	}
	return d.pass(tx, at, &s, from)
}

// pass gives a slip that an asker brought to the team, and takes what came
// before it.
func (d *Desk) pass(tx account.Tx, at account.Moment, s *Slip, from account.ContactID) error {
	team, err := d.team(tx)
	if err != nil {
		return err
	}
	for _, to := range team {
		if to == from {
			continue
		}
		if err := d.send(tx, at, to, slipPart(s, true), s.Days, nil); err != nil {
			return err
		}
	}
	return d.catchUp(tx, at, s.ID)
}

// hold keeps an event that came before its slip: ways differ in length.
func (d *Desk) hold(tx account.Tx, from account.ContactID, id ID, e *Event) error {
	all, of := 0, 0
	err := tx.Scan(tableEarly, nil, nil, false, func(k, _ []byte) (bool, error) {
		if all++; account.ContactID(k[32:]) == from {
			of++
		}
		return true, nil
	})
	if err != nil || all >= maxEarly || of >= maxEarlyOf {
		return err
	}
	return tx.Put(tableEarly, slices.Concat(id[:], e.ID[:], from[:]), eventRecord(e))
}

// catchUp takes the events that came before a slip.
func (d *Desk) catchUp(tx account.Tx, at account.Moment, id ID) error {
	type early struct {
		key   []byte
		from  account.ContactID
		e     Event
		boxed bool
	}
	main, err := d.mainOf(tx, id)
	if err != nil {
		return err
	}
	k, err := d.get(tx, main)
	if err != nil {
		return ignoreUnknown(err)
	}
	var list []early
	err = tx.Scan(tableEarly, id[:], account.After(id[:]), false, func(key, b []byte) (bool, error) {
		e, err := parseEventRecord(b)
		from := account.ContactID(key[32:])
		list = append(list, early{slices.Clone(key), from, e, k.wasBoxed && from == k.via})
		return true, err
	})
	for _, x := range list {
		if err == nil {
			err = tx.Delete(tableEarly, x.key)
		}
		if err != nil {
			break
		}
		if x.boxed {
			_, err = d.takeBack(tx, at, id, x.e, x.from)
		} else {
			err = d.event(tx, x.from, at, id, x.e)
		}
	}
	return err
}

// event takes what somebody did. spec/inquiry.md, 2.
func (d *Desk) event(tx account.Tx, from account.ContactID, at account.Moment, id ID, e Event) error {
	k, err := d.get(tx, id)
	if err == ErrUnknown {
		return d.hold(tx, from, id, &e)
	}
	if err != nil {
		return err
	}
	team, err := d.team(tx)
	if err != nil {
		return err
	}
	asker := !k.mine && k.door && from == k.via
	inTeam := !k.mine && slices.Contains(team, from)
	known := asker || inTeam || !k.mine && from == k.via || k.mine && slices.Contains(k.sent, from)
	// Only the asker withdraws; at the end of a team that is who gave the slip.
	if !known || e.Kind == Withdrawn && (k.mine || from != k.via) || e.Kind != Withdrawn && asker {
		return nil
	}
	n := 0
	err = tx.Scan(tableEvents, id[:], account.After(id[:]), false, func(k, _ []byte) (bool, error) {
		if n++; string(k[16:]) == string(e.ID[:]) {
			n = maxEvents
		}
		return n < maxEvents, nil
	})
	if err != nil || n >= maxEvents {
		return err
	}
	e.Via = from
	var tell []account.ContactID
	switch {
	case asker:
		tell = slices.DeleteFunc(team, func(c account.ContactID) bool { return c == from })
	case k.door:
		tell = []account.ContactID{k.via}
	}
	return d.note(tx, at, k, e, tell)
}

func (d *Desk) get(tx account.Tx, id ID) (*kept, error) {
	b, err := tx.Get(tableSlips, id[:])
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, ErrUnknown
	}
	return parseKept(b)
}

// view puts a slip and its events together.
func (d *Desk) view(tx account.Tx, k *kept, now time.Time) (*View, error) {
	v := &View{Slip: k.Slip, Mine: k.mine, Via: k.via, Erased: k.erased, Received: k.received, Boxed: k.wasBoxed, Askers: len(k.backs)}
	if k.mine && len(k.backs) > 0 {
		v.Boxed, v.Via, v.Letter = true, k.backs[0].box, k.backs[0].letter
	}
	err := tx.Scan(tableEvents, k.ID[:], account.After(k.ID[:]), false, func(_, b []byte) (bool, error) {
		e, err := parseEventRecord(b)
		v.Events = append(v.Events, e)
		return true, err
	})
	v.judge(now)
	return v, err
}

// Slip shows one; the beginning of its id is enough when it is unambiguous.
func (d *Desk) Slip(at account.Moment, id string) (View, error) {
	list, err := d.Slips(at, func(v *View) bool { return strings.HasPrefix(v.ID.String(), strings.ToLower(strings.TrimSpace(id))) })
	if err != nil {
		return View{}, err
	}
	if id == "" || len(list) != 1 {
		return View{}, ErrUnknown
	}
	return list[0], nil
}

// Slips lists what want asks for, oldest first; nil means all.
func (d *Desk) Slips(at account.Moment, want func(*View) bool) ([]View, error) {
	var list []View
	err := d.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableSlips, nil, nil, false, func(_, b []byte) (bool, error) {
			k, err := parseKept(b)
			if err != nil {
				return false, err
			}
			v, err := d.view(tx, k, at.Wall)
			if err == nil && (want == nil || want(v)) {
				list = append(list, *v)
			}
			return true, err
		})
	})
	sort.SliceStable(list, func(i, j int) bool { return list[i].Received.Before(list[j].Received) })
	return list, err
}

// Tend erases what is over by the clock. Call it now and then, and only while
// the clock is believable.
func (d *Desk) Tend(at account.Moment) error {
	late, err := d.Slips(at, func(v *View) bool {
		return !v.Mine && (v.State == Late && !v.Erased || v.Askers > 0 && v.over() && at.Wall.After(v.until()))
	})
	if err != nil || len(late) == 0 {
		return err
	}
	return d.vault.Update(func(tx account.Tx) error {
		for _, v := range late {
			k, err := d.get(tx, v.ID)
			if err == nil {
				err = d.close(tx, k, at.Wall)
			}
			if err != nil {
				return ignoreUnknown(err)
			}
		}
		return nil
	})
}

// Erased reports whether something was erased since it was asked last: the
// vault's log may still hold it.
func (d *Desk) Erased() bool { return d.erased.Swap(false) }

// Delete forgets a slip on this device. Others keep theirs.
func (d *Desk) Delete(id ID) error {
	d.erased.Store(true)
	return d.vault.Update(func(tx account.Tx) error {
		k, err := d.get(tx, id)
		if err != nil {
			return err
		}
		var keys [][]byte
		err = tx.Scan(tableEvents, id[:], account.After(id[:]), false, func(k, _ []byte) (bool, error) {
			keys = append(keys, slices.Clone(k))
			return true, nil
		})
		for _, key := range keys {
			if err == nil {
				err = tx.Delete(tableEvents, key)
			}
		}
		if err != nil {
			return err
		}
		if err := d.unbox(tx, k, true); err != nil {
			return err
		}
		if !k.mine {
			open := int64(-1)
			if k.over {
				open = 0
			}
			if err := d.count(tx, k.via, open, -1); err != nil {
				return err
			}
		}
		return tx.Delete(tableSlips, id[:])
	})
}

// team are the contacts with whom slips are shared.
func (d *Desk) team(tx account.Tx) (list []account.ContactID, err error) {
	err = tx.Scan(tableTeam, nil, nil, false, func(k, _ []byte) (bool, error) {
		list = append(list, account.ContactID(k))
		return true, nil
	})
	return list, err
}

// Team lists the contacts with whom slips of askers are shared.
func (d *Desk) Team() (list []account.ContactID, err error) {
	err = d.vault.View(func(tx account.Tx) (err error) {
		list, err = d.team(tx)
		return err
	})
	return list, err
}

// SetTeam chooses them; slips that came before stay where they are.
func (d *Desk) SetTeam(list []account.ContactID) error {
	return d.vault.Update(func(tx account.Tx) error {
		old, err := d.team(tx)
		if err != nil {
			return err
		}
		for _, c := range old {
			if err := tx.Delete(tableTeam, c[:]); err != nil {
				return err
			}
		}
		for _, c := range list {
			if err := tx.Put(tableTeam, c[:], []byte{1}); err != nil {
				return err
			}
		}
		return nil
	})
}
