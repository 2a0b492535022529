package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/web/api/apitest"
)

// busy is a Fake with one of everything.
func busy(t *testing.T) (f *apitest.Fake, in, out string) {
	t.Helper()
	f = apitest.New("Aigerim", noon)
	f.AddPerson(api.Person{Name: "Dana"})
	in = f.Arrive("Dana", api.Letter{Text: "Are you alive?\n\"<&>\" Қалайсың"}, api.SendFile{Name: "a \"b\" ж.txt", Data: []byte("photo")})
	s, err := f.Send(t.Context(), api.SendAsk{To: "Dana", Text: "yes"})
	if err != nil {
		t.Fatal(err)
	}
	at := noon()
	f.SetState(s.ID, api.Carried, at, 2)
	f.SetStatus(api.Status{
		Network: api.Network{State: "dark", Since: &at},
		Links:   []api.Link{{Kind: "lan", Addr: "192.168.1.2:9", State: "up", In: 5, Out: 6}},
		Windows: []api.Window{{From: at, Sent: 1}},
		Shelf:   api.Shelf{Envelopes: 3, Bytes: 4, Quota: 5},
		Trouble: []string{"the stick is read-only"},
	})
	return f, in, s.ID
}

func TestCheckFakeAndClient(t *testing.T) {
	f, _, _ := busy(t)
	apitest.Check(t, f)
	apitest.Check(t, dial(t, f))
}

// TestEveryQuestionIsTheSameAcrossTheDoor asks the Fake directly and a twin
// of it through Handler and Client.
func TestEveryQuestionIsTheSameAcrossTheDoor(t *testing.T) {
	near, in, _ := busy(t)
	twin, _, _ := busy(t)
	far := dial(t, twin)
	questions := map[string]func(context.Context, api.Backend) (any, error){
		"me":     func(ctx context.Context, b api.Backend) (any, error) { return b.Me(ctx) },
		"people": func(ctx context.Context, b api.Backend) (any, error) { return b.People(ctx) },
		"invite": func(ctx context.Context, b api.Backend) (any, error) { return b.Invite(ctx) },
		"accept": func(ctx context.Context, b api.Backend) (any, error) {
			return b.Accept(ctx, api.AcceptAsk{Code: "jauap:1:abcd", Name: "Timur", InPerson: true})
		},
		"verify": func(ctx context.Context, b api.Backend) (any, error) {
			return b.Verify(ctx, api.VerifyAsk{Name: "Dana", Compared: true})
		},
		"rename": func(ctx context.Context, b api.Backend) (any, error) {
			return b.Rename(ctx, api.RenameAsk{Name: "Dana", As: "Dana of house 7"})
		},
		"send": func(ctx context.Context, b api.Backend) (any, error) {
			return b.Send(ctx, api.SendAsk{To: "Dana", Text: "кк", Days: 7})
		},
		"send files": func(ctx context.Context, b api.Backend) (any, error) {
			s, err := b.Send(ctx, api.SendAsk{To: "Dana", Files: []api.SendFile{{Name: "1.jpg", Data: []byte{0, 1, 255}}, {Name: "empty", Data: []byte{}}}})
			if err != nil {
				return s, err
			}
			c, err := b.Conversation(ctx, api.ConversationAsk{With: "Dana", Max: 1})
			return c, err
		},
		"read": func(ctx context.Context, b api.Backend) (any, error) { return b.Read(ctx, api.ReadAsk{From: "Dana"}) },
		"read after": func(ctx context.Context, b api.Backend) (any, error) {
			return b.Read(ctx, api.ReadAsk{After: in, Keep: true})
		},
		"conversation": func(ctx context.Context, b api.Backend) (any, error) {
			return b.Conversation(ctx, api.ConversationAsk{With: "Dana", Mark: true})
		},
		"outbox": func(ctx context.Context, b api.Backend) (any, error) { return b.Outbox(ctx) },
		"attachment": func(ctx context.Context, b api.Backend) (any, error) {
			f, body, err := b.Attachment(ctx, in+"-0")
			if err != nil {
				return nil, err
			}
			defer body.Close()
			data, err := io.ReadAll(body)
			return fmt.Sprint(f, string(data)), err
		},
		"status": func(ctx context.Context, b api.Backend) (any, error) { return b.Status(ctx) },
		"carry": func(ctx context.Context, b api.Backend) (any, error) {
			return b.Carry(ctx, api.CarryAsk{Path: "/media/usb"})
		},
		"broadcast": func(ctx context.Context, b api.Backend) (any, error) {
			return b.Broadcast(ctx, api.BroadcastAsk{File: "/media/air.ts", Rounds: 2})
		},
		"tune": func(ctx context.Context, b api.Backend) (any, error) {
			return b.Tune(ctx, api.TuneAsk{File: "/media/air.ts"})
		},
		"codes": func(ctx context.Context, b api.Backend) (any, error) {
			return b.ShowCodes(ctx, api.CodesAsk{Coarse: true})
		},
		"look": func(ctx context.Context, b api.Backend) (any, error) {
			return b.LookAt(ctx, []byte("\xff\xd8\xff and more"))
		},
		"wait": func(ctx context.Context, b api.Backend) (any, error) { return b.Wait(ctx, 0) },
		"page": func(ctx context.Context, b api.Backend) (any, error) { return b.(api.Opener).Page(ctx) },
	}
	// Order matters to counters only, so both get the same one.
	for _, name := range []string{"me", "people", "invite", "accept", "verify", "send", "send files", "read after", "conversation", "read", "outbox", "attachment", "rename", "status", "carry", "wait", "page"} {
		want, err := questions[name](t.Context(), near)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := questions[name](t.Context(), far)
		if err != nil {
			t.Errorf("%s across the door: %v", name, err)
			continue
		}
		if name == "read after" { // nil here, [] there: both are nothing
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s across the door:\n%+v, want\n%+v", name, got, want)
			}
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s across the door:\n%+v, want\n%+v", name, got, want)
		}
	}
}

