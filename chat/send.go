package chat

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// Attachment is a file to be sent.
type Attachment struct {
	Name string
	Data []byte
	About
}

// Post is a letter to be sent.
type Post struct {
	Text   string
	Files  []Attachment
	Days   int           // lifetime; 0 for envelope.Lifetime
	Vanish time.Duration // how long after reading both ends delete it; 0 for never
	Draft  bool          // the files of the draft go along, and the draft is done with
}

// maxAhead is how many letters may be written in one millisecond until they
// claim the same time.
const maxAhead = 100_000

// rowSize is in how large pieces our own files are kept, in bytes.
const rowSize = 64 << 10

// Send saves a letter to a contact; it leaves when there is a way. days is its
// lifetime, 0 for envelope.Lifetime. After nil it is on stable storage. Errors:
// ErrEmpty, ErrTooLarge, account.ErrUnknown, account.ErrFull.
func (c *Chat) Send(at account.Moment, to account.ContactID, text string, files []Attachment, days int) (account.LetterID, error) {
	return c.Post(at, to, Post{Text: text, Files: files, Days: days})
}

// Post is Send with everything that a letter can be. ErrVanish besides.
func (c *Chat) Post(at account.Moment, to account.ContactID, p Post) (account.LetterID, error) {
	l := &letter{}
	crand.Read(l.ID[:])
	l.wire, l.With, l.By, l.Mine, l.whole = l.ID, to, to, true, true
	l.Text = strings.ToValidUTF8(strings.ReplaceAll(p.Text, "\r\n", "\n"), "\uFFFD")
	l.Vanish = p.Vanish.Truncate(time.Second)
	if l.Vanish != 0 && (l.Vanish < MinVanish || l.Vanish > MaxVanish) {
		return l.ID, ErrVanish
	}
	return l.ID, c.a.Do(at, func(tx account.Tx) error {
		files := p.Files
		if p.Draft {
			kept, err := draftFiles(tx, to)
			if err != nil {
				return err
			}
			files = append(kept, files...)
		}
		part, out, err := l.compose(files, p.Days)
		if err != nil {
			return err
		}
		if p.Draft {
			if err := clearDraft(tx, to); err != nil {
				return err
			}
		}
		return c.save(tx, at, l, part, files, out)
	})
}

// compose checks a letter and says what is to be sealed of it.
func (l *letter) compose(files []Attachment, days int) (part letterPart, out account.Outgoing, err error) {
	l.Bytes, l.fileN, l.Files = int64(len(l.Text)), len(files), nil
	if len(l.Text) == 0 && len(files) == 0 {
		return part, out, ErrEmpty
	}
	if len(l.Text) > MaxText {
		return part, out, fmt.Errorf("%w: a text of %d bytes, at most %d; attach it as a file", ErrTooLarge, len(l.Text), MaxText)
	}
	if len(files) > MaxFiles {
		return part, out, fmt.Errorf("%w: %d files, at most %d", ErrTooLarge, len(files), MaxFiles)
	}
	part = letterPart{id: l.ID, vanish: l.Vanish}
	total := int64(0)
	for _, f := range files {
		if len(f.Preview) > maxGlimpse {
			return part, out, fmt.Errorf("%w: a preview of %d bytes, at most %d", ErrTooLarge, len(f.Preview), maxGlimpse)
		}
		total += int64(len(f.Data))
		part.files = append(part.files, filePart{int64(len(f.Data)), sha256.Sum256(f.Data), cleanFileName(f.Name), f.About})
	}
	if total > MaxBytes {
		return part, out, fmt.Errorf("%w: files of %d bytes, at most %d in one letter", ErrTooLarge, total, MaxBytes)
	}
	l.Bytes += total
	out = account.Outgoing{To: l.With, Letter: l.ID, Days: days}
	if part.text = []byte(l.Text); len(part.text) > maxInline {
		part.long, part.size, part.text = true, len(part.text), nil
		out.Early = append(out.Early, fileStream(l.ID, 0))
	}
	out.Follows = l.Text == ""
	for i, f := range part.files {
		out.Follows = out.Follows && !f.Held && len(f.Preview) == 0
		if f.size > 0 && !f.Held {
			out.Streams = append(out.Streams, fileStream(l.ID, i+1))
		}
	}
	return part, out, nil
}

