package web

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

func TestFirstVisit(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	has(t, b.last, "Reach your people", "jauap:1:Ab3_", `src="/invite.png"`, "Paste here", `href="/desk"`, `href="/inbox"`, `href="/boards"`, "No way out right now.")
	first := invitationOn(t, b.last)
	if b.get("/"); invitationOn(t, b.last) != first {
		t.Error("reloading made another invitation")
	}

	resp, body := b.do(b.request("GET", "/invite.png", nil))
	img, err := png.Decode(strings.NewReader(body))
	if err != nil || resp.Header.Get("Content-Type") != "image/png" || img.Bounds().Dx() < 200 {
		t.Errorf("picture: %v, %v, %v", resp.Header, img, err)
	}
	resp, body = b.do(b.request("GET", "/invite.txt", nil))
	if strings.TrimSpace(body) != first || !strings.Contains(resp.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("file: %v %.60q", resp.Header, body)
	}

	b.get("/")
	b.submit("/invite", "back", "/")
	if invitationOn(t, b.last) == first {
		t.Error("no new invitation was made")
	}

	resp, body = b.submit("/add", "code", "hello", "name", "Dana <b>", "near", "yes")
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("nonsense: status %d", resp.StatusCode)
	}
	has(t, body, "not a whole invitation", ">hello</textarea>", `value="Dana &lt;b&gt;"`, `value="yes" checked`, `aria-invalid="true"`)

	w.Fail("Accept", fmt.Errorf("%w: it is your own", api.ErrUsage))
	_, body = b.submit("/add", "code", "jauap:1:mine")
	has(t, body, "cannot be taken", "it is your own")
	w.Fail("Accept", nil)

	second := invitationOn(t, b.last)
	resp, body = b.submit("/add", "code", "  jauap:1:xyz\n", "name", "Dana", "near", "")
	if resp.Request.URL.Path[:8] != "/person/" {
		t.Errorf("after adding: at %s", resp.Request.URL)
	}
	has(t, body, "is now among your people", "Not checked yet")
	b.get("/add")
	_, again := b.submit("/add", "code", "jauap:1:xyz", "name", "Aunt", "near", "")
	has(t, again, "already among your people", "the name stays")
	b.get(resp.Request.URL.Path)
	if _, body = b.get(resp.Request.URL.Path); strings.Contains(body, "now among") {
		t.Error("it is said twice")
	}
	// The old invitation may be the one that was used.
	if b.get("/add"); invitationOn(t, b.last) == second {
		t.Error("a used invitation is shown again")
	}
}

func invitationOn(t *testing.T, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `<textarea id="invitation" rows="3" readonly spellcheck="false">`)
	if !ok {
		t.Fatalf("no invitation on:\n%s", text(page))
	}
	s, _, _ := strings.Cut(rest, "<")
	return s
}

func TestPeople(t *testing.T) {
	w := newWorld(t)
	ago := func(d time.Duration) *time.Time { at := w.clock.t.Add(-d); return &at }
	w.AddPerson(api.Person{Name: "Aru", Verified: "introduced by Dana"})
	w.AddPerson(api.Person{Name: "Dana", Verified: "by voice", SeenAt: ago(3 * time.Hour), PlaceAnsweredAt: ago(26 * time.Hour)})
	w.AddPerson(api.Person{Name: "Timur <script>alert(1)</script>", KeyChanged: true, Verified: "in person"})
	if _, err := w.Send(t.Context(), api.SendAsk{To: "Aru", Text: "Aman ba?"}); err != nil {
		t.Fatal(err)
	}
	w.Arrive("Dana", api.Letter{Text: "Are you alive?", SentAt: w.clock.t.Add(-12 * time.Minute)})
	w.Arrive("Dana", api.Letter{Text: "Answer me"})
	b := w.enter(t)
	has(t, b.last, "2 new letters", "Answer me", "Checked by voice", "Introduced by \u2068Dana\u2069", "Keys changed",
		"1 waits here", "3 h ago", "1 day ago", "just now", "not known", `datetime="2022-01-07T09:00:00Z" title="2022-01-07 15:00:00 &#43;06:00"`,
		"No way out right now. 1 letter waits on this device and leaves by itself.", "Timur &lt;script&gt;")
	if strings.Index(b.last, "Dana") > strings.Index(b.last, "Aru") {
		t.Error("who wrote does not come first")
	}
}

