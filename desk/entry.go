package desk

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/bulletin/evidence"
)

// Errors, usable with errors.Is.
var (
	ErrUnknown = errors.New("desk: there is nothing of that name here")
	ErrEntry   = errors.New("desk: this cannot be entered")
)

// Causes of ErrEntry that a person meets.
var (
	ErrMerge = fmt.Errorf("%w: two incidents are merged", ErrEntry)
	ErrNote  = fmt.Errorf("%w: a note has words and is about something", ErrEntry)
	ErrLong  = fmt.Errorf("%w: its words are too long or hold what cannot be shown", ErrEntry)
	ErrShort = fmt.Errorf("%w: the words of a claim have at most %d bytes", ErrEntry, maxShort)
	ErrSaid  = fmt.Errorf("%w: say when it was said: 2022-01-09, or with a time as 2022-01-09T12:00:00+06:00", ErrEntry)
	ErrTopic = fmt.Errorf("%w: a claim has a topic and somebody who said it", ErrEntry)
	ErrLeast = fmt.Errorf("%w: at least is above at most", ErrEntry)
	ErrNewer = fmt.Errorf("%w: its kind is unknown: a newer Jauap made it", ErrEntry)
)

const (
	format  = "jauap-desk/1"
	maxLine = 320 << 10
	// How every line begins, and the bytes of the key, the time and the signature
	// that each has at least.
	lineBegins = `{"format":"jauap-desk/1","desk":"`
	leastLine  = len(lineBegins) + 64 + 24 + 128
	maxText    = 4 << 10
	maxShort   = 500
	timeForm   = "2006-01-02T15:04:05.000Z"
)

// Kinds of entries. spec/desk.md, 2.
const (
	KindReport   = "report"
	KindClaimed  = "claimed"
	KindIncident = "incident"
	KindPut      = "put"
	KindMerge    = "merge"
	KindGrade    = "grade"
	KindSource   = "source"
	KindClaim    = "claim"
	KindStatus   = "status"
	KindNote     = "note"
	KindUndo     = "undo"
)

// Grades of an incident, Sides of a claim and Counts of people, each in the
// order in which a person is offered them.
var (
	Grades   = [...]string{"confirmed", "fair", "weak", "contested", "discounted"}
	Sides    = [...]string{"official", "hospital", "monitor", "witness", "media", "other"}
	Statuses = [...]string{"withdrawn", "revised", "stands"}
	Counts   = [...]string{"killed", "injured", "detained", "missing"}
)

// Claim is what somebody said of a number. spec/desk.md, 3.
type Claim struct {
	Topic string `json:"topic"`
	Who   string `json:"who"`
	Side  string `json:"side"`
	What  string `json:"what"`
	Min   int    `json:"min"`
	Max   *int   `json:"max,omitempty"`
	Said  string `json:"said"` // date or RFC 3339
	Scope string `json:"scope,omitempty"`
	Ref   string `json:"ref,omitempty"`
}

// Entry is one line of what a desk knows. spec/desk.md, 1.
type Entry struct {
	Format string             `json:"format"`
	Desk   string             `json:"desk"`
	By     string             `json:"by"`
	At     string             `json:"at"`
	Kind   string             `json:"kind"`
	Nonce  string             `json:"nonce,omitempty"`
	Of     string             `json:"of,omitempty"`
	Into   string             `json:"into,omitempty"`
	State  string             `json:"state,omitempty"`
	Text   string             `json:"text,omitempty"`
	Came   string             `json:"came,omitempty"`
	Author string             `json:"author,omitempty"`
	Report *evidence.Manifest `json:"report,omitempty"`
	Claim  *Claim             `json:"claim,omitempty"`
	Sig    string             `json:"sig,omitempty"`

	name string
}

func line(e *Entry) ([]byte, error) {
	var b bytes.Buffer
	j := json.NewEncoder(&b) // ends with a newline
	j.SetEscapeHTML(false)
	err := j.Encode(e)
	return b.Bytes(), err
}

