package bulletin

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// Tables of the vault.
const (
	tableBoards  account.Table = 80 + iota // board -> board record
	tableNotices                           // board, seq 8 -> when it came, notice
	tableTags                              // tag -> board, seq 8
	tableOutbox                            // envelope id -> envelope that the shelf has not got yet
	tableEditor                            // nothing -> seed of this device's editor key
	tableSeen                              // who opened what: seen.go
	tableMedia                             // board, seq 8 -> photo or recording
	tableFeed                              // nothing -> id 16 of the feed of all boards, key of its address
)

// Limits of a follower. spec/bulletin.md, 5.
const (
	maxBoards  = 256
	maxNotices = 1000
	maxBytes   = 64 << 20
	maxForks   = 16
)

// MaxDays is how long a notice may be shown.
const MaxDays = envelope.MaxLifetime

// Boards are the public voices that one device follows or is. Its methods may
// be called by several goroutines.
type Boards struct {
	vault account.Vault
	post  Post // nil when contacts are told nothing
	tell  bool

	mu   sync.Mutex
	tags map[envelope.Tag]place // what may still come
	due  time.Time              // before it nothing more is over; zero when that is not known
}

type place struct {
	board ID
	seq   uint64
	media bool // what the notice shows, and not the notice
}

// board is one of them in the vault.
type board struct {
	card   *Card
	name   string   // what the owner calls it
	muted  bool     // not among the news
	pinned bool     // above the others
	plain  bool     // its photos and recordings are not wanted here
	seed   []byte   // of the one-time keys; empty for boards of others
	next   uint64   // number of the next own notice
	last   [32]byte // hash of the last own notice
	forks  []uint64 // notices that contradict the one before
	count  int
	over   int // of count, those of which only the rest is kept
	bytes  int64
}

// mine reports whether this device is its publisher.
func (b *board) mine() bool { return len(b.seed) > 0 }

func (b *board) record() []byte {
	r := account.NewRecord(3).Blob(b.card.bytes()).Text(b.name).Flag(b.muted).Flag(b.pinned).Blob(b.seed).Uint(b.next).Raw(b.last[:])
	r.Uint(uint64(b.count)).Int(b.bytes).Uint(uint64(len(b.forks)))
	for _, s := range b.forks {
		r.Uint(s)
	}
	return r.Flag(b.plain).Uint(uint64(b.over)).Bytes()
}

func parseBoard(raw []byte) (*board, error) {
	f := account.ReadRecord(raw)
	version := f.Version(3)
	card, ok := parseCard(f.Blob())
	b := &board{card: card, name: f.Text(), muted: f.Flag(), pinned: f.Flag(), seed: bytes.Clone(f.Blob()), next: f.Uint(), last: [32]byte(f.Raw(32))}
	b.count, b.bytes = int(f.Uint()), f.Int()
	for range f.Count(1) {
		b.forks = append(b.forks, f.Uint())
	}
	b.plain = version > 1 && f.Flag()
	if version > 2 {
		b.over = int(f.Uint())
	}
	if f.Done() != nil || !ok {
		return nil, fmt.Errorf("%w: a board", account.ErrDamaged)
	}
	return b, nil
}

// Open reads which boards a vault follows.
func Open(v account.Vault) (*Boards, error) {
	s := &Boards{vault: v, tags: map[envelope.Tag]place{}}
	err := v.View(func(tx account.Tx) error {
		return tx.Scan(tableTags, nil, nil, false, func(k, b []byte) (bool, error) {
			s.tags[envelope.Tag(k)] = place{ID(b[:16]), binary.BigEndian.Uint64(b[16:]), len(b) > 24}
			return true, nil
		})
	})
	return s, err
}

func seqKey(id ID, seq uint64) []byte { return binary.BigEndian.AppendUint64(id[:], seq) }

// oneTime is the key of an own notice's envelope.
func oneTime(seed []byte, seq uint64) ed25519.PrivateKey {
	k, err := hkdf.Expand(sha256.New, seed, "jauap/1 board one-time"+string(binary.BigEndian.AppendUint64(nil, seq)), ed25519.SeedSize)
	if err != nil {
		panic("bulletin: internal error: HKDF refused a length")
	}
	return ed25519.NewKeyFromSeed(k)
}