// TestStates is the way of one letter in words, with ages and icons.
func TestStates(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	b := w.enter(t)
	_, page := b.get("/with/" + p.ID)
	has(t, page, "No letters yet", "Not checked yet")
	resp, page := b.letter("/with/"+p.ID, b.csrf(), "Тiрiмiн.\r\n<b>Мамаға айт</b>", api.SendFile{Name: "../a.jpg", Data: []byte("xx")})
	if resp.Request.Method != "GET" || resp.StatusCode != 200 {
		t.Errorf("after sending: %s %s: %d", resp.Request.Method, resp.Request.URL, resp.StatusCode)
	}
	has(t, page, "Тiрiмiн.\n&lt;b&gt;Мамаға айт", "Saved here", `href="#i-saved"`, "just now", "not yet", ">a.jpg<", "2 bytes", "leaves by itself")
	out, err := w.Outbox(t.Context())
	if err != nil || len(out) != 1 || out[0].To != "Dana" {
		t.Fatalf("outbox %v, %v", out, err)
	}
	id := out[0].ID
	for _, c := range []struct {
		state    api.State
		after    time.Duration
		carriers int
		want     string
	}{
		{api.Carried, 10 * time.Minute, 1, "With others after 1 meeting"},
		{api.Carried, time.Minute, 3, "With others after 3 meetings"},
		{api.Left, time.Hour, 3, "Left the country"},
		{api.Delivered, 2 * time.Hour, 0, "Delivered"},
		{api.Read, time.Minute, 0, "Read"},
		{api.Expired, 10 * time.Hour, 0, "Not delivered in time"},
		{"teleported", time.Minute, 0, "Not known"},
	} {
		w.clock.t = w.clock.t.Add(c.after)
		w.SetState(id, c.state, w.clock.t, c.carriers)
		w.clock.t = w.clock.t.Add(5 * time.Minute)
		_, page = b.get("/with/" + p.ID)
		icon := string(c.state)
		if c.state == "teleported" {
			icon = "unknown"
		}
		has(t, page, `<span class="state `+icon+`"><svg class="icon" aria-hidden="true"><use href="#i-`+icon+`"/></svg><span>`+c.want+` · <time`, "5 min ago")
		// Each state counts as known only with its time.
		_, net := b.get("/net")
		if done := c.state == api.Delivered || c.state == api.Read; strings.Contains(net, c.want) == done {
			t.Errorf("%s: on the network screen: %v", c.state, !done)
		}
	}
}

func TestReading(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana", KeyChanged: true})
	id := w.Arrive("Dana", api.Letter{Text: "\u202eevil\n\n  two  spaces", SentAt: w.clock.t.Add(-50 * time.Hour)},
		api.SendFile{Name: "voice.ogg", Data: bytes.Repeat([]byte{7}, 180_000)})
	w.Arrive("Dana", api.Letter{Attachments: []api.File{{ID: "half", Name: "film.mp4", Bytes: 5_000_000, Have: 1_200_000}}})
	b := w.enter(t)
	has(t, b.last, "2 new letters")
	_, page := b.get("/with/" + p.ID)
	has(t, page, `dir="auto"`, "\u202eevil\n\n  two  spaces", "written 2 days ago · arrived just now", "180 KB", "1.2 MB of 5.0 MB here", "have changed", `class="alert"`)
	hasNot(t, page, "/file/half")
	if _, page = b.get("/"); strings.Contains(page, "new letter") {
		t.Error("read letters are still new")
	}
	resp, body := b.do(b.request("GET", "/file/"+id+"-0", nil))
	h := resp.Header
	if len(body) != 180_000 || h.Get("Content-Type") != "application/octet-stream" || h.Get("Content-Disposition") != "attachment; filename=voice.ogg" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("file: %d bytes, %v", len(body), h)
	}
}

func TestLongConversation(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	for i := range page + 10 {
		w.Arrive("Dana", api.Letter{Text: fmt.Sprintf("letter-%02d.", i)})
	}
	b := w.enter(t)
	_, first := b.get("/with/" + p.ID)
	has(t, first, "letter-59.", "letter-10.", "Earlier letters")
	hasNot(t, first, "letter-09.")
	_, rest, _ := strings.Cut(first, `href="/with/`+p.ID+"?before=")
	before, _, _ := strings.Cut(rest, `"`)
	_, earlier := b.get("/with/" + p.ID + "?before=" + before)
	has(t, earlier, "letter-09.", "letter-00.", "To the latest letters")
	hasNot(t, earlier, "letter-10.", "Earlier letters")
}

