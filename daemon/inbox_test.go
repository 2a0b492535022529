package daemon

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/web/api"
)

// TestSendAndForget: a report goes to a desk on a stick, names the newest
// notice that its reporter had seen, and when the desk's proof comes back the
// reporter's device forgets it and the photo; a photo that was changed stays.
func TestSendAndForget(t *testing.T) {
	desk, witness, posted := openDesk(t)
	board, err := witness.Board(t.Context(), api.BoardAsk{Do: "create", Name: "Hospital"})
	if err == nil {
		_, err = witness.Post(t.Context(), api.PostAsk{Board: board.ID, Text: "We have room."})
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ask := api.ReportAsk{To: posted, Forget: 2, ReportForm: api.ReportForm{What: "Shots", From: "2022-01-05T17:00:00+06:00", Place: "Almaty", Basis: "heard", Consent: "publish"}}
	for i := range 2 {
		data := bytes.Repeat([]byte{byte(i)}, 300_000)
		path := filepath.Join(dir, fmt.Sprint(i, ".jpg"))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		ask.Files, ask.Erase = append(ask.Files, api.SendFile{Name: "a.jpg", Data: data}), append(ask.Erase, path)
	}
	sent, err := witness.Report(t.Context(), ask)
	if err != nil || sent.Pieces != 4 {
		t.Fatal(sent, err)
	}
	if err := os.WriteFile(ask.Erase[1], []byte("by now something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	stick := t.TempDir()
	carry(t, stick, witness, desk)
	list, err := desk.Received(t.Context())
	if err != nil || len(list) != 1 || !list[0].Whole() {
		t.Fatal(list, err)
	}
	f, body, err := desk.ReceivedFile(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(body); err != nil || int64(b.Len()) != f.Bytes {
		t.Fatal(err)
	}
	v, err := evidence.Check(bytes.NewReader(b.Bytes()), f.Bytes)
	if err != nil || v.Broken() || len(v.Manifest.After) != 1 || !strings.Contains(v.Manifest.After[0].Note, board.ID) {
		t.Fatalf("%+v %v", v, err)
	}
	if mine, _ := witness.SentReports(t.Context()); len(mine) != 1 || mine[0].Arrived {
		t.Fatalf("%+v", mine)
	}
	carry(t, stick, witness) // the proofs come back
	if mine, _ := witness.SentReports(t.Context()); len(mine) != 0 {
		t.Errorf("it is remembered: %+v", mine)
	}
	if _, err := os.Stat(ask.Erase[0]); !os.IsNotExist(err) {
		t.Error("the original is still there", err)
	}
	if b, err := os.ReadFile(ask.Erase[1]); err != nil || string(b) != "by now something else" {
		t.Error("a file that became another was erased", err)
	}
	for _, d := range []*Daemon{desk, witness} { // carriers can delete, and so can both ends
		for _, e := range d.shelf.Since(0, 1000) {
			if e.Class == envelope.S5 || e.Class == envelope.S4 {
				t.Errorf("%v is still carried", e.Class)
			}
		}
	}
}
