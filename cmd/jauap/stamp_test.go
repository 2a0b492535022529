package main

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/web/api"
)

// opensslAuthority answers time-stamp requests with openssl.
func opensslAuthority(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	run := func(args ...string) {
		t.Helper()
		c := exec.Command("openssl", args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	conf := "[req]\ndistinguished_name=d\n[d]\n[me]\nserial=serial\nsigner_cert=tsa.pem\nsigner_key=tsa.key\ndefault_policy=1.2.3\ndigests=sha256\nsigner_digest=sha256\ness_cert_id_alg=sha256\n" +
		"[use]\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=critical,timeStamping\n"
	for name, b := range map[string]string{"tsa.cnf": conf, "serial": "01\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tsa.key", "-out", "tsa.pem", "-days", "30", "-subj", "/CN=Foreign witness", "-config", "tsa.cnf", "-extensions", "use")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "q"), b, 0o600)
		}
		if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
			t.Error(err, r.Header)
		}
		run("ts", "-reply", "-config", "tsa.cnf", "-section", "me", "-queryfile", "q", "-out", "a")
		http.ServeFile(w, r, filepath.Join(dir, "a"))
	}))
	t.Cleanup(s.Close)
	return s
}

// TestAskWitnesses: of a report that was sent from here, and of the same report
// at the desk, witnesses see the root alone; what they sign is kept beside it,
// judged with the package, and forgotten with the report.
func TestAskWitnesses(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatal("JAUAP_TEST=all, and there is no openssl in PATH: install openssl")
		}
		t.Skip("no openssl in PATH: no foreign time-stamp authority is asked (JAUAP_TEST=all makes this a failure)")
	}
	t.Parallel()
	dir := t.TempDir()
	tsa := opensslAuthority(t, dir)
	dead := httptest.NewServer(nil)
	dead.Close()
	desk, author := newProgram(t, "Desk"), newProgram(t, "Author")
	var box api.Inbox
	desk.json(&box, "inbox", "open", "Newsroom", "--json")
	var sent api.SentReport
	author.json(&sent, "report", "--to", box.Card, "--json", "--what", "Canary shots", "--when", "2022-01-05T17:00:00+06:00", "--where", "Almaty", "--basis", "witnessed", "--consent", "desk")
	stick := t.TempDir()
	author.ok("carry", stick)
	desk.ok("carry", stick)

	var w api.Witnessed
	author.json(&w, "evidence", "ask", sent.ID[:8], "--tsa", tsa.URL, "--tsa", dead.URL, "--json")
	if w.Root != sent.Root || w.Fresh != 1 || len(w.Stamps) != 1 || len(w.Findings) != 1 || w.Findings[0].Code != "stamp" || len(w.Failed) != 1 || w.Failed[0].Who != dead.URL {
		t.Fatalf("%+v", w)
	}
	q, err := os.ReadFile(filepath.Join(dir, "q"))
	root, bad := hex.DecodeString(sent.Root)
	if err != nil || bad != nil || !bytes.Contains(q, root) || bytes.Contains(q, []byte("anary")) || len(q) > 100 {
		t.Errorf("%x %v", q, err)
	}
	if w.NoCard != "Newsroom" || w.SentTo != "" {
		t.Errorf("without its card: %+v", w)
	}
	author.ok("inbox", "save", box.Card)
	if out := author.ok("evidence", "ask", sent.Root, "--tsa", tsa.URL); !strings.Contains(out, "goes to Newsroom as well") {
		t.Error(out)
	}
	author.ok("carry", stick)
	desk.ok("carry", stick)
	desk.json(&w, "evidence", "ask", sent.Root, "--look", "--json")
	if len(w.Stamps) != 2 || len(w.Findings) != 2 || w.Findings[1].Code != "stamp" {
		t.Errorf("the author's stamps at the desk: %+v", w)
	}
	if out := desk.ok("desk", "report", sent.Root[:8]); !strings.Contains(out, "Foreign witness") {
		t.Error(out)
	}
	if _, errs, code := author.try("evidence", "ask", sent.Root, "--tsa", dead.URL); code == exitOK || !strings.Contains(errs, "no witness gave anything new") {
		t.Error(code, errs)
	}
	if out := author.ok("evidence", "ask", sent.Root, "--look"); !strings.Contains(out, "Foreign witness") {
		t.Error(out)
	}
	desk.ok("evidence", "ask", sent.Root[:8], "--tsa", tsa.URL)
	if out := desk.ok("desk", "report", sent.Root[:8]); !strings.Contains(out, "Foreign witness") || strings.Contains(out, "No outside witness") {
		t.Error(out)
	}
	author.ok("report", "forget", sent.ID)
	if out := author.ok("report", "sent", "--json"); strings.Contains(out, "stamps") {
		t.Errorf("that stamps were sent is remembered: %s", out)
	}
	if _, errs, code := author.try("evidence", "ask", sent.Root, "--look"); code == exitOK || !strings.Contains(errs, "0 things of the desk") {
		t.Error(code, errs)
	}
	if _, errs, code := desk.try("evidence", "ask", sent.Root[:8]); code == exitOK || !strings.Contains(errs, "name a witness") {
		t.Error(code, errs)
	}
}

