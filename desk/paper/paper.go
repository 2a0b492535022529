package paper

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"rsc.io/qr"

	"github.com/jauap/jauap/desk"
)

//go:embed font.ttf.gz
var packed []byte

// font unpacks what is built in.
func font() []byte {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic("paper: internal error: the font is damaged")
	}
	b, err := io.ReadAll(r)
	if err != nil {
		panic("paper: internal error: the font is damaged")
	}
	return b
}

// page is A4 with its margins, in millimetres.
const (
	margin = 18
	width  = 210 - 2*margin
)

type sheet struct {
	*fpdf.Fpdf
	s sentences
}

func newSheet(lang, title string, at time.Time) *sheet {
	f := fpdf.New("P", "mm", "A4", "")
	f.SetCatalogSort(true)
	f.SetCreationDate(at)
	f.SetModificationDate(at)
	f.SetProducer("Jauap", true)
	f.SetTitle(title, true)
	f.AddUTF8FontFromBytes("sans", "", font())
	f.SetMargins(margin, margin, margin)
	f.SetAutoPageBreak(true, 20)
	p := &sheet{f, wordsOf(lang)}
	f.SetFooterFunc(func() {
		f.SetY(-14)
		f.SetFont("sans", "", 8)
		f.SetTextColor(90, 90, 90)
		f.CellFormat(0, 5, fmt.Sprintf("%s · %s %d", title, p.s.page, f.PageNo()), "", 0, "C", false, 0, "")
		f.SetTextColor(0, 0, 0)
	})
	return p
}

func (p *sheet) text(size float64, s string) {
	p.SetFont("sans", "", size)
	p.MultiCell(width, size*0.5, printable(s), "", "L", false)
}

// printable leaves out letters that the font has not: four bytes in UTF-8.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xffff || r < 0x20 && r != '\n' {
			return '?'
		}
		return r
	}, s)
}

func (p *sheet) head(s string) {
	p.Ln(4)
	if p.GetY() > 250 {
		p.AddPage()
	}
	p.text(14, s)
	p.SetDrawColor(11, 94, 99)
	p.Line(margin, p.GetY()+0.5, margin+width, p.GetY()+0.5)
	p.Ln(2.5)
}

// Report is the PDF of an export. sums are the files beside it.
func Report(x *desk.Export, lang string, sums []desk.Summed) ([]byte, error) {
	w := wordsOf(lang)
	p := newSheet(lang, w.title, x.At)
	p.AddPage()
	p.text(22, w.title)
	if x.Redacted {
		p.text(11, w.redacted)
	} else {
		p.text(11, w.full)
	}
	p.text(11, fmt.Sprintf("%s: %s, %s UTC", w.desk, cmp.Or(x.View.By, "–"), x.At.Format("2006-01-02 15:04")))
	p.text(11, fmt.Sprintf("%s: %d. %d %s. %d %s.", w.incidents, len(x.View.Incidents), len(x.View.Reports), w.reports, x.Held, w.held))
	p.head(w.tally)
	if line := p.counts(x.View.Tally()); line != "" {
		p.text(13, line)
	} else {
		p.text(11, w.none)
	}
	p.claims(x.View.Series)
	p.drawing(x, lang)
	p.incidents(x)
	p.AddPage()
	p.head(w.method)
	for _, s := range w.how {
		p.text(10.5, "• "+s)
		p.Ln(1)
	}
	p.head(w.limits)
	for _, s := range w.bounds {
		p.text(10.5, "• "+s)
		p.Ln(1)
	}
	if err := p.checksum(sums); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err := p.Output(&b)
	return b.Bytes(), err
}

func (p *sheet) counts(m map[string]desk.Range) string {
	var list []string
	for _, c := range desk.Counts {
		n := m[c]
		switch {
		case n.Known && n.Min == n.Max:
			list = append(list, fmt.Sprintf("%s: %s %d", p.s.counts[c], p.s.atLeast, n.Min))
		case n.Known:
			list = append(list, fmt.Sprintf("%s: %d–%d", p.s.counts[c], n.Min, n.Max))
		}
	}
	return strings.Join(list, "   ")
}

func (p *sheet) claims(series []desk.Series) {
	if len(series) == 0 {
		return
	}
	p.head(p.s.claims)
	for _, s := range series {
		p.text(11.5, s.Topic+": "+p.s.counts[s.What])
		for _, c := range s.Claims {
			n := fmt.Sprint(c.Claim.Min)
			if c.Claim.Max != nil {
				n += fmt.Sprintf("–%d", *c.Claim.Max)
			}
			note := c.Claim.Scope
			switch c.State {
			case "withdrawn":
				note = p.s.withdrawn + ". " + note
			case "revised":
				note = p.s.revised + ". " + note
			}
			p.row(c.State == "withdrawn", c.Claim.Said[:10], n, p.s.sides[c.Claim.Side]+": "+c.Claim.Who, note)
		}
		p.Ln(2)
	}
}

