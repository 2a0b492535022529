package web

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/web/api/apitest"
)

// paths are all screens; "ID" stands for a person.
var paths = [...]string{"/", "/add", "/invite.png", "/invite.txt", "/with/ID", "/person/ID", "/file/in000000000000000000000000000001-0", "/net", "/carry", "/me", "/events", "/nothing"}

// secrets are what no stranger may read.
func secrets(w *world, t *testing.T) []string {
	me, err := w.Me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return []string{"Dana", "Are you alive", "Aigerim", me.Words[0] + "</li>", "jauap:1:Ab3_", "No way out", "csrf"}
}

func populated(t *testing.T) (*world, api.Person) {
	t.Helper()
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	w.Arrive("Dana", api.Letter{Text: "Are you alive?"}, api.SendFile{Name: "x", Data: []byte("Dana's file")})
	return w, p
}

func TestStrangerSeesNothing(t *testing.T) {
	w, p := populated(t)
	for _, cookie := range []string{"", "x", strings.Repeat("A", 43)} {
		for _, path := range paths {
			b := newBrowser(t, w.s)
			r := b.request("GET", strings.Replace(path, "ID", p.ID, 1), nil)
			r.AddCookie(&http.Cookie{Name: w.site.gate.cookie, Value: cookie})
			resp, body := b.do(r)
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s without a visit: %d", path, resp.StatusCode)
			}
			has(t, body, "Jauap is closed here", "<code>jauap</code>")
			hasNot(t, body, secrets(w, t)...)
		}
		b := newBrowser(t, w.s)
		if resp, _ := b.post("/with/"+p.ID, url.Values{"text": {"x"}, "csrf": {""}}); resp.StatusCode != http.StatusForbidden {
			t.Errorf("sending without a visit: %d", resp.StatusCode)
		}
	}
	if out, _ := w.Outbox(t.Context()); len(out) != 0 {
		t.Error("a stranger sent a letter")
	}
}

func TestLinkWorksOnce(t *testing.T) {
	w, _ := populated(t)
	link := w.site.Link(w.s.URL + "/")
	if !strings.HasPrefix(link, w.s.URL+"/enter?t=") || len(link) < len(w.s.URL)+40 {
		t.Fatalf("link %q", link)
	}
	// The browser's own guess does not use it up.
	guess := newBrowser(t, w.s)
	guess.head["Sec-Purpose"] = "prefetch;prerender"
	if status, _ := guess.get(link); status != http.StatusServiceUnavailable {
		t.Errorf("prefetch: %d", status)
	}
	first := newBrowser(t, w.s)
	resp, body := first.do(first.request("GET", link, nil))
	c := resp.Cookies()
	if len(c) != 1 || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode || c[0].MaxAge != 0 || !c[0].Expires.IsZero() || c[0].Path != "/" || c[0].Domain != "" {
		t.Fatalf("cookies %v", c)
	}
	hasNot(t, body, secrets(w, t)...) // this page may be shown before the cookie counts
	if _, body = first.get("/"); !strings.Contains(body, "Dana") {
		t.Error("the first browser is not let in")
	}
	thief := newBrowser(t, w.s)
	status, body := thief.get(link)
	if status != http.StatusForbidden {
		t.Errorf("the stolen link: %d", status)
	}
	has(t, body, "used already")
	if status, _ := thief.get("/"); status != http.StatusForbidden {
		t.Errorf("the thief is inside: %d", status)
	}
	// The first browser may open its old link again.
	if status, _ = first.get(link); status != 200 {
		t.Errorf("the same browser again: %d", status)
	}
	for _, bad := range []string{"/enter", "/enter?t=", "/enter?t=x", "/enter?t=" + strings.Repeat("A", 43)} {
		if status, _ := newBrowser(t, w.s).get(bad); status != http.StatusForbidden {
			t.Errorf("%s: %d", bad, status)
		}
	}
}