func TestErrorsCrossTheDoor(t *testing.T) {
	f, _, _ := busy(t)
	c := dial(t, f)
	for _, want := range []error{
		api.ErrUnknownPerson, api.ErrBadInvite, api.ErrNotFound, api.ErrTooLarge, api.ErrFull,
		api.ErrClock, api.ErrUsage, api.ErrMismatch, errors.New("something else"),
	} {
		told := fmt.Errorf("%w: free 20 MB and try again", want)
		f.Fail("Send", told)
		_, err := c.Send(t.Context(), api.SendAsk{To: "Dana", Text: "x"})
		if err == nil || err.Error() != told.Error() {
			t.Errorf("text %q, want %q", err, told)
		}
		if known := want.Error() != "something else"; errors.Is(err, want) != known {
			t.Errorf("errors.Is(%v, %v) is %v", err, want, !known)
		}
		if fault, ok := errors.AsType[*api.Fault](err); !ok || fault.Status < 400 {
			t.Errorf("%v is no fault with a status", err)
		}
	}
}

func TestTornAttachmentNeverLooksWhole(t *testing.T) {
	f, in, _ := busy(t)
	c := dial(t, f)
	f.Tear(in + "-0")
	_, body, err := c.Attachment(t.Context(), in+"-0")
	if err != nil {
		return // nothing arrived at all: also clear
	}
	defer body.Close()
	if data, err := io.ReadAll(body); err == nil {
		t.Errorf("read %q of a torn file without an error", data)
	}
}

func TestWaitAcrossTheDoor(t *testing.T) {
	f, _, _ := busy(t)
	c := dial(t, f)
	n, err := c.Wait(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan uint64)
	go func() {
		n, _ := c.Wait(t.Context(), n)
		got <- n
	}()
	f.Arrive("Dana", api.Letter{Text: "more"})
	if m := <-got; m <= n {
		t.Errorf("counter %d after %d", m, n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Wait(ctx, 1<<60); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait that ended: %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestShutdownEndsWaiting(t *testing.T) {
	f, _, _ := busy(t)
	n, _ := f.Wait(t.Context(), 0)
	d, _ := api.NewDoor("127.0.0.1:1")
	inside := make(chan struct{})
	h := api.Handler(f, d.Token, nil)
	hs := httptest.NewUnstartedServer(nil)
	hs.Config = api.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		h.ServeHTTP(w, r)
	}))
	hs.Start()
	d.Addr = hs.Listener.Addr().String()
	done := make(chan error)
	go func() {
		_, err := api.NewClient(d).Wait(t.Context(), n)
		done <- err
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := hs.Config.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("a wait at a closed door ended without an error")
	}
}

// ask sends a raw request and answers status, body and header.
func raw(t *testing.T, d api.Door, method, path string, body io.Reader, change func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.Addr+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.Token)
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), resp.Header
}

