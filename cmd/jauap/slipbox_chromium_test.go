package main

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestVoicesInbox: Timur publishes a card for whoever has nobody inside. Dana,
// who has only that, asks after somebody in a real browser; the answer comes
// home under the inbox's name alone.
func TestVoicesInbox(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open("/p/timur/inbox")
	s.fill(map[string]string{"name": "Helpers of Almaty"})
	s.click(`button[value=open]`)
	s.says("Open. Publish the card.")
	card := s.eval(`document.querySelector("textarea[readonly]").value`)
	if !strings.HasPrefix(card, "jauap-inbox:1:") {
		t.Fatalf("%.40q", card)
	}
	s.open("/p/dana/slips/ask")
	s.shoot(s.at, "inbox-ask")
	s.fill(map[string]string{"name": "Gulnar Akhmetova", "phone": "+7 701 123 45 67", "question": "Is she at home?", "from": "her cousin in Berlin", "card": "jauap-inbox:1:cut"})
	s.click(`form[action="/p/dana/slips/ask"] button`)
	s.says("This is not an inbox’s card")
	s.fill(map[string]string{"card": card})
	s.click(`form[action="/p/dana/slips/ask"] button`)
	s.says("on its way to \u2068Helpers of Almaty\u2069")

	s.press("stick")
	s.shows("/p/timur/slips", "Gulnar Akhmetova", "+7 701 123 45 67", "her cousin in Berlin", "Nobody vouches for who asks", "This is no real question")
	s.shoot(s.at, "inbox-slip")
	s.eval(`([...document.querySelectorAll("article.slip")].find((e) => e.textContent.includes("Berlin")).querySelector("button[value=taken]").click(), "")`)
	s.says("taken by")
	s.open("/p/timur/slips")
	s.eval(`([...document.querySelectorAll("article.slip")].find((e) => e.textContent.includes("Berlin")).querySelector("details summary").click(), "")`)
	s.click(`input[value=neighbour]`)
	s.eval(`(document.querySelector("article.slip details[open] textarea").value = "Seen on Sunday with bread.", "")`)
	s.click(`article.slip details[open] button[value=answered]`)
	s.says("1 question is settled")
	s.hides("/p/timur/slips", "Gulnar", "123 45 67")
	s.press("stick") // what was left on it goes home
	s.shows("/p/dana/slips", "answered", "Seen on Sunday with bread.", "says \u2068Helpers of Almaty\u2069")
	if text := s.text(s.at); strings.Contains(text, "says \u2068Timur") || strings.Contains(text, "by way of") {
		t.Errorf("the asker learns who helped:\n%s", text)
	}
	s.shoot(s.at, "inbox-answer")
}

// TestVoicesWitness: on the page of a report that was sent, who is asked and by
// what way stands there first; one witness signs, one is not there, and both are
// said.
func TestVoicesWitness(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("JAUAP_TEST=all, and there is no openssl in PATH: install openssl")
	}
	tsa := opensslAuthority(t, t.TempDir())
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	s.open("/p/aigerim/report")
	s.fill(map[string]string{"what": "Soldiers fired at people", "from": "2022-01-05T17:30", "place": "Almaty"})
	s.click(`input[name=basis][value=witnessed]`)
	s.click(`input[name=consent][value=desk]`)
	s.click(`button[value=send]`)
	s.says("Sealed. It leaves by itself")
	s.click(`a[href*="/p/aigerim/witness/"]`)
	s.says("It goes straight over the network that this device has")
	s.says("Nobody outside has signed yet")
	s.fill(map[string]string{"authorities": tsa.URL + "\n" + dead.URL})
	s.click(`button[value=ask]`)
	s.says("1 witness answered.")
	s.says("Foreign witness")
	s.says(dead.URL + " did not answer")
	s.shoot(s.at, "witness")
	begin := time.Now()
	for s.eval(`document.querySelector("a[href$='/1.tsr']") ? "there" : ""`) == "" {
		if time.Since(begin) > 10*time.Second {
			t.Fatal("the stamp cannot be fetched")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
