package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// sayings are words and promises as people would have them.
func sayings(t *testing.T, w *world) {
	t.Helper()
	at := w.clock.t
	came := at.Add(-30 * time.Minute)
	w.SetWord("Mama", api.Word{Seq: 1, Kind: "moved", At: at.Add(-3 * time.Hour), ReceivedAt: &came, Town: "Алматы", Net: "Kcell", Note: "Апаңмен біргеміз, су бар", With: []string{"Аружан"}})
	w.SetWord("Mama", api.Word{Seq: 2, Kind: "looking", At: at.Add(-2 * time.Hour), ReceivedAt: &came, Whom: "Ерлан Қасымов", Note: "көк күрте киген"})
	w.SetWord("Жанибек Серікұлы Құдайбергенов", api.Word{Seq: 1, Kind: "hurt", At: at.Add(-20 * time.Minute), ReceivedAt: &came, Noted: true, Doubt: true})
	w.SetPromise("Mama", api.Promise{By: at.Add(-2 * time.Hour), Verdict: "overdue"})
	w.SetPromise("Жанибек Серікұлы Құдайбергенов", api.Promise{By: at.Add(-26 * time.Hour), Verdict: "place-dark"})
	if _, err := w.Safe(t.Context(), api.SafeAsk{Kind: "safe", Town: "Алматы", Note: "Біз үйдеміз"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Promise(t.Context(), api.PromiseAsk{By: at.Add(4 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
}

func TestHome(t *testing.T) {
	w := newWorld(t)
	for _, n := range []string{"Mama", "Жанибек Серікұлы Құдайбергенов", "Dina"} {
		w.AddPerson(api.Person{Name: n, SeenBy: "Aru", Place: "Алматы Kcell"})
	}
	sayings(t, w)
	seen := w.clock.t.Add(-time.Hour)
	w.AddPerson(api.Person{Name: "Saken", SeenAt: &seen, SeenBy: "Aru", PlaceAnsweredAt: &seen, Place: "Тараз"})
	w.SetWord("Saken", api.Word{Seq: 1, Kind: "safe", At: seen, Note: "<b>су</b>"})
	w.SetStatus(api.Status{
		Network: api.Network{State: "open"}, Progress: &api.Progress{Since: seen, Sent: 12, Total: 40, Received: 3},
		Links: []api.Link{{Kind: "lan", State: "up"}, {Kind: "relay", State: "up"}, {Kind: "relay", State: "trying"}},
	})
	b := w.enter(t)
	b.get("/")
	has(t, b.last, "Safe, in another place", "Алматы Kcell", "Апаңмен біргеміз, су бар", "&lt;b&gt;су&lt;/b&gt;", "Аружан", "Looks for \u2068Ерлан Қасымов\u2069",
		"Needs help", "the words were changed or mistyped", "no word, although this place answered", "nobody can tell",
		`<progress max="40" value="12"`, "12 of 40 have left", "3 arrived", "1 is near now.", "1 of 2 answer now.", `class="by">Aru<`, `class="by">Тараз<`)
	if strings.Contains(b.last, "<b>су</b>") {
		t.Error("a stranger's words are taken for a page")
	}
	// Who needs it stands first, and somebody of whom nothing is known is not guessed at.
	if strings.Index(b.last, "Needs help") > strings.Index(b.last, `<bdi>Dina</bdi>`) {
		t.Error("who needs help stands below others")
	}
	_, dina, _ := strings.Cut(b.last, `<bdi>Dina</bdi>`)
	if dina, _, _ = strings.Cut(dina, "</li>"); strings.Count(dina, "not known") != 3 {
		t.Errorf("of Dina: %s", text("<body>"+dina))
	}
	for _, path := range []string{"/", "/add", "/carry", "/net", "/me", "/slips", "/note"} {
		if b.get(path); !strings.Contains(b.last, `href="/safe"`) {
			t.Errorf("%s has no way to “I am safe”", path)
		}
	}
}

// TestSafeToGroups: groups are chosen beside people; how many have it is told, and
// a member's word stands at their name.
func TestSafeToGroups(t *testing.T) {
	w := newWorld(t)
	mama := w.AddPerson(api.Person{Name: "Mama"})
	word := api.Word{Kind: "hurt", At: w.clock.t, Note: "leg <b>"}
	home := w.AddGroup(api.Group{Name: "Home <b>", Members: []api.GroupMember{{Name: "I", Me: true}, {Name: "Dana", Key: "ab", Said: true, Word: &word}, {Name: "Timur", Key: "cd"}}})
	w.AddGroup(api.Group{Name: "Old", Status: "left"})
	b := w.enter(t)
	b.get("/safe")
	has(t, b.last, "Tell groups", `name="group" value="`+home.ID+`"><bdi>Home &lt;b&gt;`)
	hasNot(t, b.last, "<bdi>Old</bdi>")
	_, body := b.submit("/safe", "kind", "hurt", "choose", "yes", "group", home.ID, "note", strings.Repeat("ә", 141))
	has(t, body, "too long for a short word", `value="`+home.ID+`" checked`)
	_, body = b.submit("/safe", "kind", "safe", "choose", "yes", "group", home.ID)
	has(t, body, "Saved.", "To 1 group", "0 of 2 have it")
	hasNot(t, body, "To 1 person")
	_, body = b.submit("/safe", "kind", "safe", "choose", "yes", "to", mama.ID, "group", home.ID)
	has(t, body, "To 1 person · To 1 group")
	told, _ := w.Told(t.Context())
	if len(told) != 2 || len(told[1].To) != 1 || told[1].To[0].ID != home.ID || len(told[0].To) != 2 {
		t.Fatalf("%+v", told)
	}
	b.get("/group/" + home.ID + "/who")
	has(t, b.last, "Needs help", "leg &lt;b&gt;")
}

func TestSafe(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	b.get("/safe")
	if resp, body := b.submit("/safe", "kind", "safe"); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "nobody to tell yet") {
		t.Errorf("with nobody: %d", resp.StatusCode)
	}
	mama := w.AddPerson(api.Person{Name: "Mama"})
	aru := w.AddPerson(api.Person{Name: "Aru <b>"})
	b.get("/safe")
	has(t, b.last, "How are you?", `value="safe" required checked`, "Almaty", "Aru &lt;b&gt;")
	_, body := b.submit("/safe", "kind", "looking", "note", "in a blue coat", "to", mama.ID)
	has(t, body, "Write whom you are looking for.", "in a blue coat")
	_, body = b.submit("/safe", "kind", "hurt", "choose", "yes", "note", "leg")
	has(t, body, "Nobody is chosen", ">leg</textarea>", `value="hurt" required checked`)
	_, body = b.submit("/safe", "kind", "safe", "note", strings.Repeat("ә", 141), "to", mama.ID)
	has(t, body, "too long for a short word")
	if told, _ := w.Told(t.Context()); len(told) != 0 {
		t.Fatalf("%+v", told)
	}
	_, body = b.submit("/safe", "kind", "moved", "town", " Алматы ", "note", "Үйдеміз", "to", mama.ID, "with", aru.ID, "choose", "yes")
	has(t, body, "Saved.", "Send it by SMS or on paper", "Safe, in another place", "To 1 person", "Saved here")
	told, _ := w.Told(t.Context())
	if len(told) != 1 || told[0].Town != "Алматы" || len(told[0].To) != 1 || told[0].To[0].ID != mama.ID || told[0].With[0] != aru.ID {
		t.Fatalf("%+v", told)
	}
	b.get("/safe/notes")
	has(t, b.last, "For \u2068Mama\u2069", "38 of 70 characters", "#1EFZ8Q-FAKEC0-DE", `href="sms:?&amp;body=%D0%90`, "can read it")

	b.submit("/safe/notes", "lang", "kk") // nothing is done by a form that is not there
	b.get("/note")
	for typed, want := range map[string]string{"no code": "There is no whole code", "x #TYPO": "wrong character", "x #ABC": "none of your people"} {
		resp, body := b.submit("/note", "text", typed)
		if resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", typed, resp.StatusCode)
		}
		has(t, body, want, typed)
	}
	_, body = b.submit("/note", "text", "Аманбыз #Mama")
	has(t, body, "The code is right. This is from \u2068Mama\u2069.", "Аманбыз", "by SMS or on paper")

	b.get("/checkin")
	_, body = b.submit("/checkin", "by", "soon")
	has(t, body, "Write an hour")
	_, body = b.submit("/checkin", "by", w.clock.t.In(almaty()).Add(time.Hour).Format("15:04"), "to", mama.ID)
	has(t, body, "Saved. You report by", "Put it off", "there is still time")
	_, body = b.submit("/checkin", "do", "cancel")
	has(t, body, "Taken back")
	w.SetWord("Mama", api.Word{Seq: 5, Kind: "safe", At: w.clock.t, Note: "бәрі жақсы"})
	b.get("/known/" + mama.ID)
	has(t, b.last, "What is known of", "бәрі жақсы", "It says nothing of the person")
	if status, _ := b.get("/known/ffff"); status != http.StatusNotFound {
		t.Errorf("nobody: %d", status)
	}
}
