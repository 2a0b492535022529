package desk

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/bulletin/evidence"
)

// foreignReaders opens what a desk exports with programs of others: SheetJS as a
// spreadsheet would, csvtojson as Uwazi does, and a validator of RFC 7946.
const foreignReaders = `
const fs = require('fs'), path = require('path'), dir = process.argv[2], base = process.argv[3]
const need = n => require(path.join(base, 'node_modules', n))
const XLSX = need('xlsx'), csv = need('csvtojson'), geo = need('@placemarkio/check-geojson')
const out = { sheets: {}, formulas: [], uwazi: [], wrong: [] }
for (const name of fs.readdirSync(dir)) {
  const raw = fs.readFileSync(path.join(dir, name))
  if (name.endsWith('.csv')) {
    const sheet = Object.values(XLSX.read(raw, { type: 'buffer', cellFormula: true, raw: true }).Sheets)[0]
    out.sheets[name] = XLSX.utils.sheet_to_json(sheet, { header: 1, raw: false, defval: '', blankrows: true })
    for (const [k, c] of Object.entries(sheet)) if (c && c.f) out.formulas.push(name + ' ' + k + ' ' + c.f)
  }
  if (name.endsWith('.geojson')) {
    try { geo.check(raw.toString()) } catch (e) { out.wrong.push(JSON.stringify(e.issues || String(e))) }
  }
}
csv({ delimiter: [',', ';'], flatKeys: true }).fromFile(path.join(dir, 'uwazi.csv')).then(rows => {
  out.uwazi = rows
  console.log(JSON.stringify(out))
})
`

// nasty is what people write.
const nasty = "=HYPERLINK(\"http://x\",\"y\"), \"Әсел; Ғалым\"\r\n+7 701\n-1@\tШ,Ң|ұ"

// nastyDesk has words that would be computed, cut or misread.
func nastyDesk(t *testing.T) *Desk {
	d := New(account.NewMemVault())
	_ = d.Name("Қазақ, \"бюро\"")
	for k, title := range []string{"=1+1", "+7 701 000", "-2+3", "@SUM(A1)", "Қызылорда, \"Әйтеке би\" көшесі; №5", "", "\uff1d1+1", "null"} {
		i := enter(t, d, noon, Entry{Kind: KindIncident, Text: title})
		root := file(t, d, func(r *evidence.Report) {
			r.What, r.Consent, r.Place.Name, r.Actors = nasty, "publish", "Алматы, \"Республика\" алаңы", []string{"@everyone", "=cmd|' /C calc'!A0"}
			r.From = fmt.Sprintf("2022-01-0%dT23:30:00+06:00", k+1)
			if k == 5 {
				r.Place.Lat, r.Place.Lon, r.Place.PrecisionM = nil, nil, nil
			}
			if k == 6 {
				south, west, near := -12.5, -70.25, 9000
				r.Place.Lat, r.Place.Lon, r.Place.PrecisionM = &south, &west, &near
			}
		})
		enter(t, d, noon, Entry{Kind: KindPut, Of: root, Into: i.Name()})
	}
	enter(t, d, noon, Entry{Kind: KindClaim, Claim: &Claim{Topic: "=Қаза тапқандар", Who: "+Министрлік", Side: "official", What: "killed", Min: 164, Said: "2022-01-09", Scope: "@бүкіл ел", Ref: "-"}})
	return d
}

