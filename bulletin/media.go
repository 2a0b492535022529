package bulletin

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// Limits of what a notice shows beside its text. spec/bulletin.md, 7.
const (
	MaxMedia  = 48 << 10 // bytes of a photo or recording
	maxUnits  = 64       // kept of one board
	mediaType = "x-jauap/unit"
)

// Sort says what a notice shows beside its text.
type Sort uint8

// What there is.
const (
	Photo Sort = 1 // a JPEG
	Voice Sort = 2 // a recording
)

// Media is a photo or a voice note that travels in a unit of its own.
type Media struct {
	Sort Sort
	Size int    // bytes
	Data []byte // nil while it has not arrived, and when it never will

	hash [32]byte
	tag  envelope.Tag
}

// mediaNames are what a reader who knows no units calls the reference.
var mediaNames = map[Sort]string{Photo: "photo", Voice: "voice"}

// reference is what of a Media stands in its notice.
func (m *Media) reference() File {
	b := account.NewRecord(1).Uint(uint64(m.Sort)).Uint(uint64(m.Size)).Raw(m.hash[:]).Raw(m.tag[:]).Bytes()
	return File{Name: mediaNames[m.Sort], Type: mediaType, Data: b}
}

// media is what a notice shows beside its text; nil when there is nothing, or
// a reference that nothing can be behind. Only the first counts.
func (n *Notice) media() *Media {
	for _, x := range n.Files {
		if x.Type != mediaType {
			continue
		}
		f := account.ReadRecord(x.Data)
		f.Version(1)
		sort, size := f.Uint(), f.Uint()
		m := &Media{Sort: Sort(sort), Size: int(min(size, MaxMedia+1)), hash: [32]byte(f.Raw(32)), tag: envelope.Tag(f.Raw(16))}
		if f.Done() != nil || sort < 1 || sort > 2 || m.Size < 1 || m.Size > MaxMedia || !bytes.Equal(m.reference().Data, x.Data) {
			return nil
		}
		return m
	}
	return nil
}

// Attached are the files of a notice without references.
func (n *Notice) Attached() (list []File) {
	for _, x := range n.Files {
		if x.Type != mediaType {
			list = append(list, x)
		}
	}
	return list
}

// mediaOneTime is the key of the envelope of an own notice's Media.
func mediaOneTime(seed []byte, seq uint64) ed25519.PrivateKey {
	k, err := hkdf.Expand(sha256.New, seed, "jauap/1 board media"+string(binary.BigEndian.AppendUint64(nil, seq)), ed25519.SeedSize)
	if err != nil {
		panic("bulletin: internal error: HKDF refused a length")
	}
	return ed25519.NewKeyFromSeed(k)
}

// mediaKey opens a Media. spec/bulletin.md, 7.
func mediaKey(read, hash [32]byte) []byte {
	k, err := hkdf.Expand(sha256.New, read[:], "jauap/1 notice media"+string(hash[:]), chacha20poly1305.KeySize)
	if err != nil {
		panic("bulletin: internal error: HKDF refused a length")
	}
	return k
}

// sealBody closes what a board says into the smallest envelope that holds it.
func sealBody(key, plain []byte, osk ed25519.PrivateKey, last envelope.Day) (envelope.Envelope, error) {
	body := append(bytes.Clone(plain), 0x80)
	class, ok := envelope.Smallest(len(body) + sealOver)
	if !ok || class == envelope.S5 {
		return envelope.Envelope{}, fmt.Errorf("%w: it has %d bytes, at most %d fit; make the pictures smaller", ErrNotice, len(body), envelope.S4.BodySize()-sealOver)
	}
	body = append(body, make([]byte, class.BodySize()-sealOver-len(body))...)
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return envelope.Envelope{}, err
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	rand.Read(nonce)
	head := envelope.Head(class, 0, last, [32]byte(osk.Public().(ed25519.PublicKey)))
	return envelope.New(class, 0, last, osk, aead.Seal(nonce, nonce, body, head))
}

// openBody opens what sealBody closed. The envelope's own signature is its
// carrier's business.
func openBody(key []byte, e envelope.Envelope) ([]byte, bool) {
	b := e.Body()
	if len(b) < sealOver {
		return nil, false
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, false
	}
	plain, err := aead.Open(nil, b[:chacha20poly1305.NonceSizeX], b[chacha20poly1305.NonceSizeX:], e.Header())
	if err != nil {
		return nil, false
	}
	plain = bytes.TrimRight(plain, "\x00")
	if len(plain) == 0 || plain[len(plain)-1] != 0x80 {
		return nil, false
	}
	return plain[:len(plain)-1], true
}

