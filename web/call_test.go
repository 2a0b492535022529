package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestCallScreen: reading, typing, waiting, and each thing that can go wrong on
// a telephone, said so that it cannot be overlooked.
func TestCallScreen(t *testing.T) {
	w := newWorld(t)
	dana := w.AddPerson(api.Person{Name: "Dana", Theirs: "by voice"})
	b := w.enter(t)
	_, page := b.get("/add")
	has(t, page, `href="/call"`, "Whoever else sees this text")
	_, page = b.get("/call")
	has(t, page, "Make my code", "24 digits or eight words")
	_, page = b.submit("/call", "do", "new")
	calls, err := w.Calls(t.Context())
	if err != nil || len(calls.Codes) != 1 {
		t.Fatalf("%v %v", calls, err)
	}
	code := calls.Codes[0]
	for _, group := range strings.Fields(code.Digits) {
		has(t, page, "<span>"+group+"</span>")
	}
	has(t, page, code.Words["en"][0], "waits on this device")

	resp, page := b.submit("/call", "code", "1234 5678", "name", "Dana <b>")
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("mistyped: status %d", resp.StatusCode)
	}
	has(t, page, "This code is not right", ">1234 5678</textarea>", `value="Dana &lt;b&gt;"`, `role="alert"`)
	w.Fail("Look", api.ErrUsage)
	_, page = b.submit("/call", "code", code.Digits)
	has(t, page, "your own code")
	w.Fail("Look", nil)
	_, page = b.submit("/call", "code", "1234 5678 9012 3456 7890 1234", "name", "Mama")
	has(t, page, "Looking for the card", "Mama", "Stop looking")

	calls, _ = w.Calls(t.Context())
	l := calls.Looks[0]
	l.False = 1
	w.SetLook(l)
	_, page = b.get("/call")
	has(t, page, "DANGER", "Somebody hears your telephone")
	mama := api.Person{ID: dana.ID, Name: "Mama", Verified: "by voice"}
	l.State, l.Person = "found", &mama
	w.SetLook(l)
	_, page = b.get("/call")
	has(t, page, "found, and checked by voice", "Half done", "DANGER")
	mama.Theirs = "by voice"
	w.SetLook(l)
	_, page = b.get("/call")
	has(t, page, "has checked you, too")

	code.Answers = []api.Person{dana}
	w.SetCode(code)
	_, page = b.get("/call")
	has(t, page, "You do not know yet who that is")
	hasNot(t, page, "Several people")
	code.Answers = append(code.Answers, mama)
	w.SetCode(code)
	_, page = b.get("/call")
	has(t, page, "Several people answered")
	_, page = b.get("/person/" + dana.ID)
	has(t, page, "has checked you, but you have not checked")

	l.State, l.Person, l.False = "looking", nil, 0
	w.SetLook(l)
	b.get("/call")
	_, page = b.submit("/call", "do", "end", "id", l.ID)
	hasNot(t, page, "Looking for the card")
}