// TestSendingFails: the text is never lost, and the words say what to do.
func TestSendingFails(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	b := w.enter(t)
	b.get("/with/" + p.ID)
	csrf := b.csrf()
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{api.ErrFull, 507, "disk of this device is full"},
		{api.ErrClock, 409, "Set date and time"},
		{api.ErrTooLarge, 413, "too large"},
		{errors.New("secret path /home/x"), 500, "was not saved"},
	} {
		w.Fail("Send", c.err)
		resp, page := b.letter("/with/"+p.ID, csrf, "long & <thought>")
		if resp.StatusCode != c.status {
			t.Errorf("%v: status %d, want %d", c.err, resp.StatusCode, c.status)
		}
		has(t, page, c.want, "long &amp; &lt;thought&gt;</textarea>", `role="alert"`)
	}
	w.Fail("Send", nil)
	resp, page := b.letter("/with/"+p.ID, csrf, " \n ")
	if resp.StatusCode != 400 {
		t.Errorf("empty: status %d", resp.StatusCode)
	}
	has(t, page, "Write something first")
	if out, _ := w.Outbox(t.Context()); len(out) != 0 {
		t.Errorf("sent %v", out)
	}
}

// TestRename: a name that cannot stand comes back in the form with the reason.
func TestRename(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	w.AddPerson(api.Person{Name: "Timur"})
	b := w.enter(t)
	path := "/person/" + p.ID
	_, page := b.get(path)
	has(t, page, "never sent", `maxlength="64"`, `value="Dana"`)
	for name, want := range map[string]string{" timur ": "another of your people or a group", strings.Repeat("ж", 33): "a name needs a letter that can be seen, and at most 64 Latin or 32 Cyrillic"} {
		b.get(path)
		resp, page := b.submit(path, "name", name)
		if resp.StatusCode != http.StatusConflict {
			t.Errorf("%q: %d", name, resp.StatusCode)
		}
		has(t, page, "was not changed: "+want, `value="`+name+`"`, `aria-invalid="true"`, "<bdi>Dana</bdi>")
	}
	b.get(path)
	_, page = b.submit(path, "name", "Dana <of> house 7")
	has(t, page, "now \u2068Dana &lt;of&gt; house 7\u2069", `value="Dana &lt;of&gt; house 7"`)
	if list, _ := w.People(t.Context()); list[0].Name != "Dana <of> house 7" || list[0].ID != p.ID {
		t.Errorf("%+v", list)
	}
	if resp, _ := b.submit("/person/nobody", "name", "x"); resp.StatusCode != 404 {
		t.Errorf("nobody: %d", resp.StatusCode)
	}
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana", KeyChanged: true})
	b := w.enter(t)
	me, _ := w.Me(t.Context())
	_, page := b.get("/person/" + p.ID)
	has(t, page, "Is it really \u2068Dana\u2069?", "have changed", me.Words[3], me.Digits[:4], p.Words[2])
	resp, page := b.submit("/person/"+p.ID, "code", "wrong words here")
	if resp.StatusCode != http.StatusConflict {
		t.Errorf("mismatch: %d", resp.StatusCode)
	}
	has(t, page, "They do NOT match", "do not trust", ">wrong words here</textarea>", "Keys changed")
	hasNot(t, page, "They match")
	resp, page = b.submit("/person/"+p.ID, "code", "")
	if resp.StatusCode != 400 {
		t.Errorf("nothing typed: %d", resp.StatusCode)
	}
	has(t, page, "Type the words")
	_, page = b.submit("/person/"+p.ID, "code", strings.ToUpper(strings.Join(p.Words, "  ")))
	has(t, page, "They match", "Checked by voice")
	hasNot(t, page, "have changed")
	_, page = b.submit("/person/"+p.ID, "same", "yes")
	has(t, page, "They match", "Checked in person")
	if status, _ := b.get("/person/nobody"); status != 404 {
		t.Errorf("nobody: %d", status)
	}
	at := w.clock.t.Add(-time.Hour)
	q := w.AddPerson(api.Person{Name: "Timur", Verified: "in person", Forked: true, HeardAt: &at, Stuck: "no card of theirs is left"})
	_, page = b.get("/person/" + q.ID)
	has(t, page, "Check again", "do not agree about your letters", "device: <time", `class="trust changed"`)
	_, page = b.get("/with/" + q.ID)
	has(t, page, "do not agree about your letters", "cannot leave now: <bdi>no card of theirs is left</bdi>")
	// Wrong words beside the box are wrong words.
	b.get("/person/" + p.ID)
	_, page = b.submit("/person/"+p.ID, "code", "still wrong", "same", "yes")
	has(t, page, "They do NOT match")
}