func tagOf(seed []byte, seq uint64) envelope.Tag {
	return envelope.TagOf([32]byte(oneTime(seed, seq).Public().(ed25519.PublicKey)))
}

// Editor is this device's key for signing notices, made at the first use. It is
// no key of a person.
func (s *Boards) Editor() (key ed25519.PrivateKey, err error) {
	err = s.vault.Update(func(tx account.Tx) error {
		seed, err := tx.Get(tableEditor, nil)
		if err == nil && seed == nil {
			seed = make([]byte, ed25519.SeedSize)
			rand.Read(seed)
			err = tx.Put(tableEditor, nil, seed)
		}
		if err == nil {
			key = ed25519.NewKeyFromSeed(seed)
		}
		return err
	})
	return key, err
}

// Create makes a board of which this device is the publisher. Of the editors
// (this device's when there are none), need must sign each notice.
func (s *Boards) Create(name string, editors [][32]byte, need int) (*Card, error) {
	if len(editors) == 0 {
		key, err := s.Editor()
		if err != nil {
			return nil, err
		}
		editors, need = [][32]byte{[32]byte(key.Public().(ed25519.PublicKey))}, 1
	}
	seed := make([]byte, 32)
	rand.Read(seed)
	c := &Card{Name: account.Clean(name), Need: need, Editors: editors}
	rand.Read(c.read[:])
	for i := range c.first {
		c.first[i] = tagOf(seed, uint64(i))
	}
	if again, ok := parseCard(c.bytes()); !ok {
		return nil, fmt.Errorf("%w: a name of 1 to %d bytes, 1 to %d different editors, and no more signatures than editors", ErrCard, MaxName, MaxEditors)
	} else if again.ID() != c.ID() {
		return nil, ErrCard
	}
	return c, s.add(c, seed)
}

// Follow pins a board. What its notices are is looked for among everything
// that arrives from now on. Following again changes nothing.
func (s *Boards) Follow(c *Card) error { return s.add(c, nil) }

func (s *Boards) add(c *Card, seed []byte) error {
	id := c.ID()
	ch := newChange()
	err := s.vault.Update(func(tx account.Tx) error {
		old, err := tx.Get(tableBoards, id[:])
		if err != nil || old != nil {
			return err
		}
		n := 0
		if err := tx.Scan(tableBoards, nil, nil, false, func(_, _ []byte) (bool, error) { n++; return true, nil }); err != nil {
			return err
		}
		if n >= maxBoards {
			return ErrFull
		}
		b := &board{card: c, name: c.Name, seed: seed}
		if seed == nil {
			for i, t := range c.first {
				ch.fresh[t] = place{id, uint64(i), false}
				if err := tx.Put(tableTags, t[:], seqKey(id, uint64(i))); err != nil {
					return err
				}
			}
		}
		return tx.Put(tableBoards, id[:], b.record())
	})
	if err == nil {
		s.apply(ch)
	}
	return err
}

// change is what a transaction does to the tags that may still come.
type change struct {
	fresh map[envelope.Tag]place
	gone  []envelope.Tag
}

func newChange() *change { return &change{fresh: map[envelope.Tag]place{}} }

func (s *Boards) apply(ch *change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, p := range ch.fresh {
		s.tags[t] = p
	}
	for _, t := range ch.gone {
		delete(s.tags, t)
	}
}

// Knows reports whether an envelope under a tag may be a notice.
func (s *Boards) Knows(t envelope.Tag) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.tags[t]
	return ok
}

