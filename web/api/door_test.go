package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/web/api/apitest"
)

// open serves b and answers its door.
func open(t *testing.T, b api.Backend) api.Door {
	t.Helper()
	// The token must be known before the address is, so serve late.
	var h http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	d, err := api.NewDoor(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	h = api.Handler(b, d.Token, nil)
	return d
}

func dial(t *testing.T, b api.Backend) *api.Client {
	t.Helper()
	dir := t.TempDir()
	if err := api.WriteDoor(dir, open(t, b)); err != nil {
		t.Fatal(err)
	}
	c, err := api.Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func noon() time.Time { return time.Date(2022, 1, 7, 12, 0, 0, 0, time.UTC) }

func TestDoorFileIsPrivateAndWhole(t *testing.T) {
	dir := t.TempDir()
	if _, err := api.ReadDoor(dir); !errors.Is(err, api.ErrNoDoor) {
		t.Errorf("no file: %v, want %v", err, api.ErrNoDoor)
	}
	d, err := api.NewDoor("127.0.0.1:8384")
	if err != nil {
		t.Fatal(err)
	}
	other, _ := api.NewDoor("127.0.0.1:8384")
	if d.Token == other.Token {
		t.Fatal("two doors with one token")
	}
	if err := api.WriteDoor(dir, d); err != nil {
		t.Fatal(err)
	}
	got, err := api.ReadDoor(dir)
	if err != nil || got != d {
		t.Fatalf("read %v, %v; want %v", got, err, d)
	}
	path := filepath.Join(dir, api.DoorFile)
	about, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && about.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", about.Mode())
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left beside the door file: %v", names)
	}
	if err := api.RemoveDoor(dir, other); err != nil {
		t.Fatal(err)
	}
	if _, err := api.ReadDoor(dir); err != nil {
		t.Error("the door of another run was removed")
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := api.ReadDoor(dir); !errors.Is(err, api.ErrBadDoor) {
			t.Errorf("a door file that the group reads: %v, want %v", err, api.ErrBadDoor)
		}
		_ = os.Chmod(path, 0o600)
	}
	if err := api.RemoveDoor(dir, d); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the door file is still there")
	}
}

func TestDoorStaysOnThisDevice(t *testing.T) {
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:0", "0.0.0.0:80", "10.0.0.1:80", "example.org:80", "localhost:80", "[::]:80", "[::ffff:10.0.0.1]:80"} {
		if _, err := api.NewDoor(addr); !errors.Is(err, api.ErrBadDoor) {
			t.Errorf("door at %q: %v, want %v", addr, err, api.ErrBadDoor)
		}
	}
	if _, err := api.NewDoor("[::1]:80"); err != nil {
		t.Error(err)
	}
}

func TestStaleDoors(t *testing.T) {
	dir := t.TempDir()
	// Nobody listens any more.
	s := httptest.NewServer(http.NotFoundHandler())
	addr := s.Listener.Addr().String()
	s.Close()
	d, err := api.NewDoor(addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.WriteDoor(dir, d); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Dial(t.Context(), dir); !errors.Is(err, api.ErrStaleDoor) || !errors.Is(err, api.ErrNoDoor) {
		t.Errorf("nobody there: %v, want %v", err, api.ErrStaleDoor)
	}

	// A stranger took the port: it must not hear the token, nor be believed.
	var heard []string
	for _, say := range []string{"", `{"proof":"` + strings.Repeat("00", 32) + `"}`, `{"proof":`, strings.Repeat("x", 1<<20)} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			heard = append(heard, r.Header.Get("Authorization")+r.URL.String())
			_, _ = w.Write([]byte(say))
		}))
		d.Addr = s.Listener.Addr().String()
		if err := api.WriteDoor(dir, d); err != nil {
			t.Fatal(err)
		}
		if _, err := api.Dial(t.Context(), dir); !errors.Is(err, api.ErrStaleDoor) {
			t.Errorf("a stranger who says %.20q: %v, want %v", say, err, api.ErrStaleDoor)
		}
		s.Close()
	}
	if len(heard) != 4 {
		t.Errorf("strangers were asked %d times, want 4", len(heard))
	}
	for _, h := range heard {
		if strings.Contains(h, d.Token) || strings.Contains(h, "Bearer") {
			t.Errorf("the stranger heard %q", h)
		}
	}

	// Another run of Jauap with another token is a stranger too.
	d.Addr = open(t, apitest.New("Dana", noon)).Addr
	if err := api.WriteDoor(dir, d); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Dial(t.Context(), dir); !errors.Is(err, api.ErrStaleDoor) {
		t.Errorf("another run: %v, want %v", err, api.ErrStaleDoor)
	}
}

// A process that holds the port and says nothing is not stale: the caller
// must not open the data beside it.
func TestSilentDoorIsNotStale(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(release)
	d, err := api.NewDoor(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := api.NewClient(d).Knock(ctx); err == nil || errors.Is(err, api.ErrNoDoor) {
		t.Errorf("a silent door: %v, want an error that is no %v", err, api.ErrNoDoor)
	}
}

func FuzzParseDoor(f *testing.F) {
	d, _ := api.NewDoor("127.0.0.1:8384")
	b, _ := json.Marshal(d)
	f.Add(b)
	f.Add([]byte(`{"addr":"10.0.0.1:1","token":""}`))
	f.Add([]byte(`{"addr":"127.0.0.1:1","token":"","more":1}`))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		d, err := api.ParseDoor(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := api.ParseDoor(again); err != nil || same != d {
			t.Fatalf("%v became %v, %v", d, same, err)
		}
		if !strings.HasPrefix(d.Addr, "127.") && !strings.HasPrefix(d.Addr, "[::1]") && !strings.HasPrefix(d.Addr, "[::ffff:127.") {
			t.Fatalf("door at %q", d.Addr)
		}
	})
}