func TestNetwork(t *testing.T) {
	w := newWorld(t)
	w.AddPerson(api.Person{Name: "Dana"})
	b := w.enter(t)
	at := w.clock.t.Add(-3 * time.Hour)
	for state, want := range map[string]string{
		"no-link": "No connection at all right now. No letter waits.", "dark": "No way out right now. No letter waits.",
		"nearby": "Only devices nearby answer right now.", "open": "The way out is open.",
		"not-known": "Whether there is a way out is not known yet.", "": "Whether there is a way out is not known yet.", "<b>": "is not known yet",
	} {
		w.SetStatus(api.Status{Network: api.Network{State: state, Since: &at}})
		for _, path := range []string{"/", "/net", "/add", "/me", "/carry"} {
			if _, page := b.get(path); !strings.Contains(page, want) {
				t.Errorf("%s, %q: no %q", path, state, want)
			}
		}
	}
	w.SetStatus(api.Status{
		Network: api.Network{State: "open", Since: &at}, Clock: "the clock says 1970", Trouble: []string{"the stick is full"},
		Links: []api.Link{{Kind: "relay", Addr: "https://203.0.113.5:443", State: "up"}, {Kind: "relay", Addr: "relay.example:443", State: "up", Transport: "tls", Port: 3785, Tried: []api.Tried{
			{Transport: "tls", Port: 3785, Answered: true}, {Transport: "tls", Port: 443, Saw: "portal", Instead: "redirect"},
			{Transport: "tls", Port: 179, Saw: "key"}, {Transport: "tls", Port: 53, Saw: "other"}, {Transport: "quic", Port: 443}, {Transport: "quic", Port: 53},
		}}, {Kind: "lan", State: "down", Error: "timeout"}, {Kind: "folder", State: "trying"}, {Kind: "pigeon", State: "asleep"}},
		Windows: []api.Window{
			{From: at, Sent: 3, Received: 4},
			{From: at.Add(-24 * time.Hour), To: &at, Sent: 1},
		},
		Shelf: api.Shelf{Envelopes: 12, Bytes: 1_500_000, Quota: 500_000_000},
	})
	_, page := b.get("/net")
	has(t, page, "Like this since", "3 h ago", "Something here needs you.", "clock of this device looks wrong", "the stick is full", "Mailbox abroad", "works", "Devices nearby", "does not answer", "timeout",
		"being tried", "Another way", "7 January 2022, 15:00", "still open", "3 out, 4 in", "6 January 2022, 15:00", "12 sealed letters", "1.5 MB of 500 MB", "not known",
		"by TLS, port 3785", "On port 443 a sign-in page", "On port 179 somebody answers with another key", "On port 53 something answers", "2 ways were tried without an answer")
	w.Fail("Status", errors.New("no"))
	if _, page = b.get("/"); !strings.Contains(page, "is not known yet") {
		t.Error("without a status the sentence guesses")
	}
}

func TestCarry(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	b.get("/carry")
	resp, page := b.submit("/carry", "path", "/nowhere")
	if resp.StatusCode != 404 {
		t.Errorf("no such stick: %d", resp.StatusCode)
	}
	has(t, page, "This place cannot be used", `value="/nowhere"`)
	resp, page = b.submit("/carry", "path", " ")
	if resp.StatusCode != 400 {
		t.Errorf("nothing: %d", resp.StatusCode)
	}
	has(t, page, "Write where the stick is")
	_, page = b.submit("/carry", "path", "/media/usb")
	has(t, page, "You may take the stick out", "3 sealed letters written", "2 new sealed letters", "1 of them is for you", "left alone")
	if _, page = b.get("/carry"); strings.Contains(page, "take the stick out") {
		t.Error("it is said twice")
	}
}

func TestRecording(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	b.get("/carry")
	for file, status := range map[string]int{"/nowhere": 404, " ": 400} {
		if resp, _ := b.submit("/tune", "file", file); resp.StatusCode != status {
			t.Errorf("recording %q: %d, want %d", file, resp.StatusCode, status)
		}
	}
	_, page := b.submit("/tune", "file", "/media/air.ts")
	has(t, page, "The recording was read", "5 new sealed letters", "1 of them is for you", "record another round")
}

