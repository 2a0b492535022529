package inquiry

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jauap/jauap/account"
)

// Letters are what a Desk needs of public inboxes: both seal inside the
// caller's transaction, and what is sealed leaves by itself.
type Letters interface {
	// Answer seals to an asker and gives the chain of the next answer.
	Answer(tx account.Tx, at account.Moment, chain [32]byte, shard uint8, content []byte) (next [32]byte, err error)
	// Write seals to an inbox whose card is kept.
	Write(tx account.Tx, at account.Moment, box [16]byte, content []byte) error
}

// Through says by what way slips and answers go to and from public inboxes.
func (d *Desk) Through(l Letters) { d.letters = l }

// maxBacks is how many who ask the same in the same words share one slip.
const maxBacks = 8

// maxBoxed is how many slips of one inbox are open: what strangers send makes
// letters to the whole team.
const maxBoxed = 1_000

// back is an asker without a session: at the door where answers go, at the
// asker what proves that it asked.
type back struct {
	box    account.ContactID // the inbox, as one who gives slips and answers
	slip   ID                // the asker's name of the slip
	right  [32]byte          // who knows it may withdraw
	chain  [32]byte          // at the door: the next answer's
	shard  uint8
	letter ID // at the asker: the message that took the slip
}

const backSize = 16 + 16 + 32 + 32 + 1 + 16

func (b *back) write(r *account.Record) {
	r.Raw(b.box[:]).Raw(b.slip[:]).Raw(b.right[:]).Raw(b.chain[:]).Raw([]byte{b.shard}).Raw(b.letter[:])
}

func readBack(f *account.Fields) back {
	return back{account.ContactID(f.Raw(16)), ID(f.Raw(16)), [32]byte(f.Raw(32)), [32]byte(f.Raw(32)), f.Raw(1)[0], ID(f.Raw(16))}
}

// Forms of a content of kind 0x76. spec/inquiry.md, 8.
const (
	boxSlip = iota
	boxWithdrawal
)

const boxVersion = 1

// rightOf is what withdraws the slip with an address. spec/inquiry.md, 8.
func rightOf(chain [32]byte) [32]byte {
	b, err := hkdf.Expand(sha256.New, chain[:], "jauap/1 slip withdraw", 32)
	if err != nil {
		panic("inquiry: internal error: HKDF refused a length")
	}
	return [32]byte(b)
}

func boxedSlip(s *Slip, chain [32]byte, shard uint8) []byte {
	return account.NewRecord(boxVersion).Uint(boxSlip).Raw(chain[:]).Raw([]byte{shard}).Blob(slipPart(s, false).Body).Bytes()
}

func boxedWithdrawal(b *back, e *Event) []byte {
	return account.NewRecord(boxVersion).Uint(boxWithdrawal).Raw(b.slip[:]).Raw(e.ID[:]).Int(e.At.UnixMilli()).Raw(b.right[:]).Bytes()
}

// parseBoxed reads a content of kind 0x76: a slip with its back, or an event
// that withdraws one, whose text is the right to.
func parseBoxed(content []byte) (s Slip, b back, e Event, err error) {
	f := account.ReadRecord(content)
	f.Version(boxVersion)
	switch f.Uint() {
	case boxSlip:
		b.chain, b.shard = [32]byte(f.Raw(32)), f.Raw(1)[0]
		var team, ok bool
		s, team, ok = parseSlip(f.Blob())
		if f.Done() != nil || !ok || team || b.shard == 0 {
			return s, b, e, fmt.Errorf("%w: malformed", ErrSlip)
		}
		b.slip, b.right = s.ID, rightOf(b.chain)
		return s, b, e, nil
	case boxWithdrawal:
		b.slip, e.ID, e.At, b.right = ID(f.Raw(16)), ID(f.Raw(16)), when(f.Int()), [32]byte(f.Raw(32))
		if f.Done() == nil {
			e.Kind = Withdrawn
			return s, b, e, nil
		}
	}
	return s, b, e, fmt.Errorf("%w: malformed", ErrSlip)
}

// Boxed is a slip for a public inbox: Content is to be sealed, and Keep to be
// called in the transaction that makes it durable.
type Boxed struct {
	ID      ID
	Content []byte
	k       *kept
}

// Box prepares a slip for a public inbox. chain and shard say where answers go.
func (d *Desk) Box(at account.Moment, s Slip, box [16]byte, chain [32]byte, shard uint8) (*Boxed, error) {
	s.ID, s.Made = newID(), at.Wall.Truncate(time.Hour) // nobody needs the asker's clock
	if err := s.check(); err != nil {
		return nil, err
	}
	id := account.ContactID(box)
	k := &kept{Slip: s, mine: true, sent: []account.ContactID{id}, received: at.Wall, backs: []back{{box: id, slip: s.ID, right: rightOf(chain), shard: shard}}}
	return &Boxed{s.ID, boxedSlip(&s, chain, shard), k}, nil
}

