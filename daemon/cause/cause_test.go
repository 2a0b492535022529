package cause

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/bulletin"
	"github.com/jauap/jauap/bulletin/evidence/ask"
	"github.com/jauap/jauap/group"
	"github.com/jauap/jauap/web/api"
)

// codes are all that Of can answer.
func codes() []string {
	list := []string{"status", "witnesses", "proxy", "no-name", "certificate", "timeout", "refused", "unreached", "bad-stamp", "full", "clock", "large", "nobody"}
	for _, r := range rows {
		list = append(list, r.code)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TestCodesHaveWords: every code has a sentence in every catalogue, and every
// sentence a code.
func TestCodesHaveWords(t *testing.T) {
	for _, lang := range []string{"en", "ru", "kk"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "web", "words", lang+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		for _, c := range codes() {
			if all["why."+c] == nil {
				t.Errorf("%s has no sentence for %s", lang, c)
			}
		}
		for k := range maps.Keys(all) {
			if c, ok := strings.CutPrefix(k, "why."); ok && !slices.Contains(codes(), c) {
				t.Errorf("%s: nothing is caused by %s", lang, c)
			}
		}
	}
}

// TestRowsAreReached: no earlier row takes the place of a later one, however
// deep the error lies.
func TestRowsAreReached(t *testing.T) {
	for _, r := range rows {
		err := fmt.Errorf("%w: %w", api.ErrUsage, fmt.Errorf("deeper: %w", r.is))
		if got := Of(err).Code; got != r.code {
			t.Errorf("%v is %q, want %q", r.is, got, r.code)
		}
	}
	full := Say(api.ErrTooLarge, group.ErrFull, "it has 50 members")
	if Of(full).Code != "group-full" || full.Error() != "too large: it has 50 members" || !errors.Is(full, api.ErrTooLarge) {
		t.Errorf("%v: %+v", full, Of(full))
	}
	if c := Of(errors.New("something new")); c.Code != "" {
		t.Errorf("%+v", c)
	}
	if Of(fmt.Errorf("%w: x", api.ErrClock)).Code != "clock" || Of(&api.Fault{Kind: "usage", Cause: api.Cause{Code: "own"}}).Code != "own" {
		t.Error("what the door itself knows is not named")
	}
	if c := Of(fmt.Errorf("x: %w", &Witnesses{8})); c.Code != "witnesses" || c.Args[0] != "8" {
		t.Errorf("%+v", c)
	}
}

// TestCodesCrossTheDoor: what is not told by the text is not told by the code.
func TestCodesCrossTheDoor(t *testing.T) {
	err := fmt.Errorf("%w: %w", api.ErrUsage, bulletin.ErrSince)
	b, _ := json.Marshal(Of(err))
	if string(b) != `{"code":"posted-since"}` {
		t.Errorf("%s", b)
	}
}

// TestWitnesses: why a real witness did not answer.
func TestWitnesses(t *testing.T) {
	root := sha256.Sum256([]byte("x"))
	server := func(h http.HandlerFunc) *httptest.Server {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s
	}
	busy := server(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	chat := server(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>welcome") })
	long := server(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) })
	slow := server(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	cut := server(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	})
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	tls.Config.ErrorLog = nil
	t.Cleanup(tls.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for address, want := range map[string]string{
		busy.URL: "status 503", chat.URL: "bad-stamp", long.URL: "bad-stamp", slow.URL: "timeout", tls.URL: "certificate", gone.URL: "refused",
		cut.URL: "unreached", "ftp://x": "address", "http://no-such-name.invalid/": "no-name",
	} {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		if address == slow.URL {
			ctx, stop = context.WithTimeout(ctx, 50*time.Millisecond)
		}
		_, missed := ask.Asker{}.All(ctx, []string{address}, nil, root)
		stop()
		if len(missed) != 1 {
			t.Fatal(address, missed)
		}
		c := Of(missed[0].Err)
		if got := strings.TrimSpace(c.Code + " " + strings.Join(c.Args, " ")); got != want {
			t.Errorf("%v is %q, want %q", missed[0].Err, got, want)
		}
	}
	for proxy, want := range map[string]string{"nonsense": "proxy", gone.URL: "proxy", "socks5://" + gone.Listener.Addr().String(): "proxy"} {
		_, missed := ask.Asker{Proxy: proxy}.All(t.Context(), []string{"http://witness.invalid/"}, nil, root)
		if len(missed) != 1 || Of(missed[0].Err).Code != want {
			t.Errorf("%s: %v is %+v", proxy, missed, Of(missed[0].Err))
		}
	}
}
