package desk

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Levels of an export.
const (
	Full     = "full"     // for desks that one works with: consent desk and publish
	Redacted = "redacted" // for everybody: consent publish only
)

// coarse is the best position that a redacted export tells, in metres.
const coarse = 5000

// Export is what may leave at a level.
type Export struct {
	Level    string
	At       time.Time
	View     *View
	Held     int // reports that were held back
	Redacted bool
}

// Export selects what may leave.
func (d *Desk) Export(level string, at time.Time) (*Export, error) {
	if level != Full && level != Redacted {
		return nil, fmt.Errorf("%w: an export is %s or %s", ErrEntry, Full, Redacted)
	}
	v, err := d.View()
	if err != nil {
		return nil, err
	}
	out := v.Allowed(func(consent string) bool { return consent == "publish" || consent == "desk" && level == Full })
	return &Export{level, at.UTC(), out, len(v.Reports) - len(out.Reports), level == Redacted}, nil
}

// position is where an incident was, as exactly as may be told.
func (x *Export) position(i *Incident) (lat, lon float64, near int, ok bool) {
	if i.Lat == nil {
		return 0, 0, 0, false
	}
	lat, lon, near = *i.Lat, *i.Lon, i.Near
	if x.Redacted && near < coarse {
		const step = 20 // a twentieth of a degree, at most 5.6 km
		lat, lon, near = math.Round(lat*step)/step, math.Round(lon*step)/step, coarse
	}
	return lat, lon, near, true
}

// Place is where an incident was, as exactly as may be told.
func (x *Export) Place(i *Incident) (lat, lon float64, ok bool) {
	lat, lon, _, ok = x.position(i)
	return lat, lon, ok
}

// Heading is an incident's title, or what its reports say of place and day.
func (i *Incident) Heading() string {
	if i.Title != "" {
		return i.Title
	}
	return i.Place + ", " + i.From.Format(time.DateOnly)
}

