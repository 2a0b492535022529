package inbox

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// Tables of the vault.
const (
	tableBoxes  account.Table = 96 + iota // inbox -> record: own ones and others' cards
	tableMail                             // message -> mail
	tablePieces                           // kind of entry 1, then: see below
	tableSent                             // message -> sent
)

// Entries of tablePieces, by their first byte.
const (
	entryData  = 'c' // message 16, piece u32 -> data; the head's is piece 0
	entryProof = 'q' // message 16, piece u32 -> proof, until the content is whole
	entryDue   = 'd' // id of an envelope 16 -> due tick, proof
	entryOut   = 'o' // id of an own envelope 16 -> envelope that the shelf has not got yet
	entryAwait = 'a' // id of an own slip 16 -> where its answers are awaited
)

// Limits. spec/inbox.md, 4.
const (
	maxBoxes   = 64
	maxMail    = 20_000  // that are here, whole or not
	maxSlips   = 8_000   // of these, slips that wait for room in the queue
	maxKnown   = 120_000 // with those that were dealt with and only remembered
	maxBytes   = 4 << 30
	maxPartial = 256
	keepWeeks  = 32 // days that a week's secret outlives its week
	forgetMail = 40 // days after which an unfinished message is given up
	proofMost  = 2 * time.Hour
)

// Inboxes are the public inboxes that one device opened, the cards it keeps of
// others, and what went in and out. Its methods may be called by several
// goroutines.
type Inboxes struct {
	vault account.Vault
	rng   *rand.Rand // delays and jitter, never keys

	mu     sync.Mutex
	boxes  map[ID]*box
	mail   map[ID]*mail
	pieces map[envelope.Tag]piece // awaited
	own    map[envelope.ID]ID     // unit of an own message -> message
	sent   map[ID]*sent
	bytes  int64
	live   int // mail that is here, whole or not
	slips  int // of it, slips

	awaits  map[ID]*awaited
	answers map[envelope.Tag]ID
	heard   Heard
}

type piece struct {
	mail ID
	i    int
}

// box is one inbox. secrets is nil for those of others and closed ones.
type box struct {
	card   *Card
	name   string
	closed bool
	late   int // heads that came after their week's secret was erased
	*secrets
}

func (b *box) record() []byte {
	r := account.NewRecord(1).Blob(b.card.bytes()).Text(b.name).Flag(b.closed).Uint(uint64(b.late)).Flag(b.secrets != nil)
	if b.secrets != nil {
		r.Blob(b.kem).Uint(uint64(len(b.weeks)))
		for _, w := range b.weeks {
			r.Blob(w)
		}
	}
	return r.Bytes()
}

func parseBox(raw []byte) (*box, error) {
	f := account.ReadRecord(raw)
	f.Version(1)
	card, ok := parseCard(f.Blob())
	b := &box{card: card, name: f.Text(), closed: f.Flag(), late: int(f.Uint())}
	if f.Flag() {
		kem, weeks := bytes.Clone(f.Blob()), [][]byte(nil)
		for range f.Count(1) {
			weeks = append(weeks, bytes.Clone(f.Blob()))
		}
		var err error
		if b.secrets, err = unlocked(kem, weeks); err != nil {
			return nil, err
		}
	}
	if f.Done() != nil || !ok {
		return nil, fmt.Errorf("%w: an inbox", account.ErrDamaged)
	}
	return b, nil
}

// States of mail.
const (
	partial = iota
	whole
	broken // its pieces make something else than its head said
	deleted
)

// mail is one message that came.
type mail struct {
	id     ID
	box    ID
	kind   Kind
	came   time.Time
	day    envelope.Day
	length int
	hash   [32]byte
	root   []byte // until it is whole
	state  int
	got    []int // pieces that are here
}

func (m *mail) record() []byte {
	r := account.NewRecord(1).Raw(m.box[:]).Uint(uint64(m.kind)).Time(m.came).Uint(uint64(m.day)).Uint(uint64(m.length)).Raw(m.hash[:]).Blob(m.root).Uint(uint64(m.state)).Uint(uint64(len(m.got)))
	for _, i := range m.got {
		r.Uint(uint64(i))
	}
	return r.Bytes()
}

func parseMail(id ID, raw []byte) (*mail, error) {
	f := account.ReadRecord(raw)
	f.Version(1)
	m := &mail{id: id, box: ID(f.Raw(16)), kind: Kind(f.Uint()), came: f.Time(), day: envelope.Day(f.Uint()), length: int(min(f.Uint(), MaxReport)),
		hash: [32]byte(f.Raw(32)), root: bytes.Clone(f.Blob()), state: int(f.Uint())}
	for range f.Count(1) {
		m.got = append(m.got, int(f.Uint()))
	}
	if err := f.Done(); err != nil {
		return nil, fmt.Errorf("%w: a message of an inbox", err)
	}
	return m, nil
}