// Take opens an envelope under a known tag and keeps the notice. ok is false
// when it is none; that is no error.
func (s *Boards) Take(at account.Moment, raw []byte) (ok bool, err error) {
	e, err := envelope.Parse(raw)
	if err != nil {
		return false, nil
	}
	s.mu.Lock()
	p, known := s.tags[e.Tag()]
	s.mu.Unlock()
	if !known || e.Verify() != nil {
		return false, nil
	}
	ch, until := newChange(), time.Time{}
	err = s.vault.Update(func(tx account.Tx) error {
		b, err := get(tx, p.board)
		if err != nil {
			return nil // no longer followed
		}
		if p.media {
			ok, err = b.takeMedia(tx, p, e, ch)
			return err
		}
		n, good := openNotice(b.card, p.seq, e)
		if !good {
			return nil
		}
		ok, until = true, n.Until
		tag := e.Tag()
		if err := tx.Delete(tableTags, tag[:]); err != nil {
			return err
		}
		for i, t := range n.tags {
			seq := n.Seq + 1 + uint64(i)
			if had, err := tx.Get(tableNotices, seqKey(p.board, seq)); err != nil {
				return err
			} else if had != nil {
				continue
			}
			ch.fresh[t] = place{p.board, seq, false}
			if err := tx.Put(tableTags, t[:], seqKey(p.board, seq)); err != nil {
				return err
			}
		}
		if err := b.expect(tx, p.board, n, ch); err != nil {
			return err
		}
		return b.keep(tx, p.board, n, at, ch)
	})
	if err != nil || !ok {
		return false, err
	}
	ch.gone = append(ch.gone, e.Tag())
	s.apply(ch)
	if !until.IsZero() {
		s.sooner(until)
	}
	return true, nil
}

func get(tx account.Tx, id ID) (*board, error) {
	raw, err := tx.Get(tableBoards, id[:])
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, ErrUnknown
	}
	return parseBoard(raw)
}

// kept is a notice as the vault has it.
type kept struct {
	came time.Time
	*Notice
	size int
	over bool // only what Expire leaves is here
	hash [32]byte
}

func getNotice(tx account.Tx, key []byte) (*kept, error) {
	raw, err := tx.Get(tableNotices, key)
	if err != nil || raw == nil {
		return nil, err
	}
	return parseKept(raw)
}

func parseKept(raw []byte) (*kept, error) {
	f := account.ReadRecord(raw)
	if f.Version(2) == 2 {
		return parseRest(f, len(raw))
	}
	k := &kept{came: f.Time(), size: len(raw)}
	n, ok := parseNotice(f.Blob())
	if f.Done() != nil || !ok {
		return nil, fmt.Errorf("%w: a notice", account.ErrDamaged)
	}
	k.Notice = n
	return k, nil
}

// keep stores a notice, compares it with its neighbours, and makes room.
func (b *board) keep(tx account.Tx, id ID, n *Notice, at account.Moment, ch *change) error {
	if n.Seq > 0 {
		before, err := getNotice(tx, seqKey(id, n.Seq-1))
		if err != nil {
			return err
		}
		if before != nil && before.Hash() != n.Prev {
			b.fork(n.Seq)
		}
	}
	after, err := getNotice(tx, seqKey(id, n.Seq+1))
	if err != nil {
		return err
	}
	if after != nil && after.Prev != n.Hash() {
		b.fork(n.Seq + 1)
	}
	raw := account.NewRecord(1).Time(at.Wall).Blob(n.bytes()).Bytes()
	if err := tx.Put(tableNotices, seqKey(id, n.Seq), raw); err != nil {
		return err
	}
	b.count++
	b.bytes += int64(len(raw))
	if err := tx.Put(tableBoards, id[:], b.record()); err != nil {
		return err
	}
	return makeRoom(tx, ch)
}

func (b *board) fork(seq uint64) {
	if !slices.Contains(b.forks, seq) && len(b.forks) < maxForks {
		b.forks = append(b.forks, seq)
	}
}