func exported(t *testing.T, d *Desk, level string) map[string][]byte {
	t.Helper()
	x, err := d.Export(level, noon)
	var b bytes.Buffer
	if err == nil {
		err = d.WriteZip(&b, x, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestForeignReaders(t *testing.T) {
	cache, err := os.UserCacheDir()
	base := filepath.Join(cache, "jauap-ci", "readers")
	_, missing := os.Stat(filepath.Join(base, "node_modules", "csvtojson"))
	_, noNode := exec.LookPath("node")
	if errors.Join(err, missing, noNode) != nil {
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatal("JAUAP_TEST=all, and the foreign readers are not there: run .ci/readers")
		}
		t.Skip("no foreign readers (.ci/readers brings them): exports are not opened by other programs (JAUAP_TEST=all makes this a failure)")
	}
	d := nastyDesk(t)
	for _, level := range []string{Full, Redacted} {
		dir := t.TempDir()
		for name, b := range exported(t, d, level) {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := exec.Command("node", "-e", foreignReaders, "x", dir, base)
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		var told struct {
			Sheets   map[string][][]string
			Formulas []string
			Uwazi    []map[string]string
			Wrong    []string
		}
		if err := json.Unmarshal(out, &told); err != nil || len(told.Sheets) != 6 || len(told.Formulas) != 0 || len(told.Wrong) != 0 {
			t.Fatalf("%s: %d sheets, formulas %q, wrong %q, %v", level, len(told.Sheets), told.Formulas, told.Wrong, err)
		}
		sameCells(t, d, level, told.Sheets)
		readByUwazi(t, told.Uwazi)
	}
}

// sameCells compares what a spreadsheet reads with what was written, cell by
// cell, and finds cells that it would compute.
func sameCells(t *testing.T, d *Desk, level string, sheets map[string][][]string) {
	t.Helper()
	x, err := d.Export(level, noon)
	if err != nil {
		t.Fatal(err)
	}
	plain := regexp.MustCompile(`^-\d+(\.\d+)?(\|-?\d+(\.\d+)?)?$`) // a number or a position below zero
	for name, rows := range sheets {
		for i, row := range rows {
			for k, c := range row {
				if c != "" && strings.ContainsRune("=+-@\t\r\n", rune(c[0])) && !plain.MatchString(c) {
					t.Errorf("%s, row %d, cell %d would be computed: %q", name, i, k, c)
				}
			}
		}
	}
	cells := func(rows [][]string, k int) (out []string) {
		for _, r := range rows[1:] {
			out = append(out, r[k])
		}
		return out
	}
	var titles, lats []string
	for _, i := range x.View.Incidents {
		titles = append(titles, cell(i.Heading()))
		lat, _, ok := x.Place(i)
		lats = append(lats, map[bool]string{true: number(lat)}[ok])
	}
	for name, c := range map[string]struct {
		k    int
		want []string
	}{"events.csv": {1, titles}, "uwazi.csv": {0, titles}} {
		if got := cells(sheets[name], c.k); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := cells(sheets["events.csv"], 5); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", lats) {
		t.Errorf("latitudes %q, want %q", got, lats)
	}
	for _, got := range cells(sheets["sources.csv"], 9) {
		if strings.ReplaceAll(got, "\r\n", "\n") != "'"+strings.ReplaceAll(nasty, "\r\n", "\n") {
			t.Errorf("words %q, want %q", got, nasty)
		}
	}
	if row := sheets["claims.csv"][1]; row[1] != "'=Қаза тапқандар" || row[3] != "'+Министрлік" || row[8] != "'@бүкіл ел" || row[5] != "164" {
		t.Errorf("%q", row)
	}
}

// readByUwazi holds the table to what Uwazi's import takes: names of properties
// as it makes them (a position ends in _geolocation), dates YYYY-MM-DD, positions
// lat|lon, numbers plain.
func readByUwazi(t *testing.T, rows []map[string]string) {
	t.Helper()
	if len(rows) != 8 {
		t.Fatalf("%d rows", len(rows))
	}
	name, date, position := regexp.MustCompile(`^[a-z0-9_]+$`), regexp.MustCompile(`^2022-01-0[1-8]$`), regexp.MustCompile(`^-?\d+(\.\d+)?\|-?\d+(\.\d+)?$`)
	positions := 0
	for _, r := range rows {
		for k := range r {
			if !name.MatchString(k) || strings.Contains(k, "geolocation") && !strings.HasSuffix(k, "_geolocation") {
				t.Errorf("Uwazi calls no property %q", k)
			}
		}
		if r["title"] == "" || !date.MatchString(r["date"]) || r["killed_min"] != "4" || r["killed_max"] != "12" {
			t.Errorf("%q", r)
		}
		if p := r["position_geolocation"]; p != "" {
			positions++
			if !position.MatchString(p) {
				t.Errorf("a position %q", p)
			}
		}
	}
	if positions != 7 {
		t.Errorf("%d positions", positions)
	}
}