// Open reads what a vault holds. rng is for delays; it is shared with nobody.
func Open(v account.Vault, rng *rand.Rand) (*Inboxes, error) {
	x := &Inboxes{vault: v, rng: rng, boxes: map[ID]*box{}, mail: map[ID]*mail{}, pieces: map[envelope.Tag]piece{}, own: map[envelope.ID]ID{}, sent: map[ID]*sent{},
		awaits: map[ID]*awaited{}, answers: map[envelope.Tag]ID{}}
	err := v.View(func(tx account.Tx) error {
		scan := func(t account.Table, f func(ID, []byte) error) error {
			return tx.Scan(t, nil, nil, false, func(k, raw []byte) (bool, error) { return true, f(ID(k), raw) })
		}
		return errors.Join(
			scan(tableBoxes, func(id ID, raw []byte) (err error) { x.boxes[id], err = parseBox(raw); return err }),
			scan(tableMail, func(id ID, raw []byte) error {
				m, err := parseMail(id, raw)
				if err == nil {
					x.addMail(m)
				}
				return err
			}),
			tx.Scan(tablePieces, []byte{entryAwait}, []byte{entryAwait + 1}, false, func(k, raw []byte) (bool, error) {
				w, err := parseAwaited(ID(k[1:]), raw)
				if err == nil {
					x.addAwaited(w)
				}
				return true, err
			}),
			scan(tableSent, func(id ID, raw []byte) error {
				s, err := parseSent(id, raw)
				if err == nil {
					x.addSent(s)
				}
				return err
			}))
	})
	return x, err
}

func (x *Inboxes) addMail(m *mail) {
	x.mail[m.id] = m
	if m.state == partial || m.state == whole {
		x.count(m, 1)
	}
	if m.state != partial {
		return
	}
	for i := range split(m.length) {
		if !slices.Contains(m.got, i) {
			_, osk := pieceKeys(m.root, i)
			x.pieces[envelope.TagOf([32]byte(osk[32:]))] = piece{m.id, i}
		}
	}
}

// count adds or takes away n messages like m.
func (x *Inboxes) count(m *mail, n int) {
	x.bytes += int64(n) * int64(m.length)
	x.live += n
	if m.kind == Slip {
		x.slips += n
	}
}

// dropMail lets memory forget what it awaited of a message.
func (x *Inboxes) dropMail(m *mail) {
	x.count(m, -1)
	for t, p := range x.pieces {
		if p.mail == m.id {
			delete(x.pieces, t)
		}
	}
}

// Info is what a person may know of an inbox.
type Info struct {
	ID     ID
	Name   string
	Card   *Card
	Mine   bool
	Closed bool
	Until  time.Time // from then on letters use the last key
	Late   int
	Slips  int  // that came and wait for room in the queue
	Full   bool // so many that further ones wait where they are carried
	Keys   int  // weeks whose secrets are still here
}

// List is all inboxes, by name.
func (x *Inboxes) List() []Info {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := []Info{}
	for id, b := range x.boxes {
		i := Info{ID: id, Name: b.name, Card: b.card, Mine: b.secrets != nil || b.closed, Closed: b.closed, Until: b.card.Until().Start(), Late: b.late}
		if b.secrets != nil {
			for _, w := range b.weeks {
				if len(w) > 0 {
					i.Keys++
				}
			}
		}
		list = append(list, i)
	}
	for _, m := range x.mail {
		if m.kind == Slip && m.state == whole {
			for i := range list {
				if list[i].ID == m.box {
					list[i].Slips++
					list[i].Full = x.slips >= maxSlips
				}
			}
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(a.Name, b.Name), bytes.Compare(a.ID[:], b.ID[:])) < 0
	})
	return list
}

// Create opens an inbox of which this device is the desk.
func (x *Inboxes) Create(at account.Moment, name string) (*Card, error) {
	c, s, err := newCard(name, at.Day)
	if err != nil {
		return nil, err
	}
	return c, x.put(&box{card: c, name: c.Name, secrets: s})
}

// Save keeps somebody's card, so that it can be written to by name. Saving
// again changes nothing.
func (x *Inboxes) Save(c *Card) error { return x.put(&box{card: c, name: c.Name}) }