func TestCodes(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	for path, camera := range map[string]string{"/codes": "camera=(self)", "/carry": "camera=()"} {
		resp, _ := b.do(b.request("GET", path, nil))
		if got := resp.Header.Get("Permissions-Policy"); !strings.Contains(got, camera) {
			t.Errorf("%s: %q, want %s", path, got, camera)
		}
	}
	_, page := b.get("/codes")
	has(t, page, "Show codes", "Film with the camera")
	if status, _ := b.get("/codes.gif"); status != 404 {
		t.Errorf("a picture of nothing: %d", status)
	}
	b.get("/codes")
	_, page = b.submit("/codes", "do", "show")
	has(t, page, "2 sealed letters are in this picture", "for about 1 second.", "/codes.gif")
	if resp, _ := b.do(b.request("GET", "/codes.gif", nil)); resp.Header.Get("Content-Type") != "image/gif" {
		t.Error("no picture")
	}
	b.get("/codes")
	_, page = b.submit("/codes", "do", "hide")
	if strings.Contains(page, "codes.gif") {
		t.Error("the codes are still shown")
	}
	w.Fail("ShowCodes", api.ErrNotFound)
	_, page = b.submit("/codes", "do", "show")
	has(t, page, "Nothing waits here")
}

func TestLanguages(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	b.head["Accept-Language"] = "ru-RU,ru;q=0.9,en;q=0.5"
	_, page := b.get("/me")
	has(t, page, `<html lang="ru"`)
	b.submit("/lang", "lang", "kk", "back", "/me")
	has(t, b.last, `<html lang="kk"`)
	for _, back := range []string{"https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", ""} {
		resp, _ := b.submit("/lang", "lang", "en", "back", back)
		if resp.Request.URL.Host != b.request("GET", "/", nil).URL.Host || resp.Request.URL.Path != "/" {
			t.Errorf("back to %q led to %s", back, resp.Request.URL)
		}
	}
	has(t, b.last, `<html lang="en"`)
	b.submit("/lang", "lang", "xx", "back", "/")
	has(t, b.last, `<html lang="en"`)
}

func TestErrorsInWords(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	for _, path := range []string{"/nothing", "/with/nobody", "/file/none", "/with/x/y", "/person/"} {
		status, page := b.get(path)
		if status != 404 {
			t.Errorf("%s: %d", path, status)
		}
		has(t, page, "does not exist, or no longer")
	}
	w.Fail("People", errors.New("the vault is <busy>"))
	status, page := b.get("/")
	if status != 500 {
		t.Errorf("status %d", status)
	}
	has(t, page, "could not do this now", "the vault is &lt;busy&gt;")
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	b := w.enter(t)
	resp, err := b.c.Do(b.request("GET", "/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("headers %v", resp.Header)
	}
	if got := readLine(t, resp.Body); got != "retry: 3000" {
		t.Errorf("first %q", got)
	}
	w.Arrive(p.Name, api.Letter{Text: "new"})
	if got := readLine(t, resp.Body) + readLine(t, resp.Body); !strings.Contains(got, "data: page") {
		t.Errorf("event %q", got)
	}
}

func readLine(t *testing.T, r io.Reader) string {
	t.Helper()
	var line []byte
	b := make([]byte, 1)
	for {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
		if b[0] == '\n' && len(line) > 0 {
			return string(line)
		}
		if b[0] != '\n' {
			line = append(line, b[0])
		}
	}
}

func TestShutdownEndsStreams(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	resp, err := b.c.Do(b.request("GET", "/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	readLine(t, resp.Body)
	b.c.CloseIdleConnections()
	if err := w.s.Config.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// TestWeight keeps the page light: 150 kB with everything it loads.
func TestWeight(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	for i := range page {
		w.Arrive("Dana", api.Letter{Text: strings.Repeat("word ", 40) + fmt.Sprint(i)})
	}
	b := w.enter(t)
	sum := 0
	for _, path := range []string{"/with/" + p.ID, "/static/style.css", "/static/live.js", "/static/icon.svg"} {
		status, body := b.get(path)
		if status != 200 {
			t.Errorf("%s: %d", path, status)
		}
		sum += len(body)
	}
	if sum > 150_000 {
		t.Errorf("a full conversation weighs %d bytes, at most 150,000", sum)
	}
	t.Logf("a full conversation with style and script: %d bytes", sum)
	_ = fs.WalkDir(staticFiles, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			body, _ := staticFiles.ReadFile(path)
			for _, bad := range []string{"http://", "https://", "@import", "url("} {
				if strings.Contains(strings.ReplaceAll(string(body), "http://www.w3.org/2000/svg", ""), bad) {
					t.Errorf("%s loads something: %q", path, bad)
				}
			}
		}
		return err
	})
}
