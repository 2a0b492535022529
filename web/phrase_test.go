package web

import (
	"net/http"
	"strings"
	"testing"
)

// TestPhrase: the page changes the passphrase and sets the one under duress, says what
// that is worth, and shows nobody whether there is one.
func TestPhrase(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	_, unset := b.get("/passphrase")
	has(t, unset, "Change your passphrase", `name="now"`, `value="duress"`, `value="off"`, "copied the disk before", "may be an offence")
	// A browser must not keep it and fill it in where the first is asked for.
	if strings.Contains(unset, `id="second" name="pass" type="password"`) || strings.Count(unset, `autocapitalize="off" spellcheck="false"`) != 2 {
		t.Error("the second passphrase stands in a field for passwords")
	}
	for _, c := range []struct {
		says   string
		fields []string
	}{
		{"Say that you know", []string{"act", "duress", "now", "right", "pass", "marble pigeons", "again", "marble pigeons"}},
		{"differ", []string{"act", "duress", "now", "right", "pass", "marble pigeons", "again", "marble pigeon", "sure", "yes"}},
		{"at least 8", []string{"act", "change", "now", "right", "pass", "short", "again", "short"}},
		{"too near", []string{"act", "duress", "now", "right", "pass", "too near", "again", "too near", "sure", "yes"}},
	} {
		b.get("/passphrase")
		if resp, page := b.submit("/passphrase", c.fields...); resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, c.says) || strings.Contains(page, "marble") {
			t.Errorf("%q: %d\n%s", c.fields, resp.StatusCode, page)
		}
	}
	if got := w.Phrases(); len(got) > 0 {
		t.Errorf("asked for: %+v", got)
	}
	b.get("/passphrase")
	_, page := b.submit("/passphrase", "act", "duress", "now", "right", "pass", "marble pigeons", "again", "marble pigeons", "sure", "yes")
	has(t, page, "Done.")
	_, off := b.submit("/passphrase", "act", "off", "now", "right")
	if off != page {
		t.Error("set or taken away, the page says different things")
	}
	if _, now := b.get("/passphrase"); now != unset {
		t.Error("the page shows that one was set")
	}
	_, page = b.submit("/passphrase", "act", "change", "now", "right", "pass", "marble pigeons", "again", "marble pigeons")
	has(t, page, "is changed", "set it now")
	got := w.Phrases()
	if len(got) != 3 || !got[0].Duress || got[0].Off || string(got[0].New) != "marble pigeons" || !got[1].Off || got[1].New != nil || got[2].Duress {
		t.Errorf("asked for: %+v", got)
	}
	if resp, page := b.submit("/passphrase", "act", "off", "now", "wrong"); strings.Contains(page, "Done.") || len(w.Phrases()) != 3 {
		t.Errorf("a wrong one: %d\n%s", resp.StatusCode, page)
	}
}