func TestLinksAndVisitsEnd(t *testing.T) {
	w, _ := populated(t)
	link := w.site.Link(w.s.URL)
	w.clock.t = w.clock.t.Add(linkLife)
	if status, _ := newBrowser(t, w.s).get(link); status != http.StatusForbidden {
		t.Errorf("an old link: %d", status)
	}
	b := w.enter(t)
	w.clock.t = w.clock.t.Add(visitLife - time.Second)
	if status, _ := b.get("/"); status != 200 {
		t.Errorf("just before the end: %d", status)
	}
	w.clock.t = w.clock.t.Add(visitLife)
	if status, _ := b.get("/"); status != http.StatusForbidden {
		t.Errorf("after twelve hours of silence: %d", status)
	}
	// A person may close the page.
	b = w.enter(t)
	cookies := b.c.Jar.Cookies(b.request("GET", "/", nil).URL)
	b.get("/me")
	if _, body := b.submit("/leave"); !strings.Contains(body, "closed here") {
		t.Errorf("after leaving:\n%s", text(body))
	}
	thief := newBrowser(t, w.s)
	thief.c.Jar.SetCookies(thief.request("GET", "/", nil).URL, cookies)
	if status, _ := thief.get("/"); status != http.StatusForbidden {
		t.Errorf("the old cookie still opens: %d", status)
	}
	// Neither links nor visits pile up.
	old := w.site.Link(w.s.URL)
	for range 100 {
		w.clock.t = w.clock.t.Add(time.Second)
		w.site.gate.admit()
		w.site.Link(w.s.URL)
	}
	if g := w.site.gate; len(g.links) > maxLinks || len(g.visits) > maxVisits {
		t.Errorf("%d links, %d visits", len(g.links), len(g.visits))
	}
	if status, _ := newBrowser(t, w.s).get(old); status != http.StatusForbidden {
		t.Error("the oldest link outlived sixteen newer ones")
	}
}

func TestRebinding(t *testing.T) {
	w, _ := populated(t)
	b := w.enter(t)
	_, port, _ := net.SplitHostPort(w.s.Listener.Addr().String())
	for _, host := range []string{"evil.example:" + port, "evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:" + port, "127.0.0.1.nip.io:" + port, "0.0.0.0:" + port, "[::]:" + port, "127.1:" + port} {
		for _, path := range []string{"/", "/enter?t=x", "/static/style.css", "/events"} {
			r := b.request("GET", path, nil)
			r.Host = host
			resp, body := b.do(r)
			if resp.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("%s for %s: %d", path, host, resp.StatusCode)
			}
			hasNot(t, body, secrets(w, t)...)
		}
	}
	r := b.request("GET", "/", nil)
	r.Host = "localhost:" + port
	if resp, body := b.do(r); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "closed here") {
		t.Errorf("localhost, another host to the cookie: %d", resp.StatusCode)
	}
}

