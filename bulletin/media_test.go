package bulletin

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
)

// postBoth publishes a notice with a photo: the notice's envelope, and the
// photo's.
func postBoth(t testing.TB, s *Boards, c *Card, p Saying) (notice, photo []byte) {
	t.Helper()
	d, err := s.Draft(noon, c.ID(), p)
	if err == nil {
		err = s.Publish(noon, d, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Outbox()
	if err != nil || len(list) != 2 {
		t.Fatal(len(list), err)
	}
	fan := boards(t)
	if err := errors.Join(fan.Follow(c), s.Submitted(envelope.IDOf(list[0]), envelope.IDOf(list[1]))); err != nil {
		t.Fatal(err)
	}
	for i, raw := range list {
		if e, _ := envelope.Parse(raw); e.Tag() == d.Notice.media().tag {
			return list[1-i], raw
		}
	}
	t.Fatal("no envelope is the photo's")
	return nil, nil
}

func jpegOf(n int, c byte) []byte { return bytes.Repeat([]byte{c}, n) }

// bytesOf is what the vault holds beside what the board's record says.
func bytesOf(t testing.TB, s *Boards, id ID) (media int) {
	t.Helper()
	err := s.vault.View(func(tx account.Tx) error {
		b, err := get(tx, id)
		if err != nil {
			return err
		}
		all := int64(0)
		for _, table := range []account.Table{tableNotices, tableMedia} {
			err = tx.Scan(table, id[:], account.After(id[:]), false, func(_, v []byte) (bool, error) {
				if all += int64(len(v)); table == tableMedia {
					media++
				}
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		if all != b.bytes {
			t.Errorf("%d bytes are kept, the record says %d", all, b.bytes)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return media
}

// TestMedia: a photo comes after its notice or before it is known, or never,
// and the notice is there all the time.
func TestMedia(t *testing.T) {
	pub, fan := boards(t), boards(t)
	c := create(t, pub, nil, 0)
	if err := fan.Follow(c); err != nil {
		t.Fatal(err)
	}
	picture := jpegOf(MaxMedia, 'j')
	picture[MaxMedia-1] = 0 // zeros at the end are no padding
	notice, photo := postBoth(t, pub, c, Saying{Text: "Жоғалған", Media: picture, Sort: Photo, Days: 3})
	if e, _ := envelope.Parse(notice); e.Class() != envelope.S1 {
		t.Errorf("the text travels as %v", e.Class())
	}
	if e, _ := envelope.Parse(photo); e.Class() != envelope.S4 || bytes.Contains(photo, picture[:64]) {
		t.Errorf("the photo travels as %v, or open", e.Class())
	}
	if take(t, fan, photo) {
		t.Error("a photo of a notice that nobody knows was taken")
	}
	take(t, fan, notice)
	if n := shown(t, fan, c.ID())[0]; n.Media == nil || n.Media.Sort != Photo || n.Media.Data != nil || n.Text != "Жоғалған" {
		t.Fatalf("%+v", n.Media)
	}
	if _, err := fan.MediaOf(c.ID(), 0); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	reopened, err := Open(fan.vault)
	if err != nil || !take(t, reopened, photo) || take(t, reopened, photo) {
		t.Fatal("the photo did not come once after a restart", err)
	}
	m, err := reopened.MediaOf(c.ID(), 0)
	if err != nil || !bytes.Equal(m.Data, picture) || !bytes.Equal(shown(t, reopened, c.ID())[0].Media.Data, picture) {
		t.Error("the photo is another one", err)
	}
	if n := shown(t, pub, c.ID()); !bytes.Equal(n[0].Media.Data, picture) {
		t.Error("the publisher does not see the photo")
	}
	if bytesOf(t, reopened, c.ID()) != 1 || bytesOf(t, pub, c.ID()) != 1 {
		t.Error("the photo is not counted")
	}
	// Who wants text alone keeps none, and may think again.
	if err := reopened.Set(c.ID(), Look{Plain: true}); err != nil || bytesOf(t, reopened, c.ID()) != 0 || take(t, reopened, photo) {
		t.Error("a photo is kept that is not wanted", err)
	}
	second, photo2 := postBoth(t, pub, c, Saying{Media: jpegOf(100, 'v'), Sort: Voice, Days: 3})
	take(t, reopened, second)
	if take(t, reopened, photo2) || shown(t, reopened, c.ID())[0].Media.Data != nil {
		t.Error("a recording is kept that is not wanted")
	}
	if err := reopened.Set(c.ID(), Look{}); err != nil || !take(t, reopened, photo) || !take(t, reopened, photo2) || bytesOf(t, reopened, c.ID()) != 2 {
		t.Error("they are not wanted again", err)
	}
	if err := reopened.Leave(c.ID()); err != nil || len(reopened.tags) != 0 {
		t.Error(err, len(reopened.tags))
	}
}

// TestMediaHostile: a lying publisher cannot show other bytes than were
// signed, nor lose a notice by a photo.
func TestMediaHostile(t *testing.T) {
	pub, fan := boards(t), boards(t)
	c := create(t, pub, nil, 0)
	if err := fan.Follow(c); err != nil {
		t.Fatal(err)
	}
	notice, photo := postBoth(t, pub, c, Saying{Text: "one", Media: jpegOf(3000, 'a'), Sort: Photo, Days: 3})
	notice2, photo2 := postBoth(t, pub, c, Saying{Text: "two", Media: jpegOf(3000, 'b'), Sort: Photo, Days: 3})
	take(t, fan, notice)
	take(t, fan, notice2)
	var b *board
	_ = pub.vault.View(func(tx account.Tx) (err error) { b, err = get(tx, c.ID()); return err })
	n := shown(t, pub, c.ID())
	other := sha256.Sum256(jpegOf(3000, 'b'))
	for name, make := range map[string]func() (envelope.Envelope, error){
		"other bytes": func() (envelope.Envelope, error) {
			return sealBody(mediaKey(c.read, n[1].Media.hash), jpegOf(3000, 'x'), mediaOneTime(b.seed, 0), 1500)
		},
		"the other notice's": func() (envelope.Envelope, error) {
			return sealBody(mediaKey(c.read, other), jpegOf(3000, 'b'), mediaOneTime(b.seed, 0), 1500)
		},
		"longer": func() (envelope.Envelope, error) {
			return sealBody(mediaKey(c.read, n[1].Media.hash), jpegOf(60_000, 'a'), mediaOneTime(b.seed, 0), 1500)
		},
		"a notice": func() (envelope.Envelope, error) {
			return sealBody(noticeKey(c.read, 0), n[1].bytes(), mediaOneTime(b.seed, 0), 1500)
		},
		"nothing": func() (envelope.Envelope, error) {
			return sealBody(mediaKey(c.read, n[1].Media.hash), nil, mediaOneTime(b.seed, 0), 1500)
		},
	} {
		e, err := make()
		if err != nil {
			t.Fatal(err)
		}
		if take(t, fan, e.Bytes()) {
			t.Errorf("%s was taken", name)
		}
	}
	// A stranger's envelope under that tag cannot be: the tag is the key's.
	_, key, _ := ed25519.GenerateKey(nil)
	if e, err := sealBody(mediaKey(c.read, n[1].Media.hash), jpegOf(3000, 'a'), key, 1500); err != nil || take(t, fan, e.Bytes()) {
		t.Error("a stranger's photo was taken", err)
	}
	if !take(t, fan, photo2) || !take(t, fan, photo) {
		t.Error("the right ones were not taken after the wrong ones")
	}

	// References that nothing can be behind leave the notice as it is.
	good := n[0].Media.reference().Data
	next := tagOf(b.seed, 3)
	for i, data := range [][]byte{nil, good[:len(good)-1], append(bytes.Clone(good), 0), bytes.Repeat([]byte{0xff}, 60),
		(&Media{Sort: 3, Size: 5}).reference().Data, (&Media{Sort: Photo, Size: MaxMedia + 1}).reference().Data, (&Media{Sort: Photo}).reference().Data,
		(&Media{Sort: Photo, Size: 5, tag: next}).reference().Data} {
		seq := uint64(2 + i)
		x := &Notice{Seq: seq, At: noon.Wall, Until: noon.Wall.AddDate(0, 0, 1), Text: "bad", Files: []File{{"photo", mediaType, data}, {"photo", mediaType, good}}}
		for k := range x.tags {
			x.tags[k] = tagOf(b.seed, seq+1+uint64(k))
		}
		editor, _ := pub.Editor()
		x.sigs = []editorSig{{0, [64]byte(ed25519.Sign(editor, toSign(c.ID(), x.Hash())))}}
		e, err := x.seal(c, oneTime(b.seed, seq), 1500)
		if err != nil || !take(t, fan, e.Bytes()) {
			t.Fatalf("notice %d is lost: %v", seq, err)
		}
		list := shown(t, fan, c.ID())
		if list[0].Text != "bad" || list[0].Media != nil && i != 7 || len(list[0].Attached()) != 0 {
			t.Errorf("%d: %+v", i, list[0])
		}
	}
	// The tag of the next notice cannot be taken away by calling it a photo's.
	if p := fan.tags[tagOf(b.seed, 10)]; p.media || p.seq != 10 {
		t.Errorf("the next notice is looked for as %+v", p)
	}
}

// TestMediaFlood: photos take no text's place, and no more than their own.
func TestMediaFlood(t *testing.T) {
	pub, fan := boards(t), boards(t)
	c := create(t, pub, nil, 0)
	if err := fan.Follow(c); err != nil {
		t.Fatal(err)
	}
	for range maxUnits + 6 {
		notice, photo := postBoth(t, pub, c, Saying{Text: "again", Media: jpegOf(2000, 'a'), Sort: Photo, Days: 3})
		take(t, fan, notice)
		take(t, fan, photo)
	}
	for _, s := range []*Boards{pub, fan} {
		if list := shown(t, s, c.ID()); len(list) != maxUnits+6 || list[0].Media.Data == nil || list[len(list)-1].Media.Data != nil || bytesOf(t, s, c.ID()) != maxUnits {
			t.Errorf("%d notices with %d photos", len(list), bytesOf(t, s, c.ID()))
		}
	}
	// When all boards together are too large, photos go before words.
	err := fan.vault.Update(func(tx account.Tx) error {
		b, err := get(tx, c.ID())
		if err != nil {
			return err
		}
		for i := range uint64(4) {
			if err := errors.Join(b.keepMedia(tx, c.ID(), 1<<40+i, jpegOf(20<<20, 'z')), tx.Put(tableBoards, idOf(c), b.record())); err != nil {
				return err
			}
		}
		return makeRoom(tx, newChange())
	})
	if err != nil || len(shown(t, fan, c.ID())) != maxUnits+6 || bytesOf(t, fan, c.ID()) != 3 {
		t.Errorf("%d notices, %d photos: %v", len(shown(t, fan, c.ID())), bytesOf(t, fan, c.ID()), err)
	}
}

func idOf(c *Card) []byte { id := c.ID(); return id[:] }

// TestDraftShowsAll: an editor sees the photo that they sign, and no other one.
func TestDraftShowsAll(t *testing.T) {
	s := boards(t)
	c := create(t, s, nil, 0)
	d, err := s.Draft(noon, c.ID(), Saying{Text: "x", Media: jpegOf(500, 'a'), Sort: Photo, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseDraft(d.Bytes())
	if err != nil || again.Shows().Sort != Photo || !bytes.Equal(again.Media, d.Media) {
		t.Fatal(again.Shows(), err)
	}
	bare, err := ParseDraft(d.Bare().Bytes())
	if err != nil || !bare.Lacks() || again.Lacks() || bare.Shows().Sort != Photo || bare.Notice.Hash() != d.Notice.Hash() {
		t.Errorf("a draft without its photo: %v %v", bare.Lacks(), err)
	}
	for _, media := range [][]byte{nil, jpegOf(500, 'b'), jpegOf(499, 'a')} {
		bad := Draft{d.Board, d.Notice, media}
		if _, err := ParseDraft(bad.Bytes()); !errors.Is(err, ErrNotice) && media != nil {
			t.Errorf("%d bytes: %v", len(media), err)
		}
		if err := s.Publish(noon, bad, nil); !errors.Is(err, ErrNotice) {
			t.Errorf("%d bytes: %v", len(media), err)
		}
	}
	plain, _ := s.Draft(noon, c.ID(), text("x"))
	plain.Media = []byte("smuggled")
	if _, err := ParseDraft(plain.Bytes()); !errors.Is(err, ErrNotice) {
		t.Error(err)
	}
	for _, p := range []Saying{{Text: "x", Days: 1, Media: jpegOf(MaxMedia+1, 'a'), Sort: Photo}, {Text: "x", Days: 1, Media: []byte{1}}, {Text: "x", Days: 1, Media: []byte{1}, Sort: 9}} {
		if _, err := s.Draft(noon, c.ID(), p); !errors.Is(err, ErrNotice) || !strings.Contains(err.Error(), "smaller") {
			t.Error(err)
		}
	}
}

// FuzzMedia: whatever stands in a reference, there is one form of it, and the
// notice stays.
func FuzzMedia(f *testing.F) {
	m := Media{Sort: Photo, Size: 5, hash: [32]byte{1}, tag: envelope.Tag{2}}
	f.Add(m.reference().Data)
	f.Add([]byte{})
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		n := &Notice{At: time.UnixMilli(0).UTC(), Until: time.UnixMilli(0).UTC(), Files: []File{{"photo", mediaType, b}}}
		again, ok := parseNotice(n.bytes())
		if !ok || len(again.Attached()) != 0 {
			t.Fatal("a reference loses its notice")
		}
		if m := again.media(); m != nil && (!bytes.Equal(m.reference().Data, b) || m.Size < 1 || m.Size > MaxMedia) {
			t.Fatal("two forms of one reference")
		}
	})
}