// save writes a letter of ours and queues it.
func (c *Chat) save(tx account.Tx, at account.Moment, l *letter, part letterPart, files []Attachment, out account.Outgoing) error {
	h, err := getHead(tx, l.With)
	if err != nil {
		return err
	}
	// Milliseconds tell the order of letters: no two are the same.
	l.SentAt, l.position = at.Wall, max(position(at.Wall), h.last+1)
	l.changed(Saved, at.Wall)
	if part.at = l.SentAt; l.position-position(part.at) < maxAhead {
		part.at = time.UnixMilli(int64(l.position))
	}
	if part.long {
		if err := saveFile(tx, l.ID, 0, filePart{size: int64(part.size)}, []byte(l.Text)); err != nil {
			return err
		}
	}
	for i, f := range files {
		if err := saveFile(tx, l.ID, i+1, part.files[i], f.Data); err != nil {
			return err
		}
		l.Files = append(l.Files, File{Name: part.files[i].name, About: f.About})
	}
	// Without a word from the reader, the owner's copy goes when the letter
	// could not have been read any more.
	life := out.Days
	if life <= 0 {
		life = envelope.Lifetime
	}
	if err := l.vanishIn(tx, at, time.Duration(life)*24*time.Hour+l.Vanish); err != nil {
		return err
	}
	told := part.part()
	if c.rooms != nil {
		at, p, ok, err := c.rooms.Write(tx, at, l.With, h.last, told)
		if err != nil {
			return err
		}
		if ok {
			l.position, told = at, p
		}
	}
	out.Parts = []seal.Part{told}
	if err := c.a.Queue(tx, at, out); err != nil {
		return err
	}
	seq, err := counter(tx, "outbox")
	if err != nil {
		return err
	}
	if err := tx.Put(tableOutbox, seqKey(nil, seq), l.key()); err != nil {
		return err
	}
	if err := tx.Put(tableIndex, l.ID[:], l.key()); err != nil {
		return err
	}
	if err := l.put(tx); err != nil {
		return err
	}
	h.shows(l, at.Wall)
	// Whoever writes has seen what stands above.
	if h.unread == 0 {
		h.seen = l.position
	}
	return h.put(tx, l.With)
}

// saveFile keeps bytes of ours until they are sent and afterwards.
func saveFile(tx account.Tx, id account.LetterID, index int, f filePart, data []byte) error {
	rec := &file{name: f.name, size: f.size, sum: f.sum, About: f.About}
	if f.size > 0 {
		rec.got = spans{{0, f.size}}
	}
	key := fileKey(account.ContactID{}, id, index)
	for off := 0; off < len(data); off += rowSize {
		row := data[off:min(off+rowSize, len(data))]
		if err := tx.Put(tableBytes, binary.BigEndian.AppendUint32(key, uint32(off)), row); err != nil {
			return err
		}
	}
	return tx.Put(tableFiles, key, rec.record())
}

func fileStream(id account.LetterID, index int) account.StreamID {
	return account.StreamID(append(append([]byte{'f'}, id[:]...), byte(index)))
}

// Left implements account.Source.
func (c *Chat) Left(tx account.Tx, s account.StreamID) (int64, error) {
	switch {
	case len(s) == 17 && s[0] == 'r':
		n := int64(0)
		with := []byte(s[1:])
		err := tx.Scan(tableReceipts, with, account.After(with), false, func(_, _ []byte) (bool, error) {
			n += receiptSize
			return true, nil
		})
		return n, err
	case len(s) == 18 && s[0] == 'f':
		f, err := getFile(tx, fileKey(account.ContactID{}, account.LetterID([]byte(s[1:17])), int(s[17])))
		if err != nil || f == nil {
			return 0, err // deleted since
		}
		return f.size - f.sent, nil
	}
	return 0, nil
}

// Cut implements account.Source.
func (c *Chat) Cut(tx account.Tx, s account.StreamID, room int) (seal.Part, bool, error) {
	switch {
	case len(s) == 17 && s[0] == 'r':
		return cutReceipts(tx, account.ContactID([]byte(s[1:])), room)
	case len(s) == 18 && s[0] == 'f':
		return cutFile(tx, account.LetterID([]byte(s[1:17])), int(s[17]), room)
	}
	return seal.Part{}, false, nil
}

// minPiece is the smallest piece of a file that is worth its head, in bytes,
// unless it is the last.
const minPiece = 32

func cutFile(tx account.Tx, id account.LetterID, index, room int) (p seal.Part, ok bool, err error) {
	key := fileKey(account.ContactID{}, id, index)
	f, err := getFile(tx, key)
	if err != nil || f == nil {
		return p, false, err
	}
	n := min(f.size-f.sent, int64(room-seal.PartSize(p)-pieceHead))
	if n <= 0 || n < minPiece && n < f.size-f.sent {
		return p, false, nil
	}
	data := make([]byte, 0, n)
	for off := f.sent; int64(len(data)) < n; {
		row := off / rowSize * rowSize
		b, err := tx.Get(tableBytes, binary.BigEndian.AppendUint32(key, uint32(row)))
		if err != nil {
			return p, false, err
		}
		if int64(len(b)) <= off-row {
			return p, false, fmt.Errorf("%w: a file to be sent has a hole", account.ErrDamaged)
		}
		b = b[off-row:]
		b = b[:min(int64(len(b)), n-int64(len(data)))]
		data = append(data, b...)
		off += int64(len(b))
	}
	p = piecePart{id, index, f.sent, data}.part()
	f.sent += n
	return p, true, tx.Put(tableFiles, key, f.record())
}