// signed is what the desk's key signs.
func (e Entry) signed() ([]byte, error) {
	e.Sig = ""
	b, err := line(&e)
	return append([]byte("jauap/1 desk entry\x00"), b...), err
}

func nameOf(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:16])
}

// parse reads a line of one's own vault.
func parse(b []byte) (*Entry, error) {
	e := &Entry{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("%w: a line that is no entry", ErrEntry)
	}
	e.name = nameOf(b)
	return e, nil
}

// receive reads a line of another desk: its form, its sense and its signature.
func receive(b []byte) (*Entry, error) {
	if len(b) > maxLine || !utf8.Valid(b) {
		return nil, fmt.Errorf("%w: too long, or no text", ErrEntry)
	}
	e, err := parse(b)
	if err != nil {
		return nil, err
	}
	again, err := line(e)
	if err != nil || !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: not in the one form that is allowed", ErrEntry)
	}
	key, err1 := hex.DecodeString(e.Desk)
	sig, err2 := hex.DecodeString(e.Sig)
	msg, err3 := e.signed()
	if errors.Join(err1, err2, err3) != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, msg, sig) {
		return nil, fmt.Errorf("%w: its signature is wrong", ErrEntry)
	}
	if _, err := time.Parse(timeForm, e.At); err != nil || e.Format != format {
		return nil, fmt.Errorf("%w: its form or time is unknown", ErrEntry)
	}
	return e, e.check()
}

// check says what an entry may not say.
func (e *Entry) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrEntry, what) }
	if len(e.Text) > maxText || len(e.By) > 100 || len(e.State) > 100 || e.Text != account.Clean(e.Text) || e.State != account.Clean(e.State) || e.By != account.Clean(e.By) {
		return ErrLong
	}
	if slices.Contains([]string{KindReport, KindClaimed, KindPut, KindSource}, e.Kind) && !isHex(e.Of, 64) {
		return bad("it names no report")
	}
	if made := e.Kind == KindIncident || e.Kind == KindClaim; made != isHex(e.Nonce, 16) {
		return bad("a new incident or claim, and nothing else, has a nonce")
	}
	switch e.Kind {
	case KindReport:
		if e.Report == nil || e.Report.Report.Check() != nil {
			return bad("its report is malformed")
		}
	case KindMerge:
		if !isHex(e.Of, 32) || !isHex(e.Into, 32) || e.Of == e.Into {
			return ErrMerge
		}
	case KindGrade:
		if !isHex(e.Of, 32) || !slices.Contains(Grades[:], e.State) {
			return bad("a grade is one of " + strings.Join(Grades[:], ", "))
		}
	case KindClaim:
		if e.Claim == nil {
			return bad("it holds no claim")
		}
		return e.Claim.check()
	case KindStatus:
		if !isHex(e.Of, 32) || !slices.Contains(Statuses[:], e.State) {
			return bad("a claim is " + strings.Join(Statuses[:], ", "))
		}
	case KindNote:
		if e.Of == "" || e.Text == "" {
			return ErrNote
		}
	case KindUndo:
		if !isHex(e.Of, 32) {
			return bad("an undo names an entry")
		}
	case KindClaimed, KindPut, KindSource, KindIncident:
	default:
		return ErrNewer
	}
	return nil
}

func (c *Claim) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrEntry, what) }
	for _, s := range []string{c.Topic, c.Who, c.Scope, c.Ref} {
		if len(s) > maxShort || s != account.Clean(s) {
			return ErrShort
		}
	}
	if _, ok := saidAt(c.Said); !ok {
		return ErrSaid
	}
	switch {
	case c.Topic == "" || c.Who == "":
		return ErrTopic
	case !slices.Contains(Sides[:], c.Side):
		return bad("the side is one of " + strings.Join(Sides[:], ", "))
	case !slices.Contains(Counts[:], c.What):
		return bad("a claim counts " + strings.Join(Counts[:], ", "))
	case c.Min < 0 || c.Min > 1e9 || c.Max != nil && (*c.Max < c.Min || *c.Max > 1e9):
		return ErrLeast
	}
	return nil
}

// saidAt reads a date or a time.
func saidAt(s string) (time.Time, bool) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}