// makeRoom drops the oldest notices of boards that have too many, and of the
// largest board while all together are too large: what it shows before what
// it says.
func makeRoom(tx account.Tx, ch *change) error {
	for {
		var worst *board
		var id ID
		total := int64(0)
		err := tx.Scan(tableBoards, nil, nil, false, func(k, raw []byte) (bool, error) {
			b, err := parseBoard(raw)
			if err != nil {
				return false, err
			}
			total += b.bytes
			if worst == nil || b.count > maxNotices && worst.count <= maxNotices || (b.count > maxNotices) == (worst.count > maxNotices) && b.bytes > worst.bytes {
				worst, id = b, ID(k)
			}
			return true, nil
		})
		if err != nil || worst == nil || worst.count <= maxNotices && total <= maxBytes {
			return err
		}
		if worst.count <= maxNotices {
			if seqs, err := mediaSeqs(tx, id); err != nil {
				return err
			} else if len(seqs) > 0 {
				if err := errors.Join(worst.dropMedia(tx, id, seqs[0]), tx.Put(tableBoards, id[:], worst.record())); err != nil {
					return err
				}
				continue
			}
		}
		if err := worst.dropOldest(tx, id, ch); err != nil {
			return err
		}
	}
}

// dropOldest forgets the oldest notice, a pinned one only when there is no other.
func (b *board) dropOldest(tx account.Tx, id ID, ch *change) error {
	var victim, pinned *kept
	err := tx.Scan(tableNotices, id[:], account.After(id[:]), false, func(_, raw []byte) (bool, error) {
		n, err := parseKept(raw)
		if err != nil {
			return false, err
		}
		if !n.Pinned {
			victim = n
			return false, nil
		}
		if pinned == nil {
			pinned = n
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if victim == nil {
		victim = pinned
	}
	if victim == nil { // the counts were wrong
		b.count, b.over, b.bytes = 0, 0, 0
	} else {
		if victim.over {
			b.over--
		}
		b.count, b.bytes = b.count-1, b.bytes-int64(victim.size)
		if err := b.drop(tx, id, victim.Notice, ch); err != nil {
			return err
		}
	}
	return tx.Put(tableBoards, id[:], b.record())
}

// drop forgets a notice and what was known about it.
func (b *board) drop(tx account.Tx, id ID, n *Notice, ch *change) error {
	if err := unsee(tx, n); err != nil {
		return err
	}
	if err := unexpect(tx, id, n, ch); err != nil {
		return err
	}
	if err := b.dropMedia(tx, id, n.Seq); err != nil {
		return err
	}
	return tx.Delete(tableNotices, seqKey(id, n.Seq))
}

// Saying is a new notice of an own board.
type Saying struct {
	Text   string
	Media  []byte // a photo or a recording of at most MaxMedia bytes
	Sort   Sort   // what it is
	Days   int    // shown for so long; 1 to MaxDays
	Pinned bool
}

// Draft prepares the next notice of an own board, signed by this device's
// editor key if that is one of the board's.
func (s *Boards) Draft(at account.Moment, id ID, p Saying) (d Draft, err error) {
	key, err := s.Editor()
	if err != nil {
		return d, err
	}
	if p.Text = account.Clean(p.Text); p.Text == "" && len(p.Media) == 0 || len(p.Text) > MaxText || p.Days < 1 || p.Days > MaxDays {
		return d, ErrText
	}
	if len(p.Media) > MaxMedia || len(p.Media) > 0 && mediaNames[p.Sort] == "" {
		return d, fmt.Errorf("%w: a photo or a recording of at most %d bytes, not %d; make it smaller", ErrNotice, MaxMedia, len(p.Media))
	}
	err = s.vault.View(func(tx account.Tx) error {
		b, err := get(tx, id)
		if err != nil {
			return err
		}
		if !b.mine() {
			return ErrNotMine
		}
		wall := at.Wall.UTC().Truncate(time.Millisecond)
		n := &Notice{Seq: b.next, Prev: b.last, At: wall, Until: wall.Add(time.Duration(p.Days) * 24 * time.Hour), Pinned: p.Pinned, Text: p.Text}
		if len(p.Media) > 0 {
			m := &Media{Sort: p.Sort, Size: len(p.Media), hash: sha256.Sum256(p.Media)}
			m.tag = envelope.TagOf([32]byte(mediaOneTime(b.seed, n.Seq).Public().(ed25519.PublicKey)))
			n.Files = []File{m.reference()}
		}
		for i := range n.tags {
			n.tags[i] = tagOf(b.seed, n.Seq+1+uint64(i))
		}
		d = Draft{id, n, p.Media}
		mine := [32]byte(key.Public().(ed25519.PublicKey))
		if i := slices.Index(b.card.Editors, mine); i >= 0 {
			n.sigs = []editorSig{{i, [64]byte(ed25519.Sign(key, toSign(id, n.Hash())))}}
		}
		return nil
	})
	return d, err
}

// Publish posts a draft with the signatures of further editors, as Cosign
// gives them. After nil it is on stable storage. Errors: ErrEditors, ErrNotMine,
// ErrNotice when another notice was posted since, or what it shows is missing.
func (s *Boards) Publish(at account.Moment, d Draft, cosigned []string) error {
	ch := newChange()
	err := s.vault.Update(func(tx account.Tx) error {
		b, err := get(tx, d.Board)
		if err != nil {
			return err
		}
		switch {
		case !b.mine():
			return ErrNotMine
		case d.Notice.Seq != b.next || d.Notice.Prev != b.last:
			return ErrSince
		}
		n := *d.Notice
		if err := n.collect(b.card, cosigned); err != nil {
			return err
		}
		if err := d.whole(); err != nil {
			return err
		}
		days := int(n.Until.Sub(n.At) / (24 * time.Hour))
		last := at.Day + envelope.Day(min(max(days, 1), MaxDays))
		e, err := n.seal(b.card, oneTime(b.seed, n.Seq), last)
		if err != nil {
			return err
		}
		if err := enqueue(tx, e); err != nil {
			return err
		}
		if m := n.media(); m != nil {
			if e, err = sealBody(mediaKey(b.card.read, m.hash), d.Media, mediaOneTime(b.seed, n.Seq), last); err != nil {
				return err
			}
			if err := errors.Join(enqueue(tx, e), b.keepMedia(tx, d.Board, n.Seq, d.Media)); err != nil {
				return err
			}
		}
		b.next, b.last = n.Seq+1, n.Hash()
		return b.keep(tx, d.Board, &n, at, ch)
	})
	if err == nil {
		s.apply(ch)
		s.sooner(d.Notice.Until)
	}
	return err
}

func enqueue(tx account.Tx, e envelope.Envelope) error {
	id := e.ID()
	return tx.Put(tableOutbox, id[:], e.Bytes())
}

// collect puts the editors' signatures in order and counts them.
func (n *Notice) collect(c *Card, cosigned []string) error {
	msg := toSign(c.ID(), n.Hash())
	by := map[int]editorSig{}
	for _, s := range n.sigs {
		by[s.index] = s
	}
	for _, text := range cosigned {
		who, sig, _ := strings.Cut(strings.TrimSpace(text), ":")
		k, err1 := hex.DecodeString(who)
		b, err2 := hex.DecodeString(sig)
		if err1 != nil || err2 != nil || len(k) != 32 || len(b) != 64 {
			return fmt.Errorf("%w: %.20q", ErrSignature, text)
		}
		i := slices.Index(c.Editors, [32]byte(k))
		if i < 0 || !ed25519.Verify(k, msg, b) {
			return fmt.Errorf("%w: %.20q", ErrOther, text)
		}
		by[i] = editorSig{i, [64]byte(b)}
	}
	n.sigs = nil
	for i := range c.Editors {
		if s, ok := by[i]; ok {
			n.sigs = append(n.sigs, s)
		}
	}
	if got := n.signedBy(c); got < c.Need {
		return fmt.Errorf("%w: %d of %d", ErrEditors, got, c.Need)
	}
	return nil
}

// Outbox are envelopes of own notices that the shelf has not got yet.
func (s *Boards) Outbox() (list [][]byte, err error) {
	err = s.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableOutbox, nil, nil, false, func(_, b []byte) (bool, error) {
			list = append(list, bytes.Clone(b))
			return true, nil
		})
	})
	return list, err
}

// Submitted says that envelopes are on the shelf.
func (s *Boards) Submitted(ids ...envelope.ID) error {
	if len(ids) == 0 {
		return nil
	}
	return s.vault.Update(func(tx account.Tx) error {
		for _, id := range ids {
			if err := tx.Delete(tableOutbox, id[:]); err != nil {
				return err
			}
		}
		return nil
	})
}
