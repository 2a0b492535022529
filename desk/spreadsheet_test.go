package desk

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gnumeric is what a sheet of that spreadsheet program holds, as it saves it.
// A cell without a type is computed.
type gnumeric struct {
	Cells []struct {
		Row, Col int    `xml:",attr"`
		Type     string `xml:"ValueType,attr"`
		Text     string `xml:",chardata"`
	} `xml:"Sheets>Sheet>Cells>Cell"`
}

// Types of a cell.
const (
	gnumericNumber = "40"
	gnumericText   = "60"
)

// TestSpreadsheet: a spreadsheet program opens every table and holds in each cell
// what was written there, computes none, and takes no words for numbers.
func TestSpreadsheet(t *testing.T) {
	tool, err := exec.LookPath("ssconvert")
	if err != nil {
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatal("JAUAP_TEST=all, and there is no ssconvert in PATH: install gnumeric")
		}
		t.Skip("no ssconvert in PATH (gnumeric brings it): exports are not opened by a spreadsheet program (JAUAP_TEST=all makes this a failure)")
	}
	dir := t.TempDir()
	if sheet := calculated(t, tool, dir, "wrong.csv", []byte("=1+1,+7 701\r\n")); len(sheet.Cells) != 2 || sheet.Cells[0].Type != "" {
		t.Fatalf("it does not compute what nobody made harmless: %+v", sheet)
	}
	d := nastyDesk(t)
	tables, texts := 0, 0
	for _, level := range []string{Full, Redacted} {
		for name, b := range exported(t, d, level) {
			if strings.HasSuffix(name, ".csv") {
				tables++
				texts += sameSheet(t, level+" "+name, b, calculated(t, tool, dir, name, b))
			}
		}
	}
	if tables != 12 || texts < 200 {
		t.Errorf("%d tables with %d cells of text were compared", tables, texts)
	}
}

// calculated is a table as the spreadsheet program holds it.
func calculated(t *testing.T, tool, dir, name string, b []byte) (sheet gnumeric) {
	t.Helper()
	from, to := filepath.Join(dir, name), filepath.Join(dir, name+".xml")
	if err := os.WriteFile(from, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(tool, "--import-type=Gnumeric_stf:stf_csvtab", "--export-type=Gnumeric_XmlIO:sax:0", from, to)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+dir)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	raw, err := os.ReadFile(to)
	if err == nil {
		err = xml.Unmarshal(raw, &sheet)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return sheet
}

// sameSheet compares cell by cell and counts those of text.
func sameSheet(t *testing.T, name string, b []byte, sheet gnumeric) (texts int) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\uFEFF")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[[2]int]int{}
	for i, c := range sheet.Cells {
		got[[2]int{c.Row, c.Col}] = i
	}
	plain := regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	for r, row := range rows {
		for k, want := range row {
			i, ok := got[[2]int{r, k}]
			if want == "" && !ok {
				continue
			}
			if !ok {
				t.Errorf("%s, row %d, cell %d is empty, want %q", name, r, k, want)
				continue
			}
			delete(got, [2]int{r, k})
			switch c := sheet.Cells[i]; c.Type {
			case gnumericText:
				// An apostrophe before what would be computed says that it is text.
				if texts++; c.Text != strings.TrimPrefix(strings.ReplaceAll(want, "\r\n", "\n"), "'") {
					t.Errorf("%s, row %d, cell %d: %q, want %q", name, r, k, c.Text, want)
				}
			case gnumericNumber:
				n, err := strconv.ParseFloat(c.Text, 64)
				day, bad := time.Parse("2006-01-02", want)
				if bad != nil && strings.HasSuffix(want, "Z") { // with its hour, in UTC
					day, bad = time.Parse(time.RFC3339, want)
				}
				was, _ := strconv.ParseFloat(want, 64)
				if bad == nil { // days since the end of 1899
					was = day.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24
				}
				if err != nil || math.Abs(n-was) > 1e-9 || bad != nil && !plain.MatchString(want) {
					t.Errorf("%s, row %d, cell %d: the number %s, want %q", name, r, k, c.Text, want)
				}
			default:
				t.Errorf("%s, row %d, cell %d is computed: %q", name, r, k, c.Text)
			}
		}
	}
	if len(got) > 0 {
		t.Errorf("%s: cells that nobody wrote: %v", name, got)
	}
	return texts
}
