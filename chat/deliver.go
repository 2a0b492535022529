package chat

import (
	"crypto/sha256"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Limits of what is kept before it can be shown, per contact.
const (
	maxOrphanBytes = MaxBytes + 1<<20
	maxOrphanFiles = 256
	maxBegun       = 1024
	maxLater       = 64
)

// maxSkew is by how many milliseconds a good clock may be ahead of ours.
const maxSkew = 24 * 60 * 60 * 1000

// Deliver implements account.App.
func (c *Chat) Deliver(tx account.Tx, from account.Contact, at account.Moment, p seal.Part) error {
	switch p.Kind {
	case kindLetter, kindRich:
		if l, ok := parseLetter(p.Body); ok && l.part().Kind == p.Kind {
			return c.letter(tx, from, at, l, p)
		}
	case kindAsk:
		return c.asked(tx, from, at, p.Body)
	case kindPiece:
		if piece, ok := parsePiece(p.Body); ok {
			return c.piece(tx, from, at, piece)
		}
	case kindReceipt:
		return c.receipts(tx, from, at, p.Body)
	default:
		if p.Kind&account.Critical != 0 {
			return c.later(tx, from, at, p)
		}
	}
	return nil // broken or of no meaning here
}

// letter takes the beginning of a letter.
func (c *Chat) letter(tx account.Tx, from account.Contact, at account.Moment, p letterPart, raw seal.Part) error {
	begun := append(append([]byte(nil), from.ID[:]...), p.id[:]...)
	old, err := tx.Get(tableBegun, begun)
	if err != nil {
		return err
	}
	known, err := theirs(tx, from.ID, p.id)
	if err != nil || old != nil || known != nil {
		return err // the same letter again
	}
	if gone, err := wasDeleted(tx, from.ID, p.id); err != nil || gone {
		return err
	}
	if p.long {
		if err := makeRoom(tx, from.ID); err != nil {
			return err
		}
	}
	for i, f := range p.files {
		if err := c.expect(tx, from.ID, p.id, i+1, f); err != nil {
			return err
		}
	}
	if !p.long {
		return c.show(tx, from, at, p, cleanText(p.text))
	}
	if err := tx.Put(tableBegun, begun, raw.Body); err != nil {
		return err
	}
	if err := c.expect(tx, from.ID, p.id, 0, filePart{size: int64(p.size)}); err != nil {
		return err
	}
	return c.finishText(tx, from, at, p.id)
}

// makeRoom forgets the letter that was begun longest ago when too many of a
// contact's long texts are incomplete.
func makeRoom(tx account.Tx, from account.ContactID) error {
	var oldest letterPart
	n := 0
	err := tx.Scan(tableBegun, from[:], account.After(from[:]), false, func(_, v []byte) (bool, error) {
		if p, ok := parseLetter(v); ok && (n == 0 || p.at.Before(oldest.at)) {
			oldest = p
		}
		n++
		return true, nil
	})
	if err != nil || n < maxBegun {
		return err
	}
	for i := 0; i <= len(oldest.files); i++ {
		if err := dropFile(tx, fileKey(from, oldest.id, i)); err != nil {
			return err
		}
	}
	return tx.Delete(tableBegun, append(append([]byte(nil), from[:]...), oldest.id[:]...))
}

// finishText shows a letter whose long text has arrived.
func (c *Chat) finishText(tx account.Tx, from account.Contact, at account.Moment, wire account.LetterID) error {
	begun := append(append([]byte(nil), from.ID[:]...), wire[:]...)
	b, err := tx.Get(tableBegun, begun)
	if err != nil || b == nil {
		return err
	}
	key := fileKey(from.ID, wire, 0)
	f, err := getFile(tx, key)
	if err != nil || f == nil || f.got.have() != f.size {
		return err
	}
	text, err := readAll(tx, key, f)
	if err != nil {
		return err
	}
	if err := dropFile(tx, key); err != nil {
		return err
	}
	if err := tx.Delete(tableBegun, begun); err != nil {
		return err
	}
	p, _ := parseLetter(b)
	return c.show(tx, from, at, p, cleanText(text))
}

// show puts a letter of theirs into the conversation.
func (c *Chat) show(tx account.Tx, from account.Contact, at account.Moment, p letterPart, text string) error {
	l := &letter{wire: p.id, fileN: len(p.files)}
	if err := c.place(tx, l, from.ID); err != nil {
		return err
	}
	l.Text, l.SentAt, l.ReceivedAt = text, p.at, at.Wall
	l.Bytes, l.Vanish = int64(len(text)), p.vanish
	for _, f := range p.files {
		l.Bytes += f.size
		l.Files = append(l.Files, File{Name: cleanFileName(f.name), About: f.About})
	}
	return c.insert(tx, at, l)
}

// insert gives a letter of theirs its place and counts it as unread.
func (c *Chat) insert(tx account.Tx, at account.Moment, l *letter) error {
	var err error
	if l.By == (account.ContactID{}) {
		l.By = l.With
	}
	if l.ID, err = freeID(tx, l.By, l.wire); err != nil {
		return err
	}
	h, err := getHead(tx, l.With)
	if err != nil {
		return err
	}
	// In the order in which they were written, as far as that can be believed:
	// not above what was seen, and not in a far future.
	low := h.seen + 1
	high := max(position(at.Wall)+maxSkew, h.last+1, low)
	if !l.inRoom() { // a room's order is the same on every device
		l.position = min(max(position(l.SentAt), low), high)
	}
	if l.seq, err = counter(tx, "arrivals"); err != nil {
		return err
	}
	if l.whole, err = filesWhole(tx, l); err != nil {
		return err
	}
	for _, put := range []struct {
		table    account.Table
		key, val []byte
	}{
		{tableIndex, l.ID[:], l.key()},
		{tableArrivals, seqKey([]byte{0}, l.seq), l.key()},
		{tableArrivals, seqKey(append([]byte{1}, l.With[:]...), l.seq), l.key()},
		{tableUnread, seqKey(l.With[:], l.seq), l.key()},
	} {
		if err := tx.Put(put.table, put.key, put.val); err != nil {
			return err
		}
	}
	if err := l.put(tx); err != nil {
		return err
	}
	h.unread++
	h.shows(l, at.Wall)
	if l.SentAt.After(h.wroteAt) && !l.SentAt.After(at.Wall) || h.wroteAt.IsZero() {
		h.wroteAt = l.SentAt
	}
	if !l.Update {
		if err := c.config.heard(tx, l.With, at, l.SentAt, true); err != nil {
			return err
		}
	}
	if l.whole && !l.Update {
		if err := c.confirm(tx, at, h, l, false); err != nil {
			return err
		}
	}
	return h.put(tx, l.With)
}

// later keeps a part that only a newer Jauap understands and shows that there
// is one.
func (c *Chat) later(tx account.Tx, from account.Contact, at account.Moment, p seal.Part) error {
	n := 0
	err := tx.Scan(tableLater, from.ID[:], account.After(from.ID[:]), false, func(_, _ []byte) (bool, error) { n++; return true, nil })
	if err != nil || n >= maxLater {
		return err
	}
	sum := sha256.Sum256(append([]byte{p.Kind}, p.Body...))
	key := append(append([]byte(nil), from.ID[:]...), sum[:16]...)
	old, err := tx.Get(tableLater, key)
	if err != nil || old != nil {
		return err
	}
	if err := tx.Put(tableLater, key, append([]byte{p.Kind}, p.Body...)); err != nil {
		return err
	}
	l := &letter{wire: account.LetterID(sum[:16])}
	if err := c.place(tx, l, from.ID); err != nil {
		return err
	}
	if l.inRoom() && l.position == 0 {
		l.position = position(at.Wall)
	}
	l.SentAt, l.ReceivedAt, l.Update = at.Wall, at.Wall, true
	return c.insert(tx, at, l)
}

// piece takes a stretch of a text or file, in any order.
func (c *Chat) piece(tx account.Tx, from account.Contact, at account.Moment, p piecePart) error {
	key := fileKey(from.ID, p.id, p.index)
	f, err := getFile(tx, key)
	if err != nil {
		return err
	}
	end := p.offset + int64(len(p.data))
	if f == nil {
		known, err := theirs(tx, from.ID, p.id)
		if err != nil || known != nil {
			return err // a letter without such a file
		}
		if gone, err := wasDeleted(tx, from.ID, p.id); err != nil || gone {
			return err
		}
		f = &file{size: unknownSize}
	}
	if f.broken || f.size != unknownSize && end > f.size {
		return nil
	}
	gaps := f.got.gaps(p.offset, end)
	got := f.got
	for _, g := range gaps {
		got = got.add(g)
	}
	if len(gaps) == 0 || len(got) > maxSpans {
		return nil
	}
	if f.size == unknownSize {
		if err := adopt(tx, from.ID, key, f, got); err != nil {
			return err
		}
	}
	for _, g := range gaps {
		if err := putBytes(tx, key, g.from, p.data[g.from-p.offset:g.to-p.offset]); err != nil {
			return err
		}
	}
	f.got = got
	if err := tx.Put(tableFiles, key, f.record()); err != nil {
		return err
	}
	if f.size == unknownSize || got.have() < f.size {
		return nil
	}
	return c.complete(tx, from, at, p.id, p.index, f)
}

// complete checks a file of which all bytes are there.
func (c *Chat) complete(tx account.Tx, from account.Contact, at account.Moment, wire account.LetterID, index int, f *file) error {
	if index == 0 {
		return c.finishText(tx, from, at, wire)
	}
	if err := checkSum(tx, fileKey(from.ID, wire, index), f); err != nil {
		return err
	}
	l, err := theirs(tx, from.ID, wire)
	if err != nil || l == nil || l.whole {
		return err
	}
	if l.whole, err = filesWhole(tx, l); err != nil || !l.whole {
		return err
	}
	if err := l.put(tx); err != nil {
		return err
	}
	h, err := getHead(tx, l.With)
	if err != nil {
		return err
	}
	if err := c.confirm(tx, at, h, l, false); err != nil {
		return err
	}
	if !l.ReadAt.IsZero() {
		if err := c.confirm(tx, at, h, l, true); err != nil {
			return err
		}
	}
	return h.put(tx, l.With)
}