// TestForgedForms tries every way another site can make this browser post.
func TestForgedForms(t *testing.T) {
	w, p := populated(t)
	b := w.enter(t)
	b.get("/with/" + p.ID)
	csrf := b.csrf()
	forms := map[string]url.Values{
		"/with/" + p.ID:   {"text": {"forged"}},
		"/add":            {"code": {"jauap:1:evil"}, "name": {"Evil"}},
		"/person/" + p.ID: {"same": {"yes"}},
		"/carry":          {"path": {"/media/usb"}},
		"/invite":         {},
		"/lang":           {"lang": {"ru"}},
		"/leave":          {},
	}
	heads := map[string]map[string]string{
		"cross-site":       {"Sec-Fetch-Site": "cross-site"},
		"another port":     {"Sec-Fetch-Site": "same-site"},
		"old browser":      {"Origin": "https://evil.example"},
		"other local port": {"Origin": "http://127.0.0.1:1"},
		"sandboxed":        {"Origin": "null"},
	}
	for path, values := range forms {
		values.Set("csrf", csrf) // even with the right token
		for name, head := range heads {
			r := b.request("POST", path, strings.NewReader(values.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for k, v := range head {
				r.Header.Set(k, v)
			}
			if resp, body := b.do(r); resp.StatusCode != http.StatusForbidden || body != "" {
				t.Errorf("%s from %s: %d %.40q", path, name, resp.StatusCode, body)
			}
		}
		for _, token := range []string{"", "x", csrf[:42], csrf + "A"} {
			values.Set("csrf", token)
			resp, body := b.post(path, values)
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s with token %q: %d", path, token, resp.StatusCode)
			}
			has(t, body, "too old")
		}
		// A token in the address is no token.
		values.Del("csrf")
		if resp, _ := b.post(path+"?csrf="+csrf, values); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s with the token in the address: %d", path, resp.StatusCode)
		}
		// Nor is another visit's.
		other := w.enter(t)
		other.get("/me")
		values.Set("csrf", other.csrf())
		if resp, _ := b.post(path, values); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s with another visit's token: %d", path, resp.StatusCode)
		}
	}
	if out, _ := w.Outbox(t.Context()); len(out) != 0 {
		t.Errorf("a forged form sent %v", out)
	}
	people, _ := w.People(t.Context())
	if len(people) != 1 || people[0].Verified != "" {
		t.Errorf("a forged form changed people: %v", people)
	}
}

// TestForgedUpload: the token must come before the files, so that a forged
// upload is refused unread.
func TestForgedUpload(t *testing.T) {
	w, p := populated(t)
	b := w.enter(t)
	b.get("/with/" + p.ID)
	csrf := b.csrf()
	for name, fields := range map[string][][2]string{
		"no token":      {{"text", "forged"}},
		"wrong token":   {{"csrf", "x"}, {"text", "forged"}},
		"token at last": {{"text", "forged"}, {"csrf", csrf}},
	} {
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		for _, f := range fields {
			_ = m.WriteField(f[0], f[1])
		}
		_ = m.Close()
		r := b.request("POST", "/with/"+p.ID, &body)
		r.Header.Set("Content-Type", m.FormDataContentType())
		if resp, _ := b.do(r); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if out, _ := w.Outbox(t.Context()); len(out) != 0 {
		t.Errorf("sent %v", out)
	}
}

// TestOtherSitesLearnNothing: images, scripts, fetches and frames of other
// sites, with the visitor's cookie as if the browser had sent it.
func TestOtherSitesLearnNothing(t *testing.T) {
	w, p := populated(t)
	b := w.enter(t)
	for _, site := range []string{"cross-site", "same-site"} {
		for _, kind := range [][2]string{{"no-cors", "image"}, {"no-cors", "script"}, {"cors", "empty"}, {"navigate", "iframe"}, {"navigate", "object"}, {"websocket", "empty"}} {
			for _, path := range append(paths[:], "/static/style.css", "/enter?t=x") {
				r := b.request("GET", strings.Replace(path, "ID", p.ID, 1), nil)
				r.Header.Set("Sec-Fetch-Site", site)
				r.Header.Set("Sec-Fetch-Mode", kind[0])
				r.Header.Set("Sec-Fetch-Dest", kind[1])
				if resp, body := b.do(r); resp.StatusCode != http.StatusForbidden || body != "" {
					t.Errorf("%s %s %v: %d %.30q", path, site, kind, resp.StatusCode, body)
				}
			}
		}
	}
	if people, _ := w.People(t.Context()); people[0].Unread != 1 {
		t.Error("another site marked the letter as read")
	}
}

// TestPrefetchReadsNothing: a browser's guess must not tell Dana that her
// letter was read.
func TestPrefetchReadsNothing(t *testing.T) {
	w, p := populated(t)
	b := w.enter(t)
	b.head["Sec-Purpose"] = "prefetch"
	if status, _ := b.get("/with/" + p.ID); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	if people, _ := w.People(t.Context()); people[0].Unread != 1 {
		t.Error("the letter is marked as read")
	}
}

func TestHeaders(t *testing.T) {
	w, p := populated(t)
	in, out := w.enter(t), newBrowser(t, w.s)
	for _, b := range []*browser{in, out} {
		for _, path := range append(paths[:], "/static/style.css", "/static/live.js", "/enter?t=x") {
			if path == "/events" {
				continue // never ends
			}
			resp, body := b.do(b.request("GET", strings.Replace(path, "ID", p.ID, 1), nil))
			h := resp.Header
			csp := h.Get("Content-Security-Policy")
			for _, bad := range []string{"unsafe", "*", "http:", "https:", "data:"} {
				if strings.Contains(csp, bad) {
					t.Errorf("%s: policy %q allows %s", path, csp, bad)
				}
			}
			if !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || h.Get("X-Frame-Options") != "DENY" ||
				h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cross-Origin-Opener-Policy") != "same-origin" ||
				h.Get("Cross-Origin-Resource-Policy") != "same-origin" || h.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: headers %v", path, h)
			}
			if cc := h.Get("Cache-Control"); cc != "no-store" && !strings.HasPrefix(path, "/static/") {
				t.Errorf("%s: Cache-Control %q", path, cc)
			}
			if strings.HasPrefix(h.Get("Content-Type"), "text/html") {
				for _, bad := range []string{"<script>", "javascript:", "<style", " style=", " onclick=", " onload=", "http://", "https://", "ZgotmplZ"} {
					if strings.Contains(body, bad) {
						t.Errorf("%s holds %q", path, bad)
					}
				}
			}
		}
	}
}