// Keep keeps the own slip; letter is the message that takes it.
func (d *Desk) Keep(tx account.Tx, b *Boxed, letter [16]byte) error {
	b.k.backs[0].letter = letter
	return tx.Put(tableSlips, b.ID[:], b.k.record())
}

// Heard takes an answer that came from a public inbox about an own slip.
func (d *Desk) Heard(tx account.Tx, at account.Moment, box, about [16]byte, content []byte) error {
	id, e, ok := parseEvent(content)
	if !ok || id != about {
		return nil
	}
	e.Who = "" // an inbox has one name: its own
	return d.event(tx, account.ContactID(box), at, id, e)
}

// Verdict is what became of a message of kind 0x76.
type Verdict string

// Verdicts.
const (
	Filed     Verdict = "filed"
	Merged    Verdict = "merged" // the same question is open: its answers go to both
	Known     Verdict = "known"  // it was here already
	Unusable  Verdict = "unusable"
	NotTheirs Verdict = "not theirs" // it takes another's slip, or withdraws one without the right to
)

// File takes what came to an own public inbox. ErrFull: there is no room now;
// ask again later. Other errors are the vault's.
func (d *Desk) File(at account.Moment, box [16]byte, content []byte) (v Verdict, err error) {
	from := account.ContactID(box)
	s, b, e, bad := parseBoxed(content)
	if bad != nil {
		return Unusable, d.refuse(from)
	}
	b.box = from
	err = d.vault.Update(func(tx account.Tx) error {
		if e.Kind == Withdrawn {
			e.Text = string(b.right[:])
			v, err = d.takeBack(tx, at, b.slip, e, from)
			return err
		}
		v, err = d.fileSlip(tx, at, s, b)
		return err
	})
	if err == nil && v == NotTheirs {
		err = d.refuse(from)
	}
	return v, err
}

func (d *Desk) fileSlip(tx account.Tx, at account.Moment, s Slip, b back) (Verdict, error) {
	main, err := d.mainOf(tx, s.ID)
	if err != nil {
		return "", err
	}
	if old, err := d.get(tx, main); err == nil {
		// Once it is over its backs are gone and nobody can tell: it is known.
		i := slices.IndexFunc(old.backs, func(x back) bool { return x.slip == s.ID })
		if old.via == b.box && (i < 0 || old.backs[i].right == b.right) {
			return Known, nil
		}
		return NotTheirs, nil
	} else if !errors.Is(err, ErrUnknown) {
		return "", err
	}
	if v, err := d.merge(tx, at, &s, b); v != "" || err != nil {
		return v, err
	}
	open, _, err := counts(tx, b.box[:])
	if err != nil {
		return "", err
	}
	_, all, err := counts(tx, nil)
	if err != nil {
		return "", err
	}
	if open >= maxBoxed || all >= maxSlips {
		return "", ErrFull
	}
	k := &kept{Slip: s, via: b.box, door: true, wasBoxed: true, received: at.Wall, backs: []back{b}}
	if err := errors.Join(tx.Put(tableSlips, s.ID[:], k.record()), tx.Put(tableSecret, sameKey(k), s.ID[:]), d.count(tx, b.box, 1, 1)); err != nil {
		return "", err
	}
	return Filed, d.pass(tx, at, &s, b.box)
}

// sameKey finds an open slip of an inbox by all that it says.
func sameKey(k *kept) []byte {
	r := account.NewRecord(1).Raw(k.via[:])
	for _, t := range k.texts() {
		r.Text(*t)
	}
	sum := sha256.Sum256(r.Bytes())
	return sum[:]
}

// merge lets one who asks the same in the same words share the open slip: one
// call is made, and both learn what came of it.
func (d *Desk) merge(tx account.Tx, at account.Moment, s *Slip, b back) (Verdict, error) {
	like := kept{Slip: *s, via: b.box}
	raw, err := tx.Get(tableSecret, sameKey(&like))
	if err != nil || len(raw) != len(ID{}) {
		return "", err
	}
	k, err := d.get(tx, ID(raw))
	if err != nil || len(k.backs) >= maxBacks {
		return "", ignoreUnknown(err)
	}
	v, err := d.view(tx, k, at.Wall)
	if err != nil || v.over() {
		return "", err
	}
	k.backs = append(k.backs, b)
	last := &k.backs[len(k.backs)-1]
	for i := range v.Events {
		if e := &v.Events[i]; e.Kind != Withdrawn {
			if err := d.reply(tx, at, last, e); err != nil {
				return "", err
			}
		}
	}
	return Merged, errors.Join(tx.Put(tableSecret, s.ID[:], k.ID[:]), tx.Put(tableSlips, k.ID[:], k.record()), d.catchUp(tx, at, s.ID))
}