// fits reports whether bytes are the ones that were signed.
func (m *Media) fits(b []byte) bool { return len(b) == m.Size && sha256.Sum256(b) == m.hash }

// expect lets the Media of a kept notice arrive.
func (b *board) expect(tx account.Tx, id ID, n *Notice, ch *change) error {
	m := n.media()
	if m == nil || b.plain || b.mine() {
		return nil
	}
	if had, err := tx.Get(tableMedia, seqKey(id, n.Seq)); err != nil || had != nil {
		return err
	}
	if other, err := tx.Get(tableTags, m.tag[:]); err != nil || other != nil {
		return err // the tag is a notice's: that comes first
	}
	ch.fresh[m.tag] = place{id, n.Seq, true}
	return tx.Put(tableTags, m.tag[:], append(seqKey(id, n.Seq), 1))
}

// takeMedia keeps the Media of a notice that is here, if it is the right one.
func (b *board) takeMedia(tx account.Tx, p place, e envelope.Envelope, ch *change) (ok bool, err error) {
	k, err := getNotice(tx, seqKey(p.board, p.seq))
	if err != nil || k == nil || b.plain {
		return false, err
	}
	m := k.media()
	if m == nil || m.tag != e.Tag() {
		return false, nil
	}
	data, good := openBody(mediaKey(b.card.read, m.hash), e)
	if !good || !m.fits(data) {
		return false, nil
	}
	if err := tx.Delete(tableTags, m.tag[:]); err != nil {
		return false, err
	}
	if err := errors.Join(b.keepMedia(tx, p.board, p.seq, data), tx.Put(tableBoards, p.board[:], b.record())); err != nil {
		return false, err
	}
	return true, makeRoom(tx, ch)
}

// keepMedia stores one, and lets the oldest of the board go. The board's record
// is the caller's to write.
func (b *board) keepMedia(tx account.Tx, id ID, seq uint64, data []byte) error {
	if err := tx.Put(tableMedia, seqKey(id, seq), data); err != nil {
		return err
	}
	b.bytes += int64(len(data))
	seqs, err := mediaSeqs(tx, id)
	if err != nil {
		return err
	}
	for _, old := range seqs[:max(len(seqs)-maxUnits, 0)] {
		if err := b.dropMedia(tx, id, old); err != nil {
			return err
		}
	}
	return nil
}

// mediaSeqs are the notices of a board whose Media is here, oldest first.
func mediaSeqs(tx account.Tx, id ID) (seqs []uint64, err error) {
	err = tx.Scan(tableMedia, id[:], account.After(id[:]), false, func(k, _ []byte) (bool, error) {
		seqs = append(seqs, binary.BigEndian.Uint64(k[len(id):]))
		return true, nil
	})
	return seqs, err
}

// dropMedia forgets the Media of a notice.
func (b *board) dropMedia(tx account.Tx, id ID, seq uint64) error {
	data, err := tx.Get(tableMedia, seqKey(id, seq))
	if err != nil || data == nil {
		return err
	}
	b.bytes -= int64(len(data))
	return tx.Delete(tableMedia, seqKey(id, seq))
}

// unexpect forgets that the Media of a notice may come.
func unexpect(tx account.Tx, id ID, n *Notice, ch *change) error {
	m := n.media()
	if m == nil {
		return nil
	}
	at, err := tx.Get(tableTags, m.tag[:])
	if err != nil || !bytes.Equal(at, append(seqKey(id, n.Seq), 1)) {
		return err
	}
	ch.gone = append(ch.gone, m.tag)
	return tx.Delete(tableTags, m.tag[:])
}

// MediaOf is what the notice with a number shows beside its text. Errors:
// ErrUnknown when there is none or it has not arrived.
func (s *Boards) MediaOf(id ID, seq uint64) (m Media, err error) {
	err = s.vault.View(func(tx account.Tx) error {
		k, err := getNotice(tx, seqKey(id, seq))
		if err != nil {
			return err
		}
		if k == nil || k.media() == nil {
			return ErrUnknown
		}
		m = *k.media()
		b, err := tx.Get(tableMedia, seqKey(id, seq))
		if err == nil && !m.fits(b) {
			return ErrUnknown
		}
		m.Data = bytes.Clone(b)
		return err
	})
	return m, err
}
