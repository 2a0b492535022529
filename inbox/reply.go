package inbox

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// Address is where answers to one slip go: a secret that its writer made and
// that moves on with every answer. spec/inbox.md, 6.
type Address struct {
	Chain [32]byte
	Shard uint8
}

// NewAddress makes one from fresh randomness.
func NewAddress() (a Address) {
	rand.Read(a.Chain[:])
	for a.Shard == 0 {
		var b [1]byte
		rand.Read(b[:])
		a.Shard = b[0]
	}
	return a
}

// MaxAnswer is the largest answer in bytes: one envelope of class S1.
var MaxAnswer = envelope.S1.BodySize() - sealOver - 2

// window is how many answers ahead of the first that has not come are known
// when they come.
const window = 16

// step is what one answer uses, and the address after it.
func (a Address) step() (key []byte, osk ed25519.PrivateKey, next Address) {
	b := expand(a.Chain[:], "jauap/1 slip answer", 96)
	return b[32:64], ed25519.NewKeyFromSeed(b[64:]), Address{[32]byte(b[:32]), a.Shard}
}

func (a Address) skip(n int) Address {
	for range n {
		_, _, a = a.step()
	}
	return a
}

func (a Address) tag() envelope.Tag {
	_, osk, _ := a.step()
	return envelope.TagOf([32]byte(osk[32:]))
}

// Answer seals one answer. Whoever has the address that it gives back can
// neither open it nor tell whose it was.
func (a Address) Answer(content []byte, day envelope.Day, jitter int) (e envelope.Envelope, next Address, err error) {
	if len(content) == 0 || len(content) > MaxAnswer {
		return e, a, fmt.Errorf("%w: an answer has 1 to %d bytes", ErrContent, MaxAnswer)
	}
	key, osk, next := a.step()
	last := day.Add(envelope.Lifetime + min(max(jitter, 0), envelope.MaxJitter))
	plain := make([]byte, envelope.S1.BodySize()-sealOver)
	binary.BigEndian.PutUint16(plain, uint16(len(content)))
	copy(plain[2:], content)
	h := envelope.Head(envelope.S1, a.Shard, last, [32]byte(osk[32:]))
	e, err = envelope.New(envelope.S1, a.Shard, last, osk, sealed(key, plain, h))
	return e, next, err
}

// open reads the answer that an address is at.
func (a Address) open(e envelope.Envelope) (content []byte, osk ed25519.PrivateKey, ok bool) {
	key, osk, _ := a.step()
	if e.Class() != envelope.S1 || e.Key() != [32]byte(osk[32:]) {
		return nil, nil, false
	}
	plain, ok := opened(key, e.Body(), e.Header())
	if !ok {
		return nil, osk, true // it is ours and says nothing: it is proved and forgotten
	}
	n := int(binary.BigEndian.Uint16(plain))
	if n > MaxAnswer || !zero(plain[2+n:]) {
		return nil, osk, true
	}
	return plain[2 : 2+n], osk, true
}

// awaited is a slip whose answers are waited for.
type awaited struct {
	about ID
	box   ID
	until envelope.Day
	at    Address              // of the first answer that has not come
	tags  [window]envelope.Tag // of this and the following; zero for one that came
}

func newAwaited(about, box ID, until envelope.Day, a Address) *awaited {
	w := &awaited{about: about, box: box, until: until, at: a}
	for i := range w.tags {
		w.tags[i] = a.tag()
		_, _, a = a.step()
	}
	return w
}

// came notes that answer i of the window is here.
func (w awaited) came(i int) *awaited {
	w.tags[i] = envelope.Tag{}
	for w.tags[0] == (envelope.Tag{}) {
		_, _, w.at = w.at.step()
		copy(w.tags[:], w.tags[1:])
		w.tags[window-1] = w.at.skip(window - 1).tag()
	}
	return &w
}

func (w *awaited) record() []byte {
	r := account.NewRecord(1).Raw(w.box[:]).Uint(uint64(w.until)).Raw(w.at.Chain[:]).Raw([]byte{w.at.Shard})
	for _, t := range w.tags {
		r.Raw(t[:])
	}
	return r.Bytes()
}

func parseAwaited(about ID, raw []byte) (*awaited, error) {
	f := account.ReadRecord(raw)
	f.Version(1)
	w := &awaited{about: about, box: ID(f.Raw(16)), until: envelope.Day(f.Uint())}
	w.at = Address{[32]byte(f.Raw(32)), f.Raw(1)[0]}
	for i := range w.tags {
		w.tags[i] = envelope.Tag(f.Raw(16))
	}
	if f.Done() != nil {
		return nil, fmt.Errorf("%w: an address for answers", account.ErrDamaged)
	}
	return w, nil
}

