package inquiry

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
)

// Errors, usable with errors.Is.
var (
	ErrUnknown = errors.New("inquiry: there is no such slip")
	ErrSlip    = errors.New("inquiry: cannot use this slip")
	ErrOver    = errors.New("inquiry: the slip is over")
	ErrFull    = errors.New("inquiry: too many slips are open")
	ErrNotMine = errors.New("inquiry: only who asked can withdraw a slip, and only others can answer it")
)

// Causes of ErrSlip.
var (
	ErrWhom  = fmt.Errorf("%w: say whom to ask after: a name, a telephone number or an address", ErrSlip)
	ErrTexts = fmt.Errorf("%w: its texts are too long", ErrSlip)
	ErrDays  = fmt.Errorf("%w: it may be open for 1 to %d days", ErrSlip, MaxDays)
)

// ID names a slip or an event.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads an ID or its unambiguous beginning elsewhere; here all of it.
func ParseID(s string) (id ID, err error) {
	b, err := hex.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%w: an id has 32 hexadecimal digits", ErrUnknown)
	}
	return ID(b), nil
}

// Limits. spec/inquiry.md, 1 and 5.
const (
	MaxTexts  = 800 // bytes, all texts of a slip together
	MaxAnswer = 500 // bytes
	MaxDays   = 120
	maxWho    = 64
	maxSlips  = 20_000
	maxOpen   = 6_000
	maxEvents = 200
)

// Slip is a question after somebody.
type Slip struct {
	ID       ID
	Made     time.Time // the asker's clock
	Days     int       // how long it is worth asking; 1 to MaxDays
	Name     string    // whom
	Phone    string
	Address  string
	Question string
	From     string // who asks, as the person would know them
	Say      string // what may be said
}

func (s *Slip) texts() []*string {
	return []*string{&s.Name, &s.Phone, &s.Address, &s.Question, &s.From, &s.Say}
}

// check cleans the texts and tells what is missing.
func (s *Slip) check() error {
	n := 0
	for _, t := range s.texts() {
		*t = account.Clean(*t)
		n += len(*t)
	}
	switch {
	case s.Name == "" && s.Phone == "" && s.Address == "":
		return ErrWhom
	case n > MaxTexts:
		return fmt.Errorf("%w: they have %d bytes, at most %d fit", ErrTexts, n, MaxTexts)
	case s.Days < 1 || s.Days > MaxDays:
		return ErrDays
	}
	return nil
}

// Kind of an event. spec/inquiry.md, 1.
type Kind uint8

// Kinds.
const (
	Took Kind = 1 + iota
	GaveBack
	Answered
	Withdrawn
)

// Outcome of an answer.
type Outcome uint8

// Outcomes.
const (
	Spoke Outcome = 1 + iota
	Close
	Neighbour
	NoAnswer
	NotThere
	Other
)

// outcomes are their names at the door.
var outcomes = [...]string{Spoke: "spoke", Close: "close", Neighbour: "neighbour", NoAnswer: "no-answer", NotThere: "not-there", Other: "other"}

func (o Outcome) String() string {
	if int(o) < len(outcomes) {
		return outcomes[o]
	}
	return ""
}

// ParseOutcome reads the name of an outcome.
func ParseOutcome(s string) (Outcome, error) {
	if i := slices.Index(outcomes[:], s); i > 0 {
		return Outcome(i), nil
	}
	return 0, fmt.Errorf("%w: the outcome is one of %s", ErrSlip, strings.Join(outcomes[1:], ", "))
}

// Event is what somebody did about a slip.
type Event struct {
	ID      ID
	Kind    Kind
	Outcome Outcome   // of an answer
	At      time.Time // the writer's clock
	By      [8]byte   // the writer's device, under this slip alone
	Who     string    // what the writer calls themself
	Text    string
	Via     account.ContactID // through whom it came; zero for own ones
	Mine    bool
}

func (e *Event) ok() bool {
	e.Who, e.Text = account.Clean(e.Who), account.Clean(e.Text)
	return e.Kind >= Took && e.Kind <= Withdrawn && (e.Kind == Answered) == (e.Outcome >= Spoke && e.Outcome <= Other) &&
		len(e.Who) <= maxWho && len(e.Text) <= MaxAnswer
}

// State of a slip.
type State string

// States.
const (
	Open       State = "open"
	TakenState State = "taken"
	Done       State = "answered"
	Gone       State = "withdrawn"
	Late       State = "expired"
)

// View is a slip as a person sees it.
type View struct {
	Slip
	State    State
	Mine     bool              // I asked
	Via      account.ContactID // who gave it to me; zero when I asked
	Erased   bool              // whom it was about is forgotten here
	Events   []Event           // in order
	Takers   []string          // who is on it
	Tries    int               // times nobody answered
	Received time.Time
	Boxed    bool // Via is a public inbox: it came there, or I asked there
	Askers   int  // at an inbox: how many asked the same
	Letter   ID   // at who asked an inbox: the message that took it
}

func (v *View) until() time.Time { return v.Received.Add(time.Duration(v.Days) * 24 * time.Hour) }

// order sorts events the same way on every device.
func order(list []Event) {
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.ID[:], b.ID[:])) < 0
	})
}

// judge finds the state from the events. spec/inquiry.md, 3.
func (v *View) judge(now time.Time) {
	order(v.Events)
	last := map[[8]byte]Event{}
	var takers [][8]byte
	v.State, v.Tries, v.Takers = Open, 0, nil
	answered, withdrawn := false, false
	for _, e := range v.Events {
		switch e.Kind {
		case Took, GaveBack:
			if _, seen := last[e.By]; !seen {
				takers = append(takers, e.By)
			}
			last[e.By] = e
		case Answered:
			if e.Outcome == NoAnswer {
				v.Tries++
			} else {
				answered = true
			}
		case Withdrawn:
			withdrawn = true
		}
	}
	for _, by := range takers {
		if e := last[by]; e.Kind == Took {
			v.Takers = append(v.Takers, e.Who)
		}
	}
	switch {
	case withdrawn:
		v.State = Gone
	case answered:
		v.State = Done
	case !now.IsZero() && now.After(v.until()):
		v.State = Late
	case len(v.Takers) > 0:
		v.State = TakenState
	}
}

// over reports whether nothing more is expected.
func (v *View) over() bool { return v.State == Done || v.State == Gone || v.State == Late }
