package web

import (
	"errors"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// mailboxes are one in use and two on offer, for pictures.
func mailboxes() api.Relays {
	const key = "/#bh3p5pHlXKxJqG2mYt0mS9bq1nUO0VvYkqPZr1xw6fE"
	return api.Relays{Mine: []api.Relay{{Addr: "https://192.0.2.80:443" + key}}, Offered: []api.OfferedRelay{
		{Relay: api.Relay{Addr: "https://198.51.100.17:443" + key}, From: "Mama", Day: "2022-01-08"},
		{Relay: api.Relay{Addr: "https://mailbox.example.org:8443" + key, Inland: true}, From: "Timur", Day: "2022-01-07"},
	}}
}

// TestRelaysOffered: a mailbox that a contact told of is shown with who told, and
// taken or refused by one tap; one that is used can be told of.
func TestRelaysOffered(t *testing.T) {
	w := newWorld(t)
	w.AddPerson(api.Person{Name: "Dana"})
	b := w.enter(t)
	_, body := b.get("/net")
	hasNot(t, body, "Mailboxes that contacts told of", "Tell a contact of a mailbox")
	const one, two = "https://192.0.2.1:443/#one", "https://192.0.2.2:443/#two"
	w.SetRelays(api.Relays{Offered: []api.OfferedRelay{
		{Relay: api.Relay{Addr: one}, From: "Timur", Day: "2026-11-25"}, {Relay: api.Relay{Addr: two, Inland: true}, From: "<Aset>", Day: "2026-11-24"},
	}})
	_, body = b.get("/net")
	has(t, body, "Mailboxes that contacts told of", "Timur", "&lt;Aset&gt;", one, two, "inside the country", `value="use"`, `value="refuse"`)
	_, body = b.submit("/net", "addr", one, "do", "refuse")
	has(t, body, "It will not be offered again.", two)
	hasNot(t, body, one)
	_, body = b.submit("/net", "addr", two, "do", "use", "inland", "yes")
	has(t, body, "This mailbox is used from now on.", "Tell a contact of a mailbox", two)
	hasNot(t, body, "Mailboxes that contacts told of")
	if r, err := w.Relays(t.Context()); err != nil || len(r.Mine) != 1 || !r.Mine[0].Inland {
		t.Errorf("taken: %+v, %v", r, err)
	}
	people, err := w.People(t.Context())
	if err != nil || len(people) == 0 {
		t.Fatal(err)
	}
	_, body = b.submit("/net", "addr", two, "do", "tell", "to", people[0].ID)
	has(t, body, "The address waits with your letters.")
	_, body = b.submit("/net", "addr", two, "do", "tell", "to", "nobody")
	has(t, body, "That did not work")
	w.Fail("ChangeRelays", errors.New("no disk"))
	if resp, _ := b.submit("/net", "addr", two, "do", "use"); resp.StatusCode != 500 {
		t.Errorf("a full disk: %d", resp.StatusCode)
	}
}