func TestPathTraversal(t *testing.T) {
	w, _ := populated(t)
	b := w.enter(t)
	for _, path := range []string{
		"/static/../gate.go", "/static/%2e%2e/gate.go", "/static/..%2fgate.go", "/static/..%5cgate.go", "/static//etc/passwd", "/static/", "/static/style.css/", "/static/style.css%00.js",
		"/file/..%2f..%2fetc%2fpasswd", "/file/%2e%2e", "/file/.door", "/file/a%00b", "/with/..%2f..%2fetc", "/html/frame.html", "/words/en.json", "/../../etc/passwd",
	} {
		// The client must not tidy the path, so send it raw.
		u, err := url.Parse(w.s.URL)
		if err != nil {
			t.Fatal(err)
		}
		r := b.request("GET", "/", nil)
		r.URL = &url.URL{Scheme: "http", Host: u.Host, Opaque: "//" + u.Host + path}
		resp, body := b.do(r)
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		hasNot(t, body, "package web", "root:", "{{define", "lang.name")
	}
	for _, before := range []string{"../x", "%2e%2e", "a b", strings.Repeat("a", 300)} {
		people, _ := w.People(t.Context())
		if status, _ := b.get("/with/" + people[0].ID + "?before=" + url.QueryEscape(before)); status != http.StatusNotFound {
			t.Errorf("before=%q: %d", before, status)
		}
	}
}

