package daemon

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/desk"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/web/api"
)

func somewhere(what string) evidence.Report {
	lat, lon, near := 43.2389, 76.945, 300
	return evidence.Report{What: what, From: "2022-01-05T17:00:00+06:00", Place: evidence.Place{Name: "Almaty", Lat: &lat, Lon: &lon, PrecisionM: &near}, Basis: "witnessed",
		Numbers: []evidence.Numbers{{What: "killed", Min: 4}}, Consent: "desk", Made: "2022-01-05T20:00:00+06:00", Tool: "test"}
}

func pack(t testing.TB, r evidence.Report, media ...evidence.Original) ([]byte, evidence.Written) {
	t.Helper()
	var b bytes.Buffer
	w, err := evidence.Write(&b, r, media, nil, evidence.Author{})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w
}

// openDesk are a desk that is open, somebody who knows nobody there, and the desk's card.
func openDesk(t *testing.T) (desk, stranger *Daemon, card string) {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC) }
	desk, stranger = newOne(t, "desk", now).up(), newOne(t, "stranger", now).up()
	t.Cleanup(func() { _, _ = desk.Close(), stranger.Close() })
	box, err := desk.Inbox(t.Context(), api.InboxAsk{Do: "open", Name: "Desk"})
	if err != nil {
		t.Fatal(err)
	}
	return desk, stranger, box.Card
}

// TestHostilePackages: whatever a stranger seals to an inbox, the desk goes on
// and says in words what is wrong; only what holds is filed.
func TestHostilePackages(t *testing.T) {
	d, stranger, posted := openDesk(t)
	photo := func(b []byte) evidence.Original {
		return evidence.Original{Name: "a.jpg", Type: "image/jpeg", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
	}
	good, _ := pack(t, somewhere("It happened"), photo([]byte(strings.Repeat("photo ", 100))))
	zipped := func(name string, method uint16, data []byte) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = w.Write(data)
		}
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	list := map[string][]byte{
		"zip-slip": zipped("../../etc/passwd", zip.Store, []byte("x")), "bomb": zipped("manifest.json", zip.Deflate, make([]byte, 8<<20)), "swapped": bytes.Replace(good, []byte("photo"), []byte("PHOTO"), 1),
		"forged": bytes.Replace(good, []byte("It happened"), []byte("It HAPPENED"), 1), "cut": good[:len(good)-100], "text": []byte("hello"), "good": good,
	}
	for name, b := range list {
		if _, err := stranger.postTo(posted, inbox.Post{Kind: inbox.Report, Content: b}); err != nil {
			t.Fatal(name, err)
		}
	}
	if _, err := stranger.postTo(posted, inbox.Post{Kind: inbox.Claim, Content: []byte(`{"format":"jauap-claim/1"}`)}); err != nil {
		t.Fatal(err)
	}
	stick := t.TempDir()
	carry(t, stick, stranger, d)
	x, err := d.Desk(t.Context(), api.DeskAsk{})
	if err != nil || x.Reports != 1 || x.Waiting != 1 || len(x.Broken) != len(list) {
		t.Fatalf("%+v %v", x, err)
	}
	for _, b := range x.Broken {
		if b.Fault == "" || len(b.Words) < 20 || strings.ContainsAny(b.Words, "\x1b\n") {
			t.Errorf("%+v", b)
		}
	}
	// Read again, it is the same and nothing is checked twice.
	before := len(x.Broken)
	if err := d.fileReports(); err != nil {
		t.Fatal(err)
	}
	if x, _ = d.Desk(t.Context(), api.DeskAsk{}); len(x.Broken) != before || x.Reports != 1 {
		t.Errorf("%d broken, %d reports", len(x.Broken), x.Reports)
	}
}

// BenchmarkDesk has 10,000 reports in 2,500 incidents.
func BenchmarkDesk(b *testing.B) {
	dir := b.TempDir() + "/desk"
	if err := Init(dir, "desk", nil, nil); err != nil {
		b.Fatal(err)
	}
	d, err := Open(Options{Dir: dir, Config: config.Default()})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	now := time.Now().Add(-time.Minute) // each of them a millisecond later
	var list, puts []desk.Entry
	for range 2500 {
		list = append(list, desk.Entry{Kind: desk.KindIncident, Text: "Incident"})
	}
	made, err := d.desk.Enter(now, list...)
	if err != nil {
		b.Fatal(err)
	}
	list = nil
	for i := range 10_000 {
		r := somewhere(fmt.Sprintf("Shots were fired at the square number %d; I saw people fall and soldiers without insignia", i))
		r.From = now.Add(-time.Duration(i) * time.Minute).Format(time.RFC3339)
		root := fmt.Sprintf("%064x", i)
		list = append(list, desk.Entry{Kind: desk.KindReport, Of: root, Came: now.Format(time.RFC3339), Report: &evidence.Manifest{Format: "jauap-evidence/1", Key: root, Report: r}})
		if i%4 != 0 {
			puts = append(puts, desk.Entry{Kind: desk.KindPut, Of: root, Into: made[i/4].Name()})
		}
	}
	if _, err := d.desk.Enter(now, append(list, puts...)...); err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"page":   func() error { _, err := d.Desk(b.Context(), api.DeskAsk{Page: 20}); return err },
		"report": func() error { _, err := d.DeskReport(b.Context(), fmt.Sprintf("%064x", 4000)); return err },
		"act": func() error {
			_, err := d.DeskAct(b.Context(), api.DeskAct{Kind: "put", Of: fmt.Sprintf("%064x", 4000), Into: made[7].Name()})
			if err == nil {
				_, err = d.Desk(b.Context(), api.DeskAsk{})
			}
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB")
	b.Logf("%d MB heap, %d MB from the system", m.HeapAlloc>>20, m.Sys>>20)
}
