package bulletin

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// File is a picture or recording in a notice.
type File struct {
	Name, Type string
	Data       []byte
}

// Notice is one thing that a board says.
type Notice struct {
	Seq    uint64
	Prev   [32]byte // hash of the one before
	At     time.Time
	Until  time.Time
	Pinned bool
	Text   string
	Files  []File

	tags [Window]envelope.Tag // of the next
	sigs []editorSig
}

type editorSig struct {
	index int
	sig   [ed25519.SignatureSize]byte
}

const flagPinned = 1

// farthest bounds times: the end of the year 9999.
const farthest = 253402300799999

func (n *Notice) content() []byte {
	flags := uint64(0)
	if n.Pinned {
		flags = flagPinned
	}
	r := account.NewRecord(1).Uint(n.Seq).Raw(n.Prev[:]).Int(n.At.UnixMilli()).Int(n.Until.UnixMilli()).Uint(flags)
	for _, t := range n.tags {
		r.Raw(t[:])
	}
	r.Text(n.Text).Uint(uint64(len(n.Files)))
	for _, f := range n.Files {
		r.Text(f.Name).Text(f.Type).Blob(f.Data)
	}
	return r.Bytes()
}

// Hash names a notice in the next one.
func (n *Notice) Hash() [32]byte { return sha256.Sum256(label("jauap/1 notice", n.content())) }

func toSign(board ID, hash [32]byte) []byte { return label("jauap/1 notice by", board[:], hash[:]) }

func (n *Notice) bytes() []byte {
	r := account.NewRecord(1).Blob(n.content()).Uint(uint64(len(n.sigs)))
	for _, s := range n.sigs {
		r.Uint(uint64(s.index)).Raw(s.sig[:])
	}
	return r.Bytes()
}

// parseNotice reads the one form of a notice; signatures are not looked at.
func parseNotice(b []byte) (*Notice, bool) {
	f := account.ReadRecord(b)
	f.Version(1)
	n, ok := parseContent(f.Blob())
	if !ok {
		return nil, false
	}
	count := f.Uint()
	if count > MaxEditors {
		return nil, false
	}
	for range count {
		i := f.Uint()
		if i >= MaxEditors {
			return nil, false
		}
		n.sigs = append(n.sigs, editorSig{int(i), [64]byte(f.Raw(64))})
	}
	return n, f.Done() == nil && bytes.Equal(n.bytes(), b)
}

func parseContent(b []byte) (*Notice, bool) {
	f := account.ReadRecord(b)
	f.Version(1)
	n := &Notice{Seq: f.Uint(), Prev: [32]byte(f.Raw(32))}
	at, until, flags := f.Int(), f.Int(), f.Uint()
	for i := range n.tags {
		n.tags[i] = envelope.Tag(f.Raw(16))
	}
	n.Text = f.Text()
	count := f.Uint()
	if at < 0 || at > farthest || until < 0 || until > farthest || flags > flagPinned || count > maxFiles || len(n.Text) > MaxText {
		return nil, false
	}
	n.At, n.Until, n.Pinned = time.UnixMilli(at).UTC(), time.UnixMilli(until).UTC(), flags&flagPinned != 0
	for range count {
		x := File{f.Text(), f.Text(), bytes.Clone(f.Blob())}
		if len(x.Name) > maxFile || len(x.Type) > maxFile {
			return nil, false
		}
		n.Files = append(n.Files, x)
	}
	return n, f.Done() == nil && bytes.Equal(n.content(), b)
}

// signedBy counts the editors whose signatures hold; 0 when the list is not in
// order or one does not. spec/bulletin.md, 2.
func (n *Notice) signedBy(c *Card) int {
	msg, last := toSign(c.ID(), n.Hash()), -1
	for _, s := range n.sigs {
		if s.index <= last || s.index >= len(c.Editors) || !ed25519.Verify(c.Editors[s.index][:], msg, s.sig[:]) {
			return 0
		}
		last = s.index
	}
	return len(n.sigs)
}

// noticeKey opens the notice with a number. spec/bulletin.md, 3.
func noticeKey(read [32]byte, seq uint64) []byte {
	k, err := hkdf.Expand(sha256.New, read[:], "jauap/1 notice"+string(binary.BigEndian.AppendUint64(nil, seq)), 32)
	if err != nil {
		panic("bulletin: internal error: HKDF refused a length")
	}
	return k
}

const sealOver = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

// seal closes a notice into an envelope that is carried until a day.
func (n *Notice) seal(c *Card, osk ed25519.PrivateKey, last envelope.Day) (envelope.Envelope, error) {
	return sealBody(noticeKey(c.read, n.Seq), n.bytes(), osk, last)
}

// openNotice opens what seal closed.
func openNotice(c *Card, seq uint64, e envelope.Envelope) (*Notice, bool) {
	plain, ok := openBody(noticeKey(c.read, seq), e)
	if !ok {
		return nil, false
	}
	n, ok := parseNotice(plain)
	return n, ok && n.Seq == seq && n.signedBy(c) >= c.Need
}

// Draft is a notice on its way to further editors.
type Draft struct {
	Board  ID
	Notice *Notice
	Media  []byte // what the notice shows beside its text, to be looked at before it is signed
}

// Bytes are the draft as a file carries it.
func (d Draft) Bytes() []byte {
	r := account.NewRecord(1).Raw(d.Board[:]).Blob(d.Notice.bytes())
	if len(d.Media) > 0 {
		r.Blob(d.Media)
	}
	return r.Bytes()
}

// Bare is the draft without what it shows, for a way that takes few words.
func (d Draft) Bare() Draft { return Draft{d.Board, d.Notice, nil} }

// Lacks reports whether the notice shows something that did not come with the
// draft.
func (d Draft) Lacks() bool { return d.Notice.media() != nil && len(d.Media) == 0 }

// ParseDraft reads one. What the notice shows may be lacking, but is no other.
func ParseDraft(b []byte) (d Draft, err error) {
	f := account.ReadRecord(b)
	f.Version(1)
	d.Board = ID(f.Raw(16))
	n, ok := parseNotice(f.Blob())
	if f.More() {
		d.Media = bytes.Clone(f.Blob())
	}
	if f.Done() != nil || !ok {
		return d, fmt.Errorf("%w: this is not a draft", ErrNotice)
	}
	d.Notice = n
	if d.Lacks() {
		return d, nil
	}
	return d, d.whole()
}

// whole reports whether an editor sees all that is signed.
func (d Draft) whole() error {
	m := d.Notice.media()
	if m == nil && len(d.Media) > 0 || m != nil && !m.fits(d.Media) {
		return ErrMedium
	}
	return nil
}

// Shows is what the draft shows beside its text, without Data when that is
// lacking; nil when there is nothing.
func (d Draft) Shows() *Media {
	m := d.Notice.media()
	if m != nil {
		m.Data = d.Media
	}
	return m
}

// Cosign is an editor's word for a draft, as text.
func (d Draft) Cosign(key ed25519.PrivateKey) string {
	return hex.EncodeToString(key.Public().(ed25519.PublicKey)) + ":" + hex.EncodeToString(ed25519.Sign(key, toSign(d.Board, d.Notice.Hash())))
}