func (x *Inboxes) put(b *box) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	id := b.card.ID()
	if x.boxes[id] != nil {
		return nil
	}
	if len(x.boxes) >= maxBoxes {
		return ErrFull
	}
	err := x.vault.Update(func(tx account.Tx) error { return tx.Put(tableBoxes, id[:], b.record()) })
	if err == nil {
		x.boxes[id] = b
	}
	return err
}

// Close ends an own inbox: its secrets are erased, and nothing that is still
// under way to it can ever be read. Of somebody's card it forgets the card.
func (x *Inboxes) Close(id ID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	b := x.boxes[id]
	if b == nil {
		return ErrUnknown
	}
	if b.secrets == nil {
		err := x.vault.Update(func(tx account.Tx) error { return tx.Delete(tableBoxes, id[:]) })
		if err == nil {
			delete(x.boxes, id)
		}
		return err
	}
	shut := &box{card: b.card, name: b.name, closed: true, late: b.late}
	err := x.vault.Update(func(tx account.Tx) error { return tx.Put(tableBoxes, id[:], shut.record()) })
	if err == nil {
		x.boxes[id] = shut
	}
	return err
}

// Wants reports whether a unit may be for one of the inboxes.
func (x *Inboxes) Wants(c envelope.Class, shard uint8, t envelope.Tag) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, ok := x.pieces[t]; ok {
		return true
	}
	if _, ok := x.answers[t]; ok {
		return true
	}
	return c == envelope.S2 && shard != 0 && slices.ContainsFunc(x.open(), func(b *box) bool { return b.card.Shard == shard })
}

// open lists the own inboxes that can read. mu is held.
func (x *Inboxes) open() (list []*box) {
	for _, b := range x.boxes {
		if b.secrets != nil {
			list = append(list, b)
		}
	}
	return list
}

// Taken is what came of a unit.
type Taken struct {
	Used  bool           // it was for an inbox
	Whole ID             // the message that it completed; zero for none
	Tags  []envelope.Tag // pieces that may lie on the shelf already
	Heard bool           // it was an answer to an own slip
}