func cell(s string) string {
	if s == "" {
		return s
	}
	first, _ := utf8.DecodeRuneInString(s)
	if strings.ContainsRune("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", first) && (strings.Trim(s, "-.0123456789|") != "" || !strings.ContainsAny(s, "0123456789")) {
		return "'" + s // a spreadsheet would compute it; numbers below zero are numbers
	}
	return s
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func table(head []string, rows [][]string) []byte {
	var b bytes.Buffer
	b.WriteString("\uFEFF")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	_ = w.Write(head)
	for _, r := range rows {
		for i := range r {
			r[i] = cell(r[i])
		}
		_ = w.Write(r)
	}
	w.Flush() // a buffer does not fail
	return b.Bytes()
}

func (r Range) cells() []string {
	if !r.Known {
		return []string{"", ""}
	}
	return []string{strconv.Itoa(r.Min), strconv.Itoa(r.Max)}
}

func (x *Export) events() []byte {
	head := []string{"event_id", "title", "start", "end", "place", "lat", "lon", "precision_m", "grade", "reports", "sources", "witnessed"}
	for _, c := range Counts {
		head = append(head, c+"_min", c+"_max")
	}
	var rows [][]string
	for _, i := range x.View.Incidents {
		row := []string{i.ID, i.Heading(), i.From.Format(time.RFC3339), i.until(), i.Place, "", "", "", i.Grade, strconv.Itoa(len(i.Reports)), strconv.Itoa(i.Sources), strconv.Itoa(i.Witnessed)}
		if lat, lon, near, ok := x.position(i); ok {
			row[5], row[6], row[7] = number(lat), number(lon), strconv.Itoa(near)
		}
		for _, c := range Counts {
			row = append(row, i.Counts[c].cells()...)
		}
		rows = append(rows, row)
	}
	return table(head, rows)
}

func (i *Incident) until() string {
	last := ""
	for _, r := range i.Reports {
		last = max(last, r.Manifest.Report.To)
	}
	return last
}

// acts and persons follow the HURIDOCS events standard formats: who did what to
// whom. Victims are groups, for reports count people and name none.
func (x *Export) acts() []byte {
	var rows [][]string
	for _, i := range x.View.Incidents {
		for _, c := range Counts {
			if n := i.Counts[c]; n.Known {
				rows = append(rows, append([]string{i.ID + "-" + c, i.ID, c, i.ID + "-" + c + "-victims", strings.Join(x.actors(i), " | ")}, n.cells()...))
			}
		}
	}
	return table([]string{"act_id", "event_id", "act", "victim_id", "perpetrators_alleged", "count_min", "count_max"}, rows)
}

func (x *Export) actors(i *Incident) (list []string) {
	if x.Redacted {
		return nil
	}
	for _, r := range i.Reports {
		for _, a := range r.Manifest.Report.Actors {
			if !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list
}

func (x *Export) persons() []byte {
	var rows [][]string
	for _, i := range x.View.Incidents {
		for _, c := range Counts {
			if n := i.Counts[c]; n.Known {
				rows = append(rows, append([]string{i.ID + "-" + c + "-victims", "group", "victim", "", i.ID}, n.cells()...))
			}
		}
		for k, a := range x.actors(i) {
			rows = append(rows, []string{fmt.Sprintf("%s-actor-%d", i.ID, k+1), "not known", "perpetrator (alleged)", a, i.ID, "", ""})
		}
	}
	return table([]string{"person_id", "type", "role", "description", "event_id", "count_min", "count_max"}, rows)
}

func (x *Export) sources() []byte {
	var rows [][]string
	for k, r := range x.View.Reports {
		p := &r.Manifest.Report
		row := []string{"report-" + strconv.Itoa(k+1), r.Incident, p.Source, p.Basis, p.Consent, p.From, p.To, p.Place.Name, r.Came.UTC().Format(time.RFC3339), p.What, strconv.Itoa(len(r.Manifest.Media))}
		if !x.Redacted {
			row[0] = r.Root
			row = append(row, r.Source, r.Author)
		}
		rows = append(rows, row)
	}
	head := []string{"source_id", "event_id", "kind", "basis", "consent", "start", "end", "place", "received", "text", "media"}
	if !x.Redacted {
		head = append(head, "source_name", "author_key")
	}
	return table(head, rows)
}

func (x *Export) claims() []byte {
	var rows [][]string
	for _, s := range x.View.Series {
		for _, c := range s.Claims {
			most := ""
			if c.Claim.Max != nil {
				most = strconv.Itoa(*c.Claim.Max)
			}
			var history []string
			for _, h := range c.History {
				if h.Kind == KindStatus {
					history = append(history, strings.TrimSpace(h.At[:10]+" "+h.State+" "+h.Text))
				}
			}
			rows = append(rows, []string{c.ID, s.Topic, s.What, c.Claim.Who, c.Claim.Side, strconv.Itoa(c.Claim.Min), most, c.Claim.Said, c.Claim.Scope, c.Claim.Ref, c.State, strings.Join(history, " | ")})
		}
	}
	return table([]string{"claim_id", "topic", "what", "who", "side", "min", "max", "said", "scope", "reference", "state", "history"}, rows)
}

// uwazi is importable by Uwazi: columns are called as it calls properties (one of
// type geolocation labelled Position is position_geolocation), dates YYYY-MM-DD,
// positions lat|lon.
func (x *Export) uwazi() []byte {
	var rows [][]string
	for _, i := range x.View.Incidents {
		row := []string{i.Heading(), i.From.Format(time.DateOnly), "", i.Place, i.Grade, strconv.Itoa(i.Sources)}
		if lat, lon, _, ok := x.position(i); ok {
			row[2] = number(lat) + "|" + number(lon)
		}
		for _, c := range Counts {
			row = append(row, i.Counts[c].cells()...)
		}
		rows = append(rows, row)
	}
	head := []string{"title", "date", "position_geolocation", "place", "grade", "sources"}
	for _, c := range Counts {
		head = append(head, c+"_min", c+"_max")
	}
	return table(head, rows)
}

// geojson is RFC 7946.
func (x *Export) geojson() ([]byte, error) {
	type geometry struct {
		Type        string     `json:"type"`
		Coordinates [2]float64 `json:"coordinates"`
	}
	type feature struct {
		Type       string         `json:"type"`
		ID         string         `json:"id"`
		Geometry   *geometry      `json:"geometry"`
		Properties map[string]any `json:"properties"`
	}
	all := struct {
		Type     string    `json:"type"`
		Features []feature `json:"features"`
	}{"FeatureCollection", []feature{}}
	for _, i := range x.View.Incidents {
		f := feature{Type: "Feature", ID: i.ID, Properties: map[string]any{"title": i.Heading(), "start": i.From.Format(time.RFC3339), "place": i.Place, "grade": i.Grade, "sources": i.Sources}}
		if lat, lon, near, ok := x.position(i); ok {
			f.Geometry = &geometry{"Point", [2]float64{lon, lat}}
			f.Properties["precision_m"] = near
		}
		for c, n := range i.Counts {
			f.Properties[c] = []int{n.Min, n.Max}
		}
		all.Features = append(all.Features, f)
	}
	return json.MarshalIndent(all, "", " ")
}

func (x *Export) method() []byte {
	return fmt.Appendf(nil, `Jauap desk export, %s, %s. Desk: %s.

What is in it: %d incidents from %d reports, and %d series of claims. %d reports were held back, because who made them did not allow this export.

How it was made. Each report is a package whose bytes were checked: that nothing was added or changed since it was signed with its own key. That does not
make it true. A person joined reports to incidents; a program only suggested by time, place and words. For each incident a range is given: the lowest "at
least" and the highest "at most" of its reports. Reports of one incident are not added to each other; incidents are. Independent sources are counted by
names that the desk gave, by authors who showed that several reports are theirs, and otherwise by reports. Grades: confirmed, fair, weak, contested, discounted;
discounted incidents do not count in sums.

Claims are what others said, with the day on which they said it. They stand as they were said; that they were withdrawn or revised is noted beside them.

Limits. Times and places are what reporters told. Who could not report is not here. Numbers of incidents that nobody joined may count people twice.
%s`, x.Level, x.At.Format(time.RFC3339), cmp.Or(x.View.By, "without a name"), len(x.View.Incidents), len(x.View.Reports), len(x.View.Series), x.Held, redactedWords[x.Redacted])
}

var redactedWords = map[bool]string{true: `
Redacted: positions are exact to 5 km at best; actors, keys, names of sources and notes are left out.
`}

// Summed is one file of an export with its hash.
type Summed struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
}

// WriteZip writes the export as one file. paper makes report.pdf of the
// hashes of all the others; nil leaves it out.
func (d *Desk) WriteZip(w io.Writer, x *Export, paper func(sums []Summed) ([]byte, error)) error {
	geo, err := x.geojson()
	if err != nil {
		return err
	}
	files := []struct {
		name string
		data []byte
	}{
		{"method.txt", x.method()}, {"events.csv", x.events()}, {"acts.csv", x.acts()}, {"persons.csv", x.persons()}, {"sources.csv", x.sources()},
		{"claims.csv", x.claims()}, {"uwazi.csv", x.uwazi()}, {"events.geojson", geo},
	}
	z := zip.NewWriter(w)
	var sums []Summed
	put := func(name string, b []byte) error {
		sum := sha256.Sum256(b)
		sums = append(sums, Summed{name, hex.EncodeToString(sum[:]), len(b)})
		f, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(b), CompressedSize64: uint64(len(b)), UncompressedSize64: uint64(len(b))})
		if err == nil {
			_, err = f.Write(b)
		}
		return err
	}
	for _, f := range files {
		if err := put(f.name, f.data); err != nil {
			return err
		}
	}
	if paper != nil {
		b, err := paper(sums)
		if err == nil {
			err = put("report.pdf", b)
		}
		if err != nil {
			return err
		}
	}
	manifest, sig, err := d.seal(x, sums)
	if err != nil {
		return err
	}
	if err := put("manifest.json", manifest); err != nil {
		return err
	}
	if err := put("manifest.sig", sig); err != nil {
		return err
	}
	return z.Close()
}

// seal signs the list of files.
func (d *Desk) seal(x *Export, sums []Summed) (manifest, sig []byte, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.key == nil {
		if err := d.self(cmp.Or(d.by, "desk")); err != nil {
			return nil, nil, err
		}
	}
	manifest, err = json.MarshalIndent(struct {
		Format string   `json:"format"`
		Level  string   `json:"level"`
		At     string   `json:"at"`
		Desk   string   `json:"desk"`
		By     string   `json:"by"`
		Held   int      `json:"held_back"`
		Files  []Summed `json:"files"`
	}{"jauap-desk-export/1", x.Level, x.At.Format(time.RFC3339), hex.EncodeToString(d.key.Public().(ed25519.PublicKey)), d.by, x.Held, sums}, "", " ")
	return manifest, ed25519.Sign(d.key, append([]byte("jauap/1 desk export\x00"), manifest...)), err
}