// TestStamp: a package is stamped by openssl as an authority, checked by a
// stranger in three languages, and a root alone gets a stamp beside it.
func TestStamp(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatal("JAUAP_TEST=all, and there is no openssl in PATH: install openssl")
		}
		t.Skip("no openssl in PATH: no foreign time-stamp authority is asked (JAUAP_TEST=all makes this a failure)")
	}
	p := program{t, filepath.Join(t.TempDir(), "nobody")} // there is no profile here
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	tsa := opensslAuthority(t, dir)
	var made struct{ Root string }
	p.json(&made, "report", at("r"), "--what", "Shots", "--when", "2022-01-05T17:00:00+06:00", "--where", "Almaty", "--basis", "witnessed", "--consent", "desk", "--json")
	if out := p.ok("evidence", "stamp", at("r"), at("r2"), "--tsa", tsa.URL); !strings.Contains(out, `proven      Whoever trusts the time-stamp authority that calls itself "Foreign witness"`) {
		t.Error(out)
	}
	if out := p.ok("verify-evidence", at("r2"), "--tsa-cert", at("tsa.pem")); !strings.Contains(out, "whom the certificate that you named vouches for") {
		t.Error(out)
	}
	for lang, want := range map[string]string{"kk": "Дәлелденді", "ru": "Кто доверяет службе времени"} {
		if out := p.ok("verify-evidence", at("r2"), "--lang", lang); !strings.Contains(out, want) || strings.Contains(out, "proven") || !strings.Contains(out, "Foreign witness") {
			t.Errorf("%s: %s", lang, out)
		}
	}
	p.ok("evidence", "stamp", made.Root, at("x.tsr"), "--tsa", tsa.URL)
	var v evidence.Verdict
	p.json(&v, "verify-evidence", at("r"), "--stamp", at("x.tsr"), "--tsa-cert", at("tsa.pem"), "--json")
	ok := false
	for _, f := range v.Findings {
		ok = ok || f.Code == "stamp-named" && len(f.Args) == 3 && f.Args[1] == "Foreign witness"
	}
	if !ok || v.Broken() {
		t.Errorf("%+v", v.Findings)
	}
	// The settings name an authority; where they ask for Tor, nothing goes past it.
	c := newProgram(t, "Aigerim")
	conf := filepath.Join(c.dir, "jauap.conf")
	b, err := os.ReadFile(conf)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, append(b, "\ntsa = "+tsa.URL+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	c.ok("evidence", "stamp", at("r"), at("r3"))
	if err := os.WriteFile(conf, append(b, "\ntor = on\ntsa = "+tsa.URL+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := c.try("evidence", "stamp", at("r"), at("x")); code != exitUsage || !strings.Contains(errs, "ask for Tor") {
		t.Errorf("exit %d: %s", code, errs)
	}
	dead := httptest.NewServer(nil)
	dead.Close()
	for _, bad := range []struct {
		text string
		args []string
	}{
		{"name a witness", []string{"evidence", "stamp", at("r"), at("x")}},
		{"no usable answer", []string{"evidence", "stamp", at("r"), at("x"), "--tsa", dead.URL}},
		{"must look like", []string{"evidence", "stamp", at("r"), at("x"), "--tsa", "tsa.example"}},
		{"does not hold", []string{"evidence", "stamp", at("tsa.pem"), at("x"), "--tsa", tsa.URL}},
		{"exists already", []string{"evidence", "stamp", at("r"), at("r2"), "--tsa", tsa.URL}},
		{"no proof in it", []string{"evidence", "upgrade", at("r2"), at("x"), "--calendar", dead.URL}},
		{"no certificate", []string{"verify-evidence", at("r2"), "--tsa-cert", at("r")}},
		{"no catalogue", []string{"verify-evidence", at("r2"), "--lang", "de"}},
	} {
		if _, errs, code := p.try(bad.args...); code == exitOK || !strings.Contains(errs, bad.text) {
			t.Errorf("%v: exit %d: %s; want %q", bad.args, code, errs, bad.text)
		}
	}
	if _, err := os.Stat(at("x")); err == nil {
		t.Error("a failed command left a file")
	}
}