// row is one line of a table of claims; struck ones are crossed out.
func (p *sheet) row(struck bool, day, n, who, note string) {
	if p.GetY() > 262 {
		p.AddPage()
	}
	y := p.GetY()
	p.SetFont("sans", "", 10)
	for _, c := range []struct {
		x, w float64
		s    string
	}{{margin, 24, day}, {margin + 24, 20, n}} {
		p.SetXY(c.x, y)
		p.CellFormat(c.w, 5, c.s, "", 0, "L", false, 0, "")
	}
	if struck {
		p.Line(margin+24, y+2.6, margin+24+p.GetStringWidth(n)+2, y+2.6)
	}
	p.SetXY(margin+44, y)
	p.MultiCell(width-44, 5, printable(strings.TrimSpace(who+". "+note)), "", "L", false)
}

// drawing is the map.
func (p *sheet) drawing(x *desk.Export, lang string) {
	if len(x.View.Incidents) == 0 {
		return
	}
	const scale = float64(width) / desk.Width
	if p.GetY() > 160 {
		p.AddPage()
	}
	p.head(p.s.mapOf)
	top := p.GetY()
	var points []fpdf.PointType
	for s := range strings.SplitSeq(strings.Trim(desk.Outline(), "MZ"), "L") {
		var a, b float64
		if _, err := fmt.Sscan(s, &a, &b); err == nil {
			points = append(points, fpdf.PointType{X: margin + a*scale, Y: top + b*scale})
		}
	}
	p.SetFillColor(238, 240, 236)
	p.SetDrawColor(120, 130, 130)
	p.Polygon(points, "DF")
	for line := range strings.SplitSeq(strings.TrimPrefix(desk.Borders(), "M"), "M") {
		var from fpdf.PointType
		for i, s := range strings.Split(line, "L") {
			var a, b float64
			_, _ = fmt.Sscan(s, &a, &b) // they are numbers: a test reads them all
			to := fpdf.PointType{X: margin + a*scale, Y: top + b*scale}
			if i > 0 {
				p.Line(from.X, from.Y, to.X, to.Y)
			}
			from = to
		}
	}
	p.SetFont("sans", "", 6.5)
	p.SetTextColor(100, 110, 110)
	for _, r := range desk.Regions() {
		name := map[string]string{"kk": r.KK, "ru": r.RU}[lang]
		a, b, _ := desk.Spot(r.Lat, r.Lon)
		p.SetXY(margin+a*scale-20, top+b*scale-1.5)
		p.CellFormat(40, 3, cmp.Or(name, r.EN), "", 0, "C", false, 0, "")
	}
	p.SetTextColor(0, 0, 0)
	p.SetFillColor(143, 42, 11)
	for _, i := range x.View.Incidents {
		if lat, lon, ok := x.Place(i); ok {
			if a, b, on := desk.Spot(lat, lon); on {
				p.Circle(margin+a*scale, top+b*scale, 1.2, "F")
			}
		}
	}
	p.SetXY(margin, top+desk.Height*scale+2)
}

func (p *sheet) incidents(x *desk.Export) {
	p.head(p.s.incidents)
	if len(x.View.Incidents) == 0 {
		p.text(11, p.s.none)
	}
	for _, i := range x.View.Incidents {
		if p.GetY() > 255 {
			p.AddPage()
		}
		p.text(11.5, i.Heading())
		p.text(9.5, fmt.Sprintf("%s · %s · %s · %d %s, %d %s, %d %s", i.From.Format("2006-01-02 15:04 -07:00"), i.Place, p.s.grades[i.Grade], len(i.Reports), p.s.reports, i.Sources, p.s.sources, i.Witnessed, p.s.witnessed))
		if line := p.counts(i.Counts); line != "" {
			p.text(10.5, line)
		}
		p.Ln(2)
	}
}

// checksum names the files beside the paper, for who has only the paper.
func (p *sheet) checksum(sums []desk.Summed) error {
	h := sha256.New()
	for _, s := range sums {
		fmt.Fprintf(h, "%s %s\n", s.SHA256, s.Name)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	p.Ln(4)
	p.text(9.5, p.s.check)
	p.text(9.5, sum)
	return p.code("JAUAP-EXPORT:1:"+strings.ToUpper(sum), margin, p.GetY()+2, 32)
}

// code draws a QR code with its quiet zone.
func (p *sheet) code(text string, x, y, size float64) error {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return err
	}
	step := size / float64(c.Size+8)
	p.SetFillColor(0, 0, 0)
	for i := range c.Size {
		for j := range c.Size {
			if c.Black(j, i) {
				p.Rect(x+float64(j+4)*step, y+float64(i+4)*step, step*1.02, step*1.02, "F")
			}
		}
	}
	return nil
}