func TestDoorRefuses(t *testing.T) {
	f, _, _ := busy(t)
	d := open(t, f)
	_, port, _ := strings.Cut(d.Addr, ":")
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	head := func(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
	for _, c := range []struct {
		name, method, path, body string
		change                   func(*http.Request)
		want                     int
	}{
		{"good", "GET", "/api/v1/me", "", nil, 200},
		{"good, by name", "GET", "/api/v1/me", "", host("LocalHost:" + port), 200},
		{"rebinding", "GET", "/api/v1/me", "", host("evil.example:" + port), 421},
		{"rebinding, hello too", "GET", "/api/v1/hello?nonce=" + strings.Repeat("0", 32), "", host("evil.example"), 421},
		{"look-alike", "GET", "/api/v1/me", "", host("127.0.0.1.evil.example:" + port), 421},
		{"look-alike 2", "GET", "/api/v1/me", "", host("localhost.evil.example:" + port), 421},
		{"wrong port", "GET", "/api/v1/me", "", host("127.0.0.1:1"), 421},
		{"no port", "GET", "/api/v1/me", "", host("127.0.0.1"), 421},
		{"no host", "GET", "/api/v1/me", "", host("@"), 421},
		{"no token", "GET", "/api/v1/me", "", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"wrong token", "GET", "/api/v1/me", "", head("Authorization", "Bearer "+strings.Repeat("0", 64)), 401},
		{"basic", "GET", "/api/v1/me", "", head("Authorization", "Basic "+d.Token), 401},
		{"half a token", "GET", "/api/v1/me", "", head("Authorization", "Bearer "+d.Token[:32]), 401},
		{"a browser", "GET", "/api/v1/me", "", head("Sec-Fetch-Site", "same-origin"), 403},
		{"cross origin", "GET", "/api/v1/me", "", head("Origin", "https://evil.example"), 403},
		{"preflight", "OPTIONS", "/api/v1/send", "", head("Origin", "https://evil.example"), 403},
		{"wrong method", "GET", "/api/v1/send", "", nil, 404},
		{"unknown", "GET", "/api/v1/secrets", "", nil, 404},
		{"form", "POST", "/api/v1/send", "to=Dana&text=x", head("Content-Type", "application/x-www-form-urlencoded"), 400},
		{"plain text", "POST", "/api/v1/send", `{"to":"Dana","text":"x"}`, head("Content-Type", "text/plain"), 400},
		{"unknown field", "POST", "/api/v1/send", `{"to":"Dana","text":"x","secretly":true}`, nil, 400},
		{"two values", "POST", "/api/v1/send", `{"to":"Dana","text":"x"}{}`, nil, 400},
		{"nothing", "POST", "/api/v1/send", ``, nil, 400},
		{"too large", "POST", "/api/v1/send", `{"to":"Dana","text":"` + strings.Repeat("x", api.MaxAsk) + `"}`, nil, 413},
		{"no number", "GET", "/api/v1/wait?seen=-1", "", nil, 400},
		{"short nonce", "GET", "/api/v1/hello?nonce=00", "", nil, 400},
		{"traversal", "GET", "/api/v1/attachments/..%2f..%2fdoor.json", "", nil, 404},
		{"no letter", "POST", "/api/v1/send", "--x--", head("Content-Type", "multipart/form-data; boundary=x"), 400},
	} {
		status, body, h := raw(t, d, c.method, c.path, strings.NewReader(c.body), c.change)
		if status != c.want {
			t.Errorf("%s: status %d (%s), want %d", c.name, status, body, c.want)
		}
		if h.Get("Access-Control-Allow-Origin") != "" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", c.name, h)
		}
		if status >= 400 && status != 421 && !strings.Contains(body, `"kind":`) {
			t.Errorf("%s: %q tells no kind", c.name, body)
		}
		if strings.Contains(body, d.Token) {
			t.Errorf("%s: the answer holds the token", c.name)
		}
	}
	if out, _ := f.Outbox(t.Context()); len(out) != 1 {
		t.Errorf("a refused request sent a letter: %v", out)
	}
}

func TestEmptyTokenOpensNothing(t *testing.T) {
	f, _, _ := busy(t)
	s := httptest.NewServer(api.Handler(f, "", nil))
	defer s.Close()
	d := api.Door{Addr: s.Listener.Addr().String()}
	if status, _, _ := raw(t, d, "GET", "/api/v1/me", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }); status != 401 {
		t.Errorf("status %d, want 401", status)
	}
	if status, _, _ := raw(t, d, "GET", "/api/v1/hello?nonce="+strings.Repeat("0", 32), nil, nil); status != 400 {
		t.Errorf("hello with an empty token: %d, want 400", status)
	}
}

