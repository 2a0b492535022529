package inquiry

import (
	"cmp"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// pfifNS is the name space of PFIF 1.4.
const pfifNS = "http://zesty.ca/pfif/1.4"

// MaxImport bounds a file that is read, in bytes; and persons in it.
const (
	MaxImport  = 16 << 20
	maxPersons = maxSlips
)

// person and pfifNote have the fields of PFIF 1.4 that a slip knows.
type person struct {
	XMLName    xml.Name   `xml:"http://zesty.ca/pfif/1.4 person"`
	RecordID   string     `xml:"person_record_id"`
	EntryDate  string     `xml:"entry_date,omitempty"`
	ExpiryDate string     `xml:"expiry_date,omitempty"`
	Author     string     `xml:"author_name,omitempty"`
	SourceDate string     `xml:"source_date,omitempty"`
	FullName   string     `xml:"full_name"`
	HomeStreet string     `xml:"home_street,omitempty"`
	Other      string     `xml:"description,omitempty"`
	Notes      []pfifNote `xml:"note"`
}

type pfifNote struct {
	NoteID     string `xml:"note_record_id"`
	PersonID   string `xml:"person_record_id,omitempty"`
	EntryDate  string `xml:"entry_date,omitempty"`
	Author     string `xml:"author_name"`
	SourceDate string `xml:"source_date"`
	Contact    string `xml:"author_made_contact,omitempty"`
	Status     string `xml:"status,omitempty"`
	Phone      string `xml:"phone_of_found_person,omitempty"`
	Text       string `xml:"text"`
}

type pfif struct {
	XMLName xml.Name `xml:"http://zesty.ca/pfif/1.4 pfif"`
	Persons []person `xml:"http://zesty.ca/pfif/1.4 person"`
}

func pfifTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// statuses are what an outcome says in PFIF. spec/inquiry.md, 6.
var statuses = [...]string{Spoke: "believed_alive", Close: "believed_alive", Neighbour: "believed_alive",
	NoAnswer: "information_sought", NotThere: "believed_missing", Other: "information_sought"}

// WritePFIF writes slips as persons with notes. domain names whose records
// they are, as PFIF asks. Erased slips are left out. A note must have an author:
// of whom no name is known it says so in the language lang (en, ru or kk).
func WritePFIF(w io.Writer, list []View, domain, lang string) error {
	var out pfif
	words := wordsIn(lang)
	for _, v := range list {
		if v.Erased {
			continue
		}
		id := domain + "/" + v.ID.String()
		p := person{
			RecordID: id, EntryDate: pfifTime(v.Received), SourceDate: pfifTime(v.Made), Author: v.From, FullName: v.Name,
			ExpiryDate: pfifTime(v.Received.Add(time.Duration(v.Days) * 24 * time.Hour)), HomeStreet: v.Address,
		}
		text := v.Question
		if v.Phone != "" {
			text = strings.TrimSpace(text + "\nTel. " + v.Phone)
		}
		p.Notes = append(p.Notes, pfifNote{NoteID: id + ".0", PersonID: id, EntryDate: pfifTime(v.Received), SourceDate: pfifTime(v.Made), Author: cmp.Or(v.From, words.asker),
			Status: "information_sought", Text: cmp.Or(text, words.asks)})
		for _, e := range v.Events {
			if e.Kind != Answered {
				continue
			}
			n := pfifNote{NoteID: domain + "/" + e.ID.String(), PersonID: id, EntryDate: pfifTime(e.At), SourceDate: pfifTime(e.At), Author: cmp.Or(e.Who, words.helper),
				Contact: strconv.FormatBool(e.Outcome == Spoke), Status: statuses[e.Outcome], Text: strings.TrimSpace(e.Outcome.String() + ": " + e.Text)}
			p.Notes = append(p.Notes, n)
		}
		out.Persons = append(out.Persons, p)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// ReadPFIF makes slips of the persons in a PFIF file of any 1.x version. What
// it cannot use is named in notes and does not end the reading.
func ReadPFIF(r io.Reader, days int) (list []Slip, notes []string, err error) {
	lr := &io.LimitedReader{R: r, N: MaxImport + 1}
	dec := xml.NewDecoder(lr)
	dec.Strict = true
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) && lr.N > 0 {
			return list, notes, nil
		}
		if lr.N <= 0 {
			return list, notes, fmt.Errorf("%w: the file has more than %d bytes", ErrSlip, MaxImport)
		}
		if err != nil {
			return list, notes, fmt.Errorf("%w: not PFIF: %w", ErrSlip, err)
		}
		start, ok := t.(xml.StartElement)
		if !ok || start.Name.Local != "person" || !strings.HasPrefix(start.Name.Space, "http://zesty.ca/pfif/1.") {
			continue
		}
		if len(list) >= maxPersons {
			return list, notes, fmt.Errorf("%w: the file has more than %d persons", ErrSlip, maxPersons)
		}
		var p anyPerson
		if err := dec.DecodeElement(&p, &start); err != nil {
			return list, notes, fmt.Errorf("%w: not PFIF: %w", ErrSlip, err)
		}
		s := p.slip(days)
		if err := s.check(); err != nil {
			notes = append(notes, fmt.Sprintf("person %d: %v", len(list)+len(notes)+1, err))
			continue
		}
		list = append(list, s)
	}
}

// anyPerson reads persons of all versions: fields are found by their name.
type anyPerson struct {
	RecordID string `xml:"person_record_id"`
	FullName string `xml:"full_name"`
	First    string `xml:"first_name"`
	Last     string `xml:"last_name"`
	Given    string `xml:"given_name"`
	Family   string `xml:"family_name"`
	Street   string `xml:"home_street"`
	City     string `xml:"home_city"`
	Author   string `xml:"author_name"`
	Notes    []struct {
		Text string `xml:"text"`
	} `xml:"note"`
}

func (p *anyPerson) slip(days int) Slip {
	name := p.FullName
	if strings.TrimSpace(name) == "" {
		name = strings.Join(strings.Fields(p.First+" "+p.Given+" "+p.Last+" "+p.Family), " ")
	}
	s := Slip{Name: strings.ReplaceAll(name, "\n", " "), Address: strings.Trim(p.Street+", "+p.City, ", "), From: said(p.Author), Days: days}
	if len(p.Notes) > 0 {
		s.Question = said(p.Notes[0].Text)
	}
	for _, line := range strings.Split(s.Question, "\n") {
		if tel, ok := strings.CutPrefix(line, "Tel. "); ok {
			s.Phone = tel
			s.Question = strings.TrimSpace(strings.Replace(s.Question, line, "", 1))
		}
	}
	return s
}

// columns of the CSV form; a reader accepts them in any order.
var columns = [...]string{"name", "phone", "address", "question", "from", "say"}

// WriteCSV writes slips with their state for a spreadsheet: UTF-8 with a byte
// order mark, which spreadsheets want.
func WriteCSV(w io.Writer, list []View) error {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	head := append(append([]string{"id"}, columns[:]...), "made", "state", "takers", "tries", "outcome", "answer", "answered_at", "answered_by")
	if err := c.Write(head); err != nil {
		return err
	}
	for _, v := range list {
		row := []string{v.ID.String()}
		for _, t := range v.texts() {
			row = append(row, cell(*t))
		}
		row = append(row, pfifTime(v.Made), string(v.State), cell(strings.Join(v.Takers, "; ")), strconv.Itoa(v.Tries))
		last := []string{"", "", "", ""}
		for _, e := range v.Events {
			if e.Kind == Answered {
				last = []string{e.Outcome.String(), cell(e.Text), pfifTime(e.At), cell(e.Who)}
			}
		}
		if err := c.Write(append(row, last...)); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// cell keeps a spreadsheet from taking a stranger's words for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t", rune(s[0])) {
		return "'" + s
	}
	return s
}

// ReadCSV reads slips from a table whose first row names the columns.
func ReadCSV(r io.Reader, days int) (list []Slip, notes []string, err error) {
	lr := &io.LimitedReader{R: r, N: MaxImport + 1}
	c := csv.NewReader(lr)
	c.FieldsPerRecord = -1
	head, err := c.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: no first row with the columns %s", ErrSlip, strings.Join(columns[:], ", "))
	}
	at := map[int]int{}
	for i, h := range head {
		for j, name := range columns {
			if strings.EqualFold(strings.TrimSpace(strings.TrimPrefix(h, "\uFEFF")), name) {
				at[i] = j
			}
		}
	}
	if len(at) == 0 {
		return nil, nil, fmt.Errorf("%w: the first row names none of the columns %s", ErrSlip, strings.Join(columns[:], ", "))
	}
	for n := 2; ; n++ {
		row, err := c.Read()
		if errors.Is(err, io.EOF) && lr.N > 0 {
			return list, notes, nil
		}
		if lr.N <= 0 || len(list) >= maxPersons {
			return list, notes, fmt.Errorf("%w: more than %d bytes or %d rows", ErrSlip, MaxImport, maxPersons)
		}
		if err != nil {
			return list, notes, fmt.Errorf("%w: row %d: %w", ErrSlip, n, err)
		}
		s := Slip{Days: days}
		texts := s.texts()
		for i, field := range row {
			if j, ok := at[i]; ok {
				*texts[j] = strings.TrimPrefix(field, "'")
			}
		}
		if err := s.check(); err != nil {
			notes = append(notes, fmt.Sprintf("row %d: %v", n, err))
			continue
		}
		list = append(list, s)
	}
}
