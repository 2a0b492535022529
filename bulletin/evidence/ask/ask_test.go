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
	proof, err := Asker{}.Begin(ctx, []string{c.URL + "/", dead.URL}, root)
	if proof == nil || !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), dead.URL) || strings.Contains(err.Error(), c.URL) {
		t.Fatal(err)
	}
	if len(c.asked) != 1 || len(c.asked[0]) != 32 || bytes.Equal(c.asked[0], root[:]) {
		t.Errorf("the calendar learned %x", c.asked)
	}
	if _, err := (Asker{}).Begin(ctx, []string{dead.URL}, root); err == nil {
		t.Error("a proof without an answer")
	}
	if out, done, err := (Asker{}).Upgrade(ctx, []string{c.URL}, root, proof); done != 0 || !errors.Is(err, ErrEarly) || !bytes.Equal(out, proof) {
		t.Error(done, err)
	}
	c.ripe = true
	if _, done, err := (Asker{}).Upgrade(ctx, []string{"https://another.example"}, root, proof); done != 0 || !errors.Is(err, ErrAddress) || len(c.asked) != 1 {
		t.Error("an address that nobody named was asked: ", done, err)
	}
	out, done, err := Asker{}.Upgrade(ctx, []string{c.URL}, root, proof)
	if done != 1 || err != nil {
		t.Fatal(done, err)
	}
	p, err := stamp.ReadProof(out, root)
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
		if b, err := (Asker{}).Begin(context.Background(), []string{s.URL}, root); b != nil || !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %x %v", name, b, err)
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
	_, err := Asker{Proxy: proxy.URL}.Begin(context.Background(), []string{"http://calendar.example"}, sha256.Sum256(nil))
	if !errors.Is(err, ErrAnswer) || seen != "http://calendar.example/digest" {
		t.Error(seen, err)
	}
	proxy.Close()
	if _, err := (Asker{Proxy: proxy.URL}).Begin(context.Background(), []string{c.URL}, sha256.Sum256(nil)); err == nil || len(c.asked) > 0 {
		t.Error("a dead proxy was passed by")
	}
}