// TestServerOnAForeignAddress: even bound to a LAN address by mistake the
// door serves nobody.
func TestServerOnAForeignAddress(t *testing.T) {
	h := api.Local(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("inside")) }))
	r := httptest.NewRequest("GET", "http://127.0.0.1:80/", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r) // no local address known
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("unknown local address: %d", w.Code)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, tcp("192.168.1.5", 80))))
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("on a LAN address: %d", w.Code)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, tcp("127.0.0.1", 80))))
	if w.Code != 200 {
		t.Errorf("on loopback: %d", w.Code)
	}
}

func TestTooManyBytesOfFiles(t *testing.T) {
	f, _, _ := busy(t)
	d := open(t, f)
	big := make([]byte, api.MaxFiles/2+1)
	if _, err := api.NewClient(d).Send(t.Context(), api.SendAsk{To: "Dana", Files: []api.SendFile{{Name: "a", Data: big}, {Name: "b", Data: big}}}); !errors.Is(err, api.ErrTooLarge) {
		t.Errorf("client: %v, want %v", err, api.ErrTooLarge)
	}
	// The server trusts no client to count.
	r, w := io.Pipe()
	m := multipart.NewWriter(w)
	go func() {
		p, _ := m.CreateFormField("ask")
		_, _ = io.WriteString(p, `{"to":"Dana","text":""}`)
		for range 2 {
			p, _ = m.CreateFormFile("file", "x")
			_, _ = p.Write(big)
		}
		w.CloseWithError(m.Close())
	}()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+d.Addr+"/api/v1/send", r)
	req.Header.Set("Authorization", "Bearer "+d.Token)
	req.Header.Set("Content-Type", m.FormDataContentType())
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil { // else the server hung up in the middle, which is fine
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d, want 413", resp.StatusCode)
		}
	}
	r.Close()
	if out, _ := f.Outbox(t.Context()); len(out) != 1 {
		t.Error("the letter was sent all the same")
	}
}

func TestCleanName(t *testing.T) {
	for in, want := range map[string]string{
		"photo.jpg": "photo.jpg", "../../etc/passwd": "passwd", `C:\a\b.txt`: "b.txt", "": "file", "..": "file", "/": "file",
		"a\u202egpj.exe": "agpj.exe", "a\r\nSet-Cookie: x": "aSet-Cookie x", "Әйгерім.pdf": "Әйгерім.pdf", ".bashrc": "bashrc", "\xff\xfe": "file",
		strings.Repeat("я", 300) + ".jpeg": strings.Repeat("я", 57) + ".jpeg",
	} {
		if got := api.CleanName(in); got != want {
			t.Errorf("CleanName(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzHandler(f *testing.F) {
	f.Add("send", "application/json", []byte(`{"to":"Dana","text":"x"}`))
	f.Add("send", "multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"ask\"\r\n\r\n{\"to\":\"Dana\",\"text\":\"\"}\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc\r\n--x--\r\n"))
	f.Add("verify", "application/json", []byte(`{"name":"Dana","code":"a b"}`))
	f.Add("carry", "application/json; charset=\"", []byte(`null`))
	f.Fuzz(func(t *testing.T, path, kind string, body []byte) {
		defer limits.Watch(t, len(path)+len(kind)+len(body))()
		if strings.ContainsAny(path, " \x00?#%") || path == "" {
			return
		}
		fake := apitest.New("A", noon)
		fake.AddPerson(api.Person{Name: "Dana"})
		r, err := http.NewRequest("POST", "http://127.0.0.1:80/api/v1/x", bytes.NewReader(body))
		if err != nil {
			return
		}
		r.URL.Path = "/api/v1/" + path
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Authorization", "Bearer t")
		r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, tcp("127.0.0.1", 80)))
		w := httptest.NewRecorder()
		api.Handler(fake, "t", nil).ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError || w.Code < 200 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	})
}

func FuzzCleanName(f *testing.F) {
	f.Add("a/b\\c.txt")
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, s string) {
		defer limits.Watch(t, len(s))()
		got := api.CleanName(s)
		if got == "" || len(got) > 120 || strings.ContainsAny(got, "/\\\r\n\x00\"") || strings.HasPrefix(got, ".") || got != strings.ToValidUTF8(got, "") {
			t.Fatalf("CleanName(%q) = %q", s, got)
		}
	})
}