// mainOf is the slip under which one that was merged is kept.
func (d *Desk) mainOf(tx account.Tx, id ID) (ID, error) {
	raw, err := tx.Get(tableSecret, id[:])
	if err != nil || len(raw) != len(id) {
		return id, err
	}
	return ID(raw), nil
}

// takeBack is a withdrawal by an asker of an inbox. The slip is withdrawn when
// nobody is left who asks.
func (d *Desk) takeBack(tx account.Tx, at account.Moment, id ID, e Event, from account.ContactID) (Verdict, error) {
	main, err := d.mainOf(tx, id)
	if err != nil {
		return "", err
	}
	k, err := d.get(tx, main)
	if err == ErrUnknown {
		return Filed, d.hold(tx, from, id, &e) // it came before its slip
	}
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(k.backs, func(b back) bool { return b.slip == id })
	switch {
	case k.via != from, i >= 0 && string(k.backs[i].right[:]) != e.Text:
		return NotTheirs, nil
	case i < 0:
		return Known, nil
	}
	k.backs = slices.Delete(k.backs, i, i+1)
	if err := tx.Put(tableSlips, main[:], k.record()); err != nil || len(k.backs) > 0 {
		return Filed, err
	}
	e.Text = ""
	return Filed, d.event(tx, from, at, main, e)
}

// boxed reports whether one to whom news of a slip go is an inbox.
func (k *kept) boxed(to account.ContactID) bool {
	return k.wasBoxed && to == k.via || slices.ContainsFunc(k.backs, func(b back) bool { return b.box == to })
}

// tell sends an own or passed event to one: a contact, or those who asked by
// way of an inbox, or the inbox that was asked. It says whether a contact will
// confirm it.
func (d *Desk) tell(tx account.Tx, at account.Moment, to account.ContactID, k *kept, e *Event, key []byte) (confirms bool, err error) {
	if !k.boxed(to) {
		return true, d.send(tx, at, to, eventPart(k.ID, e), k.Days, key)
	}
	if k.mine {
		return false, d.letters.Write(tx, at, to, boxedWithdrawal(&k.backs[0], e))
	}
	for i := range k.backs {
		if err := d.reply(tx, at, &k.backs[i], e); err != nil {
			return false, err
		}
	}
	return false, tx.Put(tableSlips, k.ID[:], k.record())
}

// reply seals an event to one asker, without the helper's name.
func (d *Desk) reply(tx account.Tx, at account.Moment, b *back, e *Event) (err error) {
	say := *e
	say.Who = ""
	b.chain, err = d.letters.Answer(tx, at, b.chain, b.shard, eventPart(b.slip, &say).Body)
	return err
}

// refuse counts a message that could not be used.
func (d *Desk) refuse(box account.ContactID) error {
	return d.vault.Update(func(tx account.Tx) error {
		n, _, err := counts(tx, refusedKey(box))
		if err != nil {
			return err
		}
		return tx.Put(tableCounts, refusedKey(box), account.NewRecord(1).Int(n+1).Int(0).Bytes())
	})
}

func refusedKey(box account.ContactID) []byte { return append(slices.Clone(box[:]), 'r') }

// Refused is how many messages to an inbox could not be used, and how many
// slips from it are open.
func (d *Desk) Refused(box [16]byte) (refused, open int, err error) {
	err = d.vault.View(func(tx account.Tx) error {
		n, _, err1 := counts(tx, refusedKey(box))
		o, _, err2 := counts(tx, box[:])
		refused, open = int(n), int(o)
		return errors.Join(err1, err2)
	})
	return refused, open, err
}

// unbox forgets what finds and answers a slip of an inbox.
func (d *Desk) unbox(tx account.Tx, k *kept, backs bool) error {
	if !k.wasBoxed {
		return nil
	}
	var err error
	if !k.erased { // the key is of its texts
		err = tx.Delete(tableSecret, sameKey(k))
	}
	if backs {
		for _, b := range k.backs {
			if b.slip != k.ID {
				err = errors.Join(err, tx.Delete(tableSecret, b.slip[:]))
			}
		}
		k.backs = nil
	}
	return err
}