func TestOversizedUpload(t *testing.T) {
	w, p := populated(t)
	b := w.enter(t)
	b.get("/with/" + p.ID)
	csrf := b.csrf()
	half := make([]byte, api.MaxFiles/2+1)
	resp, page := b.letter("/with/"+p.ID, csrf, "keep me", api.SendFile{Name: "a", Data: half}, api.SendFile{Name: "b", Data: half})
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
	has(t, page, "The files are too large", "keep me</textarea>")
	many := make([]api.SendFile, api.MaxFileCount+1)
	for i := range many {
		many[i] = api.SendFile{Name: "x", Data: []byte("x")}
	}
	if resp, _ = b.letter("/with/"+p.ID, csrf, "keep me", many...); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too many files: %d", resp.StatusCode)
	}
	if resp, page = b.letter("/with/"+p.ID, csrf, "Сәлем "+strings.Repeat("ж", maxFields)); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a text that is too large: %d\n%s", resp.StatusCode, text(page))
	}
	if has(t, page, "This text is too long", ">Сәлем жжж", "ж</textarea>"); strings.Count(page, "ж") < maxFields {
		t.Errorf("%d letters are given back", strings.Count(page, "ж"))
	}
	if resp, _ = b.post("/add", url.Values{"csrf": {csrf}, "code": {strings.Repeat("x", maxFields)}}); resp.StatusCode < 400 {
		t.Errorf("a code that is too large: %d", resp.StatusCode)
	}
	if out, _ := w.Outbox(t.Context()); len(out) != 0 {
		t.Error("a letter was sent all the same")
	}
	// What fits is sent whole.
	resp, page = b.letter("/with/"+p.ID, csrf, "", api.SendFile{Name: "big.bin", Data: half})
	if resp.StatusCode != 200 {
		t.Errorf("status %d:\n%s", resp.StatusCode, text(page))
	}
	has(t, page, "big.bin", "34 MB")
}