// Take opens a unit and keeps what is in it. A unit that is for nobody here is
// no error; an error is one of the vault.
func (x *Inboxes) Take(at account.Moment, raw []byte) (t Taken, err error) {
	e, err := envelope.Parse(raw)
	if err != nil || e.Verify() != nil {
		return t, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if p, ok := x.pieces[e.Tag()]; ok {
		return x.takePiece(at, x.mail[p.mail], p.i, e)
	}
	if about, ok := x.answers[e.Tag()]; ok {
		return x.takeAnswer(at, x.awaits[about], e)
	}
	if x.mail[ID(e.ID())] != nil {
		return t, nil
	}
	for _, b := range x.open() {
		h, err := openHead(b.card, b.secrets, e)
		switch {
		case err == nil:
			return x.takeHead(at, b, h, e)
		case errors.Is(err, errLate):
			return Taken{Used: true}, x.tooLate(at, b, e)
		}
	}
	return t, nil
}

// tooLate counts a head whose key is gone, once.
func (x *Inboxes) tooLate(at account.Moment, b *box, e envelope.Envelope) error {
	m := &mail{id: ID(e.ID()), box: b.card.ID(), kind: Letter, came: at.Wall, day: at.Day, state: deleted}
	n := *b
	n.late++
	err := x.vault.Update(func(tx account.Tx) error {
		return errors.Join(tx.Put(tableBoxes, m.box[:], n.record()), tx.Put(tableMail, m.id[:], m.record()))
	})
	if err == nil {
		x.boxes[m.box], x.mail[m.id] = &n, m
	}
	return err
}

func pieceKey(entry byte, id ID, i int) []byte {
	return binary.BigEndian.AppendUint32(append([]byte{entry}, id[:]...), uint32(i))
}

func (x *Inboxes) takeHead(at account.Moment, b *box, h head, e envelope.Envelope) (t Taken, err error) {
	if x.live >= maxMail || len(x.mail) >= maxKnown || x.bytes+int64(h.length) > maxBytes || h.kind == Slip && x.slips >= maxSlips {
		return t, nil // it stays on the shelf
	}
	done, err := envelope.NewDone(e, h.osk)
	if err != nil {
		return t, nil
	}
	m := &mail{id: ID(e.ID()), box: b.card.ID(), kind: h.kind, came: at.Wall, day: at.Day, length: h.length, hash: h.hash, root: bytes.Clone(h.root)}
	if len(split(m.length)) > 0 {
		if ok, err := x.room(); !ok || err != nil {
			return t, err
		}
	}
	var fin *mail
	err = x.vault.Update(func(tx account.Tx) error {
		if err := errors.Join(tx.Put(tablePieces, pieceKey(entryData, m.id, 0), h.first), tx.Put(tablePieces, pieceKey(entryProof, m.id, 0), done.Bytes())); err != nil {
			return err
		}
		if fin, err = x.finish(tx, at, *m); err != nil {
			return err
		}
		return tx.Put(tableMail, m.id[:], fin.record())
	})
	if err != nil {
		return t, err
	}
	x.addMail(fin)
	for tag, p := range x.pieces {
		if p.mail == m.id {
			t.Tags = append(t.Tags, tag)
		}
	}
	return taken(fin, t), nil
}

func taken(m *mail, t Taken) Taken {
	t.Used = true
	if m.state == whole {
		t.Whole = m.id
	}
	return t
}

// room makes place for one more unfinished message: one at random of those
// without a piece goes. It is false when all have some.
func (x *Inboxes) room() (bool, error) {
	n := 0
	var idle []ID
	for _, m := range x.mail {
		if m.state != partial {
			continue
		}
		n++
		if len(m.got) == 0 {
			idle = append(idle, m.id)
		}
	}
	if n < maxPartial || len(idle) == 0 {
		return n < maxPartial, nil
	}
	slices.SortFunc(idle, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	m := x.mail[idle[x.rng.IntN(len(idle))]]
	err := x.vault.Update(func(tx account.Tx) error { return errors.Join(erase(tx, m.id), tx.Delete(tableMail, m.id[:])) })
	if err == nil {
		x.dropMail(m)
		delete(x.mail, m.id)
	}
	return err == nil, err
}

// erase deletes what is kept of a message's content.
func erase(tx account.Tx, id ID) error {
	var keys [][]byte
	for _, entry := range []byte{entryData, entryProof} {
		from := append([]byte{entry}, id[:]...)
		if err := tx.Scan(tablePieces, from, account.After(from), false, func(k, _ []byte) (bool, error) {
			keys = append(keys, bytes.Clone(k))
			return true, nil
		}); err != nil {
			return err
		}
	}
	for _, k := range keys {
		if err := tx.Delete(tablePieces, k); err != nil {
			return err
		}
	}
	return nil
}

func (x *Inboxes) takePiece(at account.Moment, m *mail, i int, e envelope.Envelope) (t Taken, err error) {
	data, osk, ok := openPiece(m.root, i, m.length, e)
	if !ok {
		return t, nil
	}
	done, err := envelope.NewDone(e, osk)
	if err != nil {
		return t, nil
	}
	next := *m
	next.got = append(slices.Clone(m.got), i)
	fin := &next
	err = x.vault.Update(func(tx account.Tx) error {
		if err := errors.Join(tx.Put(tablePieces, pieceKey(entryData, m.id, 1+i), data), tx.Put(tablePieces, pieceKey(entryProof, m.id, 1+i), done.Bytes())); err != nil {
			return err
		}
		if fin, err = x.finish(tx, at, next); err != nil {
			return err
		}
		return tx.Put(tableMail, m.id[:], fin.record())
	})
	if err != nil {
		return t, err
	}
	delete(x.pieces, e.Tag())
	x.mail[m.id] = fin
	if fin.state == broken {
		x.dropMail(fin)
	}
	return taken(fin, t), nil
}

// finish looks whether a message is whole, and makes its proofs due.
func (x *Inboxes) finish(tx account.Tx, at account.Moment, m mail) (*mail, error) {
	if len(m.got) < len(split(m.length)) {
		return &m, nil
	}
	all := make([]byte, 0, m.length)
	for i := range len(m.got) + 1 {
		b, err := tx.Get(tablePieces, pieceKey(entryData, m.id, i))
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	m.state, m.root, m.got = whole, nil, nil
	if hashOf(all) != m.hash || check(m.kind, all) != nil {
		m.state = broken
	}
	due := x.dueAt(at)
	type entry struct{ key, proof []byte }
	var list []entry
	from := append([]byte{entryProof}, m.id[:]...)
	err := tx.Scan(tablePieces, from, account.After(from), false, func(k, v []byte) (bool, error) {
		list = append(list, entry{bytes.Clone(k), bytes.Clone(v)})
		return true, nil
	})
	for _, p := range list {
		e, bad := envelope.Parse(p.proof)
		if bad != nil {
			continue
		}
		id := e.Proves()
		r := account.NewRecord(1).Int(int64(due)).Blob(p.proof)
		err = errors.Join(err, tx.Put(tablePieces, append([]byte{entryDue}, id[:]...), r.Bytes()), tx.Delete(tablePieces, p.key))
	}
	if m.state == broken {
		err = errors.Join(err, erase(tx, m.id))
	}
	return &m, err
}
