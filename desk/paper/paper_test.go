package paper

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/desk"
)

var noon = time.Date(2022, 1, 9, 12, 0, 0, 0, time.UTC)

// story is an export with a withdrawn claim and reports of three kinds of
// consent.
func story(t testing.TB, level string) *desk.Export {
	t.Helper()
	d := desk.New(account.NewMemVault())
	enter := func(e desk.Entry) string {
		l, err := d.Enter(noon, e)
		if err != nil {
			t.Fatal(err)
		}
		return l[0].Name()
	}
	if err := d.Name("Құқық қорғау бюросы"); err != nil {
		t.Fatal(err)
	}
	for k, place := range []struct {
		name     string
		lat, lon float64
	}{{"Алматы, Республика алаңы", 43.2389, 76.9450}, {"Қызылорда, Әйтеке би көшесі", 44.85, 65.51}, {"Тараз, площадь Достык", 42.9, 71.37}} {
		i := enter(desk.Entry{Kind: desk.KindIncident})
		for n, consent := range []string{"publish", "desk", "private"} {
			near, most := 400, 12+k
			var b bytes.Buffer
			r := evidence.Report{What: fmt.Sprint("Оқ атылды ", consent), From: fmt.Sprintf("2022-01-0%dT17:00:00+06:00", 5+k), Place: evidence.Place{Name: place.name, Lat: &place.lat, Lon: &place.lon, PrecisionM: &near},
				Basis: "witnessed", Numbers: []evidence.Numbers{{What: "killed", Min: 4 + n, Max: &most}, {What: "injured", Min: 20}}, Consent: consent, Made: noon.Format(time.RFC3339), Tool: "test"}
			if _, err := evidence.Write(&b, r, nil, nil, evidence.Author{}); err != nil {
				t.Fatal(err)
			}
			v, err := evidence.Check(bytes.NewReader(b.Bytes()), int64(b.Len()))
			if err == nil {
				_, err = d.File(noon, noon, &v)
			}
			if err != nil {
				t.Fatal(err)
			}
			enter(desk.Entry{Kind: desk.KindPut, Of: v.Root.String(), Into: i})
		}
		enter(desk.Entry{Kind: desk.KindGrade, Of: i, State: desk.Grades[k]})
	}
	for _, c := range []struct {
		n     int
		said  string
		scope string
	}{{26, "2022-01-07", "«вооружённых преступников»"}, {164, "2022-01-09", "103 из них в Алматы"}, {225, "2022-01-15", "тел в моргах, из них 19 силовиков"}, {238, "2022-08-16", "список имён"}} {
		id := enter(desk.Entry{Kind: desk.KindClaim, Claim: &desk.Claim{Topic: "Қаңтар 2022", Who: "Прокуратура", Side: "official", What: "killed", Min: c.n, Said: c.said, Scope: c.scope}})
		if c.n == 164 {
			enter(desk.Entry{Kind: desk.KindStatus, Of: id, State: "withdrawn", Text: "техническая ошибка"})
		}
	}
	x, err := d.Export(level, noon)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestReport prints the same bytes twice, in three languages; with
// JAUAP_TEST=all a foreign reader takes the words out again. With JAUAP_SHOTS=DIR
// the files stay there.
func TestReport(t *testing.T) {
	x := story(t, desk.Redacted)
	sums := []desk.Summed{{Name: "events.csv", SHA256: strings.Repeat("ab", 32)}}
	for lang, want := range map[string][]string{
		"kk": {"Не белгілі", "Қызылорда, Әйтеке би көшесі", "қайтарып алынды", "қаза тапты: 4–12", "Маңғыстау", "бақылау қосындысы"},
		"ru": {"Что известно", "отозвано", "не оценено|подтверждено", "Как это составлено", "103 из них в Алматы"},
		"en": {"What is known", "withdrawn", "Karaganda", "6 not shown", "What this does not show"},
	} {
		b, err := Report(x, lang, sums)
		if err != nil || !bytes.HasPrefix(b, []byte("%PDF-")) || !bytes.Contains(b, []byte("%%EOF")) || len(b) > 200_000 {
			t.Fatal(lang, len(b), err)
		}
		if again, _ := Report(x, lang, sums); !bytes.Equal(b, again) {
			t.Errorf("%s: another file the second time", lang)
		}
		dir := t.TempDir()
		if s := os.Getenv("JAUAP_SHOTS"); s != "" {
			dir = s
		}
		name := filepath.Join(dir, "desk-"+lang+".pdf")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		text := extract(t, name)
		for _, w := range want {
			ok := false
			for alt := range strings.SplitSeq(w, "|") {
				ok = ok || strings.Contains(text, alt)
			}
			if !ok {
				t.Errorf("%s: the paper does not say %q:\n%s", lang, w, text)
			}
		}
		for _, w := range []string{"Оқ атылды private", "Оқ атылды desk", "?"} {
			if strings.Contains(text, w) {
				t.Errorf("%s: the paper says %q", lang, w)
			}
		}
	}
}

// TestConsentOnPaper: an incident of which only a private report tells is on no
// paper, one that the desk may tell only on the full one.
func TestConsentOnPaper(t *testing.T) {
	d := desk.New(account.NewMemVault())
	for consent, title := range map[string]string{"private": "XYZZY", "desk": "PLUGH", "publish": "FROTZ"} {
		l, err := d.Enter(noon, desk.Entry{Kind: desk.KindIncident, Text: title})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		r := evidence.Report{What: "words", From: "2022-01-05T17:00:00+06:00", Place: evidence.Place{Name: "place of " + title}, Basis: "heard", Consent: consent, Made: noon.Format(time.RFC3339), Tool: "test"}
		if _, err := evidence.Write(&b, r, nil, nil, evidence.Author{}); err != nil {
			t.Fatal(err)
		}
		v, err := evidence.Check(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err == nil {
			_, err = d.File(noon, noon, &v)
		}
		if err == nil {
			_, err = d.Enter(noon, desk.Entry{Kind: desk.KindPut, Of: v.Root.String(), Into: l[0].Name()})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for level, titles := range map[string]map[string]bool{desk.Full: {"FROTZ": true, "PLUGH": true}, desk.Redacted: {"FROTZ": true}} {
		x, err := d.Export(level, noon)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Report(x, "en", nil)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "x.pdf")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		text := extract(t, name)
		for _, title := range []string{"XYZZY", "PLUGH", "FROTZ"} {
			if strings.Contains(text, title) != titles[title] {
				t.Errorf("%s: %s on paper: %v\n%s", level, title, !titles[title], text)
			}
		}
	}
}

// extract takes the words out of a PDF with another program.
func extract(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath("pdftotext")
	if err != nil {
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatal("JAUAP_TEST=all, and there is no pdftotext in PATH: install poppler-utils")
		}
		t.Skip("no pdftotext in PATH: the words on the paper are not read by another program (JAUAP_TEST=all makes this a failure)")
	}
	out, err := exec.Command(path, "-layout", name, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), "\u00a0", " ")
}

// TestSlip prints a reply slip in three languages, as a page and as text.
func TestSlip(t *testing.T) {
	s := &Slip{ID: "0a1b2c3d", Name: "Әсел Нұрғалиқызы", Phone: "+7 701 000 00 00", Address: "Алматы, Абай к. 150", Question: "Тірі ме? Не керек?", From: "ағасы Берлиннен", Until: noon}
	for i, o := range []string{"spoke", "close", "neighbour", "no-answer", "not-there", "other"} {
		code := fmt.Sprintf("AAAA-BBBB-%dCC", i+1)
		s.Answers = append(s.Answers, Answer{Outcome: o, Code: code, QR: "JAUAP-REPLY:1:" + strings.ReplaceAll(code, "-", "")})
	}
	for lang, want := range map[string][]string{"kk": {"Жауап парағы", "Өзімен сөйлестік", "Кім туралы сұрайды"}, "ru": {"Листок для ответа", "Никто не ответил"}, "en": {"Reply slip", "A neighbour says"}} {
		b, err := SlipPDF(s, lang)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if d := os.Getenv("JAUAP_SHOTS"); d != "" {
			dir = d
		}
		name := filepath.Join(dir, "slip-"+lang+".pdf")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		text := SlipText(s, lang)
		for _, w := range append(want, "Әсел Нұрғалиқызы", "Алматы, Абай к. 150", "AAAA-BBBB-6CC", "ағасы Берлиннен") {
			if !strings.Contains(text, w) {
				t.Errorf("%s: the text does not say %q", lang, w)
			}
		}
		if n := bytes.Count(b, []byte("/Type /Page\n")); n != 1 {
			t.Errorf("%s: %d pages", lang, n)
		}
		text = extract(t, name)
		for _, w := range append(want, "Әсел Нұрғалиқызы", "AAAA-BBBB-6CC") {
			if !strings.Contains(text, w) {
				t.Errorf("%s: the page does not say %q:\n%s", lang, w, text)
			}
		}
	}
}
