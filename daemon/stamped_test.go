package daemon

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/bulletin/evidence/stamp"
	"github.com/jauap/jauap/desk"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/web/api"
)

// waitingProof is a proof over a root that waits for a calendar.
func waitingProof(t *testing.T, root [32]byte, salt byte) evidence.File {
	t.Helper()
	p, _ := stamp.NewProof(root, [16]byte{salt})
	if err := p.Promise([]byte("\xf0\x01x\x08\x00\x83\xdf\xe3\x0d\x2e\xf9\x0c\x8e\x0a\x09https://c")); err != nil {
		t.Fatal(err)
	}
	return evidence.File{Name: "x.ots", Data: p.Bytes()}
}

// TestStampsFollow: stamps come before and after their report, twice, of another
// report, too many, and as nonsense; those that hold stand beside the report.
func TestStampsFollow(t *testing.T) {
	d, stranger, posted := openDesk(t)
	card, err := inbox.ParseCard(posted)
	if err != nil {
		t.Fatal(err)
	}
	stick := t.TempDir()
	send := func(kind inbox.Kind, content []byte) {
		t.Helper()
		if _, err := stranger.inboxes.Send(stranger.moment(), card, inbox.Post{Kind: kind, Content: content}); err != nil {
			t.Fatal(err)
		}
		stranger.changed()
	}
	carry := func() {
		t.Helper()
		for _, x := range []*Daemon{stranger, d} {
			if _, err := x.Carry(t.Context(), api.CarryAsk{Path: stick}); err != nil {
				t.Fatal(err)
			}
		}
	}
	letter := func(root evidence.Root, list ...evidence.File) []byte {
		t.Helper()
		b, err := evidence.WriteStamps(root, list)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	report, w := pack(t, somewhere("It happened"))
	first := waitingProof(t, w.Root, 1)
	send(inbox.Stamps, letter(w.Root, first))
	carry()
	if list, err := d.desk.Stamps(w.Root); err != nil || len(list) != 0 {
		t.Fatalf("stamps of a report that is not here are kept: %v %v", list, err)
	}
	send(inbox.Report, report)
	carry()
	kept := func(want int) {
		t.Helper()
		list, err := d.desk.Stamps(w.Root)
		if err != nil || len(list) != want || want > 0 && string(list[0].Data) != string(first.Data) {
			t.Fatalf("%d stamps, want %d: %v", len(list), want, err)
		}
	}
	kept(1)
	r, err := d.DeskReport(t.Context(), w.Root.String())
	if err != nil || !slices.ContainsFunc(r.Findings, func(f api.DeskFinding) bool { return f.Code == "waiting" }) {
		t.Errorf("the desk does not show it: %+v %v", r.Findings, err)
	}

	// Again, of another report, forged, and nonsense: with the good one among them.
	raw, err := os.ReadFile("../spec/vectors/stamps.json")
	var vectors struct {
		Vectors []struct {
			Kind, Expect, Root string
			File               []byte
		}
	}
	if err := errors.Join(err, json.Unmarshal(raw, &vectors)); err != nil {
		t.Fatal(err)
	}
	foreign := evidence.File{Name: "y.tsr", Data: vectors.Vectors[0].File}
	if b, _ := hex.DecodeString(vectors.Vectors[0].Root); string(b) == string(w.Root[:]) {
		t.Fatal("the vector is of this very report")
	}
	send(inbox.Stamps, letter(w.Root, first, foreign, waitingProof(t, w.Root, 2)))
	send(inbox.Stamps, []byte("hello"))
	carry()
	kept(2)
	x, err := d.Desk(t.Context(), api.DeskAsk{})
	if err != nil || len(x.Broken) != 2 || x.Broken[0].Fault != "stamp" || strings.TrimSpace(x.Broken[0].Words) == "" {
		t.Errorf("%+v %v", x.Broken, err)
	}
	var many []evidence.File
	for i := range byte(8) {
		many = append(many, waitingProof(t, w.Root, 10+i))
	}
	send(inbox.Stamps, letter(w.Root, many...))
	carry()
	kept(desk.MaxStamps / 2)
}
