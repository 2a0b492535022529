package ask

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jauap/jauap/bulletin/evidence/stamp"
)

// calendar is one of OpenTimestamps, as its format is described. It promises
// at once, and answers with a block when it is ripe.
type calendar struct {
	*httptest.Server
	t     testing.TB
	ripe  bool
	asked [][]byte
}

func newCalendar(t testing.TB) *calendar {
	c := &calendar{t: t}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *calendar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.UserAgent() != "" || len(r.Cookies()) > 0 || r.Header.Get("Referer") != "" {
		c.t.Errorf("the request says %v", r.Header)
	}
	message, ok := strings.CutPrefix(r.URL.Path, "/timestamp/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/digest":
		b, _ := io.ReadAll(r.Body)
		c.asked = append(c.asked, b)
		payload := append([]byte{byte(len(c.URL))}, c.URL...)
		w.Write(append([]byte("\xf0\x02xy\x08\x00\x83\xdf\xe3\x0d\x2e\xf9\x0c\x8e"+string(rune(len(payload)))), payload...))
	case r.Method == http.MethodGet && ok && c.ripe:
		if b, err := hex.DecodeString(message); err != nil || len(b) != 32 {
			c.t.Errorf("asked for %q", message)
		}
		w.Write([]byte("\xf1\x01z\x08\x08\x00\x05\x88\x96\x0d\x73\xd7\x19\x01\x03\xf7\xef\x15"))
	default:
		http.NotFound(w, r)
	}
}

// TestCalendars: a root goes to two calendars of which one is dead, waits, and
// comes into a block.
func TestCalendars(t *testing.T) {
	c, dead := newCalendar(t), newCalendar(t)
	dead.Close()
	ctx, root := context.Background(), sha256.Sum256([]byte("a report"))
	proof, missed := Asker{}.Begin(ctx, []string{c.URL + "/", dead.URL}, root)
	if proof == nil || len(missed) != 1 || missed[0].Who != dead.URL || !errors.Is(missed.Err(), ErrAnswer) || !strings.Contains(missed.Err().Error(), dead.URL) {
		t.Fatal(missed)
	}
	if len(c.asked) != 1 || len(c.asked[0]) != 32 || bytes.Equal(c.asked[0], root[:]) {
		t.Errorf("the calendar learned %x", c.asked)
	}
	if b, missed := (Asker{}).Begin(ctx, []string{dead.URL}, root); b != nil || len(missed) != 1 {
		t.Error("a proof without an answer")
	}
	list := []stamp.File{{Name: "1.tsr", Data: []byte("another's")}, {Name: "2.ots", Data: proof}}
	upgrade := func(named string) (int, error) {
		done, missed := Asker{}.Upgrade(ctx, []string{named}, root, list)
		return done, missed.Err()
	}
	if done, err := upgrade(c.URL); done != 0 || !errors.Is(err, ErrEarly) || !bytes.Equal(list[1].Data, proof) {
		t.Error(done, err)
	}
	c.ripe = true
	if done, err := upgrade("https://another.example"); done != 0 || !errors.Is(err, ErrAddress) || len(c.asked) != 1 {
		t.Error("an address that nobody named was asked: ", done, err)
	}
	if done, err := upgrade(c.URL); done != 1 || err != nil || string(list[0].Data) != "another's" {
		t.Fatal(done, err)
	}
	p, err := stamp.ReadProof(list[1].Data, root)
	if err != nil || len(p.Waiting()) != 0 {
		t.Fatal(err)
	}
	m := sha256.Sum256(append(c.asked[0], 'x', 'y'))
	m = sha256.Sum256(append([]byte{'z'}, m[:]...))
	m = sha256.Sum256(m[:])
	for i := range 16 {
		m[i], m[31-i] = m[31-i], m[i]
	}
	if b := p.Blocks(); len(b) != 1 || b[0].Height != 358391 || b[0].Merkle != hex.EncodeToString(m[:]) {
		t.Errorf("%+v, want %x", b, m)
	}
}

// TestTogether: witnesses are asked at the same time, so that one that is slow costs
// the patience with itself only.
func TestTogether(t *testing.T) {
	const all = 4 // two authorities, two calendars: none is answered before all have asked
	var asked sync.WaitGroup
	asked.Add(all)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Done()
		asked.Wait()
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer s.Close()
	two := []string{s.URL + "/a", s.URL + "/b"}
	list, missed := Asker{}.All(t.Context(), two, two, sha256.Sum256(nil))
	if len(list) != 0 || len(missed) != all {
		t.Errorf("%d answers, %v", len(list), missed)
	}
	for i, m := range missed {
		if m.Who != two[i%2] || !errors.Is(m.Err, ErrAnswer) {
			t.Errorf("%d: %+v", i, m)
		}
	}
}

// TestBadWitnesses: what is no answer is not kept, and nothing follows it
// elsewhere.
func TestBadWitnesses(t *testing.T) {
	visited := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer other.Close()
	root := sha256.Sum256([]byte("a report"))
	for name, h := range map[string]http.HandlerFunc{
		"words": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
		"long":    func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, stamp.MaxToken+1)) },
		"refused": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "\x30\x05\x30\x03\x02\x01\x02") },
		"failed":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	} {
		s := httptest.NewServer(h)
		if b, err := (Asker{}).Stamp(context.Background(), s.URL, root); b != nil || !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %x %v", name, b, err)
		}
		if b, missed := (Asker{}).Begin(context.Background(), []string{s.URL}, root); b != nil || !errors.Is(missed.Err(), ErrAnswer) {
			t.Errorf("%s: %x %v", name, b, missed)
		}
		s.Close()
	}
	if visited {
		t.Error("a redirect was followed")
	}
	for _, u := range []string{"", "tsa", "file:///etc/passwd", "ftp://host/x", "https://"} {
		if _, err := (Asker{}).Stamp(context.Background(), u, root); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", u, err)
		}
	}
}

// TestProxy: with a proxy nothing goes past it.
func TestProxy(t *testing.T) {
	seen := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.URL.String()
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	c := newCalendar(t)
	_, missed := Asker{Proxy: proxy.URL}.Begin(context.Background(), []string{"http://calendar.example"}, sha256.Sum256(nil))
	if !errors.Is(missed.Err(), ErrAnswer) || seen != "http://calendar.example/digest" {
		t.Error(seen, missed)
	}
	proxy.Close()
	if _, missed := (Asker{Proxy: proxy.URL}).Begin(context.Background(), []string{c.URL}, sha256.Sum256(nil)); missed == nil || len(c.asked) > 0 {
		t.Error("a dead proxy was passed by")
	}
}