func awaitKey(about ID) []byte { return append([]byte{entryAwait}, about[:]...) }

// addAwaited and dropAwaited keep what is looked up by tag. mu is held.
func (x *Inboxes) addAwaited(w *awaited) {
	x.awaits[w.about] = w
	for _, t := range w.tags {
		if t != (envelope.Tag{}) {
			x.answers[t] = w.about
		}
	}
}

func (x *Inboxes) dropAwaited(w *awaited) {
	delete(x.awaits, w.about)
	for _, t := range w.tags {
		delete(x.answers, t)
	}
}

// Heard is told of an answer that came about an own slip, inside the
// transaction that keeps it. box is the inbox that was asked.
type Heard func(tx account.Tx, at account.Moment, box, about ID, content []byte) error

// Listen says who is told of answers.
func (x *Inboxes) Listen(h Heard) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heard = h
}

// takeAnswer opens an answer that was waited for, and makes its proof due. mu
// is held.
func (x *Inboxes) takeAnswer(at account.Moment, w *awaited, e envelope.Envelope) (t Taken, err error) {
	i := 0
	for i < window && w.tags[i] != e.Tag() {
		i++
	}
	if i == window || x.heard == nil {
		return t, nil
	}
	content, osk, ok := w.at.skip(i).open(e)
	if !ok {
		return t, nil
	}
	done, err := envelope.NewDone(e, osk)
	if err != nil {
		return t, nil
	}
	next := w.came(i)
	id := e.ID()
	err = x.vault.Update(func(tx account.Tx) error {
		if len(content) > 0 {
			if err := x.heard(tx, at, w.box, w.about, content); err != nil {
				return err
			}
		}
		due := account.NewRecord(1).Int(int64(x.dueAt(at))).Blob(done.Bytes()).Bytes()
		return errors.Join(tx.Put(tablePieces, awaitKey(w.about), next.record()), tx.Put(tablePieces, append([]byte{entryDue}, id[:]...), due))
	})
	if err != nil {
		return t, err
	}
	x.dropAwaited(w)
	x.addAwaited(next)
	return Taken{Used: true, Heard: true}, nil
}

// dueAt is when a proof that is made now may go out. mu is held.
func (x *Inboxes) dueAt(at account.Moment) seal.Tick {
	return at.Tick + seal.Tick(x.rng.Int64N(int64(proofMost/1e9)))
}

// Forgo stops waiting for answers about a slip, and erases their address.
func (x *Inboxes) Forgo(about ID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.forgo(x.awaits[about])
}

func (x *Inboxes) forgo(w *awaited) error {
	if w == nil {
		return nil
	}
	err := x.vault.Update(func(tx account.Tx) error { return tx.Delete(tablePieces, awaitKey(w.about)) })
	if err == nil {
		x.dropAwaited(w)
	}
	return err
}

// Answer seals an answer to an asker, inside the caller's transaction: it
// leaves with the outbox. It gives the chain of the next one.
func (x *Inboxes) Answer(tx account.Tx, at account.Moment, chain [32]byte, shard uint8, content []byte) (next [32]byte, err error) {
	e, a, err := Address{chain, shard}.Answer(content, at.Day, jitter())
	if err != nil {
		return chain, err
	}
	return a.Chain, putOut(tx, e)
}

// Write seals a slip's message to an inbox whose card is kept here, inside the
// caller's transaction. What becomes of it is not remembered.
func (x *Inboxes) Write(tx account.Tx, at account.Moment, box [16]byte, content []byte) error {
	raw, err := tx.Get(tableBoxes, box[:])
	if err != nil {
		return err
	}
	if raw == nil {
		return fmt.Errorf("%w: its card is not kept here", ErrUnknown)
	}
	f := account.ReadRecord(raw)
	f.Version(1)
	c, ok := parseCard(f.Blob())
	if !ok {
		return fmt.Errorf("%w: an inbox", account.ErrDamaged)
	}
	list, err := c.Seal(Slip, bytes.Clone(content), at.Day, jitter())
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := putOut(tx, e); err != nil {
			return err
		}
	}
	return nil
}

func putOut(tx account.Tx, e envelope.Envelope) error {
	id := e.ID()
	return tx.Put(tablePieces, append([]byte{entryOut}, id[:]...), e.Bytes())
}

// jitter is 0 to envelope.MaxJitter days, where no lock guards x.rng.
func jitter() int {
	var b [1]byte
	rand.Read(b[:])
	return int(b[0]) % (envelope.MaxJitter + 1)
}
