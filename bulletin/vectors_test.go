package bulletin

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
)

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors/bulletin.json anew")

const vectorFile = "../spec/vectors/bulletin.json"

// vectors are a board of two editors of whom both must sign, and its first
// notice.
type vectors struct {
	Editors []string `json:"editor_seeds"`
	Card    string   `json:"card"`
	Link    string   `json:"link"`
	Board   string   `json:"board"`
	Notice  string   `json:"notice"`
	Hash    string   `json:"hash"`
	Mark    string   `json:"mark"`
	Media   string   `json:"media"`
	Key     string   `json:"media_key"`
}

func fill(b []byte, from byte) {
	for i := range b {
		b[i] = from + byte(i)
	}
}

func makeVectors() vectors {
	var v vectors
	c := &Card{Name: "Аурухана №7", Need: 2}
	var keys []ed25519.PrivateKey
	for i := range 2 {
		seed := make([]byte, 32)
		fill(seed, byte(16*i))
		k := ed25519.NewKeyFromSeed(seed)
		keys = append(keys, k)
		v.Editors = append(v.Editors, hex.EncodeToString(seed))
		c.Editors = append(c.Editors, [32]byte(k.Public().(ed25519.PublicKey)))
	}
	fill(c.read[:], 64)
	board := make([]byte, 32)
	fill(board, 128)
	n := &Notice{At: time.UnixMilli(1_767_787_200_000).UTC(), Until: time.UnixMilli(1_768_996_800_000).UTC(), Pinned: true, Text: "Қан керек: II(−)."}
	photo := []byte("\xff\xd8 not a picture, but bytes")
	m := &Media{Sort: Photo, Size: len(photo), hash: sha256.Sum256(photo), tag: envelope.TagOf([32]byte(mediaOneTime(board, 0).Public().(ed25519.PublicKey)))}
	n.Files = []File{m.reference()}
	for i := range c.first {
		c.first[i], n.tags[i] = tagOf(board, uint64(i)), tagOf(board, uint64(i+1))
	}
	for i, k := range keys {
		n.sigs = append(n.sigs, editorSig{i, [64]byte(ed25519.Sign(k, toSign(c.ID(), n.Hash())))})
	}
	h, k, id := n.Hash(), n.mark(), c.ID()
	v.Card, v.Link, v.Board = hex.EncodeToString(c.bytes()), c.Link(), hex.EncodeToString(id[:])
	v.Notice, v.Hash, v.Mark = hex.EncodeToString(n.bytes()), hex.EncodeToString(h[:]), hex.EncodeToString(k[:])
	v.Media, v.Key = hex.EncodeToString(photo), hex.EncodeToString(mediaKey(c.read, m.hash))
	return v
}

// TestVectors holds this room to spec/vectors/bulletin.json, in both
// directions.
func TestVectors(t *testing.T) {
	if *writeVectors {
		b, err := json.MarshalIndent(makeVectors(), "", "\t")
		if err == nil {
			err = os.WriteFile(vectorFile, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(makeVectors())
	want, _ := json.Marshal(v)
	if string(got) != string(want) {
		t.Errorf("made\n%s\nthe file says\n%s", got, want)
	}
	c, err := ParseCard(v.Link)
	if err != nil || c.ID().String() != v.Board {
		t.Fatal(c, err)
	}
	b, _ := hex.DecodeString(v.Notice)
	n, ok := parseNotice(b)
	if !ok || n.signedBy(c) != 2 || n.Text != "Қан керек: II(−)." || !n.Pinned {
		t.Errorf("the notice: %v %+v", ok, n)
	}
	photo, _ := hex.DecodeString(v.Media)
	if m := n.media(); m == nil || m.Sort != Photo || !m.fits(photo) || m.fits(photo[1:]) {
		t.Errorf("the photo: %+v", m)
	}
	e, err := n.seal(c, oneTime(make([]byte, 32), 0), envelope.Day(1500))
	if err != nil {
		t.Fatal(err)
	}
	if again, ok := openNotice(c, 0, e); !ok || again.Hash() != n.Hash() {
		t.Error("it does not open")
	}
}