func TestTooManyStreams(t *testing.T) {
	w, _ := populated(t)
	b := w.enter(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range maxStreams {
		resp, err := b.c.Do(b.request("GET", "/events", nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
	}
	if status, _ := b.get("/events"); status != http.StatusServiceUnavailable {
		t.Errorf("one more stream: %d", status)
	}
}

// TestTwoJauaps: browsers share cookies between ports, so two pages on one
// device must neither open nor close each other.
func TestTwoJauaps(t *testing.T) {
	one, _ := populated(t)
	two, _ := populated(t)
	b := one.enter(t)
	if status, _ := b.get(two.s.URL + "/"); status != http.StatusForbidden {
		t.Errorf("the visit to one opens the other: %d", status)
	}
	b.get(two.site.Link(two.s.URL))
	for _, w := range []*world{one, two} {
		if status, _ := b.get(w.s.URL + "/"); status != 200 {
			t.Errorf("%s: %d", w.s.URL, status)
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", []byte("csrf=token&text=x"))
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc\r\n--x--\r\n"))
	f.Add("multipart/form-data; boundary=x", []byte("--x--\r\n"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		defer limits.Watch(t, len(kind)+len(body))()
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		got, err := readForm(httptest.NewRecorder(), r, &visit{csrf: "token"})
		if err == nil && got.Get("csrf") != "token" {
			t.Fatalf("a form without its token: %v", got)
		}
		for _, file := range got.files {
			if file.Name == "" || strings.ContainsAny(file.Name, "/\\\x00\n") {
				t.Fatalf("file name %q", file.Name)
			}
		}
	})
}

func TestPaneAndBoard(t *testing.T) {
	c := newClock()
	aigerim, dana := apitest.New("Aigerim", c.now), apitest.New("Dana", c.now)
	d := aigerim.AddPerson(api.Person{Name: "Dana"})
	dana.AddPerson(api.Person{Name: "Aigerim"})
	w := &country{Fake: apitest.New("-", c.now)}
	board := NewBoard(w, []Act{{Places: []Place{
		{Key: "aigerim", Title: "Aigerim, Almaty", Start: "with/" + d.ID, Backend: aigerim, Lang: "kk"},
		{Key: "dana", Title: "Dana, Berlin", Backend: dana, Lang: "en"},
	}}}, Options{Now: c.now, Zone: almaty(), Enter: true})
	hs := start(t, board)

	b := newBrowser(t, hs)
	for _, path := range []string{"/", "/p/aigerim/", "/p/dana/me", "/p/aigerim/with/" + d.ID} {
		status, page := b.get(path)
		if status != http.StatusForbidden {
			t.Errorf("%s without a visit: %d", path, status)
		}
		hasNot(t, page, "Almaty", "Aigerim", "<code>")
		if path == "/" {
			has(t, page, "press Enter")
		}
	}
	b.get(board.Link(hs.URL))
	resp, page := b.do(b.request("GET", "/", nil))
	if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Error("the board itself can be framed")
	}
	has(t, page, "A blackout", "Aigerim, Almaty", `<iframe name="aigerim" title="Aigerim, Almaty" src="/p/aigerim/with/`+d.ID+`"></iframe>`, "in the dark", `value="cut" class="switch quiet" role="switch" aria-checked="false"`, "the power is on", "12:00:00</time>")
	resp, page = b.do(b.request("GET", "/p/aigerim/with/"+d.ID, nil))
	if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "frame-ancestors 'self'") || resp.Header.Get("X-Frame-Options") != "SAMEORIGIN" {
		t.Errorf("a pane cannot be framed: %v", resp.Header)
	}
	has(t, page, `lang="kk"`, `class="framed"`, `action="/p/aigerim/with/`+d.ID+`"`, `href="/p/aigerim/static/style.css"`)
	// Typing in one pane sends from that person, and only that one.
	if _, page = b.letter("/p/aigerim/with/"+d.ID, b.csrf(), "Тірімін"); !strings.Contains(page, "Тірімін") {
		t.Errorf("after sending:\n%s", text(page))
	}
	if out, _ := aigerim.Outbox(t.Context()); len(out) != 1 {
		t.Errorf("Aigerim's outbox: %v", out)
	}
	if out, _ := dana.Outbox(t.Context()); len(out) != 0 {
		t.Errorf("Dana's outbox: %v", out)
	}
	if status, _ := b.get("/p/aigerim/static/live.js"); status != 200 {
		t.Errorf("the pane's script: %d", status)
	}
	if resp, _ := b.do(b.request("GET", "/p/dana/me", nil)); resp.Request.URL.Path != "/p/dana/me" {
		t.Errorf("led to %s", resp.Request.URL)
	}

	b.get("/")
	b.submit("/press", "do", "cut")
	if len(w.pressed) != 1 || w.pressed[0] != "cut" {
		t.Errorf("pressed %v", w.pressed)
	}
	b.submit("/press", "do", "break")
	has(t, b.last, "it is broken")
	if resp, _ := b.post("/press", url.Values{"do": {"cut"}, "csrf": {"x"}}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a forged press: %d", resp.StatusCode)
	}

	// One stream tells who changed.
	stream, err := b.c.Do(b.request("GET", "/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	readLine(t, stream.Body)
	dana.Arrive("Aigerim", api.Letter{Text: "x"})
	readLine(t, stream.Body)
	if got := readLine(t, stream.Body); got != "data: dana" {
		t.Errorf("event %q", got)
	}
}

// country is a World; its Fake lends it a counter.
type country struct {
	*apitest.Fake
	mu      sync.Mutex
	pressed []string
}

func (c *country) Scene(context.Context, string) (Scene, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Scene{
		Title: "A blackout on one machine", Text: "The network is cut.", Network: "dark",
		Buttons: []Button{{Key: "cut", Label: "Network", Switch: true}, {Key: "meet", Label: "Timur meets Aigerim"}},
		Notes:   map[string]string{"aigerim": "in the dark"},
		Events:  []Event{{At: time.Date(2022, 1, 7, 6, 0, 0, 0, time.UTC), Text: "the power is on"}},
	}
	for range c.pressed {
		s.Events = append(s.Events, Event{At: time.Date(2022, 1, 7, 6, 1, 0, 0, time.UTC), Text: "they met"})
	}
	return s, nil
}

func (c *country) Press(_ context.Context, key string) error {
	c.mu.Lock()
	c.pressed = append(c.pressed, key)
	c.mu.Unlock()
	defer c.AddPerson(api.Person{Name: key}) // moves its counter
	if key == "break" {
		return errors.New("it is broken")
	}
	return nil
}
