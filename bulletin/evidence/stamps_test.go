package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/bulletin/evidence/stamp"
)

// TestStamps puts stamps into a package, and beside it, and reads what a
// stranger is told.
func TestStamps(t *testing.T) {
	b, w := made(t, newAuthor(t))
	with := func(list ...File) []byte {
		var out bytes.Buffer
		if err := Stamped(bytes.NewReader(b), int64(len(b)), &out, list); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	p, _ := stamp.NewProof(w.Root, [16]byte{1})
	if err := p.Promise([]byte("\xf0\x01x\x08\x00\x83\xdf\xe3\x0d\x2e\xf9\x0c\x8e\x0a\x09https://c")); err != nil {
		t.Fatal(err)
	}
	waits := File{Name: "x.ots", Data: p.Bytes()}
	if done, err := p.Upgrade(p.Waiting()[0], []byte("\x08\x00\x05\x88\x96\x0d\x73\xd7\x19\x01\x03\xf7\xef\x15")); !done || err != nil {
		t.Fatal(done, err)
	}
	block := File{Name: "x.ots", Data: p.Bytes()}
	raw, err := os.ReadFile("../../spec/vectors/stamps.json")
	var vectors struct{ Vectors []struct{ File []byte } }
	if err := errors.Join(err, json.Unmarshal(raw, &vectors)); err != nil {
		t.Fatal(err)
	}
	other := File{Name: "x.tsr", Data: vectors.Vectors[0].File} // of another report, by openssl
	for _, c := range []struct {
		name  string
		list  []File
		class Class
		code  string
		says  string
	}{
		{"none", nil, NotProven, "no-stamp", "No outside witness"},
		{"waits", []File{waits}, NotProven, "waiting", "https://c promised"},
		{"in a block", []File{block}, Claimed, "block", "block 358391, if the merkle root of that block is " + p.Blocks()[0].Merkle},
		{"not read", []File{{Name: "x.tsr", Data: []byte("hello")}}, NotProven, "stamp-unread", "cannot be read here"},
		{"of another", []File{other}, Broken, "bad-stamp", "for something else"},
	} {
		for _, v := range []Verdict{check(t, with(c.list...)), beside(t, b, c.list)} {
			if len(c.list) > 0 && v.Broken() != (c.class == Broken) {
				t.Errorf("%s: %+v", c.name, v.Findings)
			}
			ok := false
			for _, f := range v.Findings {
				ok = ok || f.About == "stamp" && f.Class == c.class && f.Code == c.code && strings.Contains(f.Words, c.says)
			}
			if !ok {
				t.Errorf("%s: %+v", c.name, v.Findings)
			}
		}
	}
	// They stay when a countersignature is added, and are handed out again.
	both := with(waits, File{Name: "y.tsr", Data: other.Data})
	var out bytes.Buffer
	if _, err := Add(bytes.NewReader(both), int64(len(both)), &out, []Seen{Countersign(w.Root, newAuthor(t).key, time.Unix(1e9, 0), "relay")}, nil); err != nil {
		t.Fatal(err)
	}
	list, root, err := Stamps(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || root != w.Root || len(list) != 2 || list[0].Name != "stamps/1.ots" || list[1].Name != "stamps/2.tsr" || !bytes.Equal(list[1].Data, other.Data) {
		t.Errorf("%+v %v", list, err)
	}
	for _, bad := range []File{{Name: "x.exe"}, {Name: "x.tsr", Data: make([]byte, maxStamp+1)}} {
		if err := Stamped(bytes.NewReader(b), int64(len(b)), io.Discard, []File{bad}); err == nil {
			t.Errorf("%s of %d bytes was taken", bad.Name, len(bad.Data))
		}
	}
	if err := Stamped(bytes.NewReader(b[:99]), 99, io.Discard, nil); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
}

func beside(t *testing.T, b []byte, list []File) Verdict {
	t.Helper()
	v, err := CheckWith(bytes.NewReader(b), int64(len(b)), Beside{Stamps: list})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
