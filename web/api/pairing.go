package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// ErrMistyped: this cannot be a code that somebody read aloud. The text says
// what is wrong with it.
var ErrMistyped = errors.New("this code is not right; listen once more")

// ErrBadPicture: no invitation can be read in this picture.
var ErrBadPicture = errors.New("no code can be read in this picture")

// MaxPicture bounds a picture to be scanned, in bytes.
const MaxPicture = 16 << 20

// Scanned is the text of the QR code in a picture, for Accept.
type Scanned struct {
	Code string `json:"code"`
}

// Code is what I read aloud to one person during one telephone call: their
// device finds my card by it.
type Code struct {
	ID     string              `json:"id"`
	Digits string              `json:"digits"` // 24 digits in groups of four
	Words  map[string][]string `json:"words"`  // by language, eight words each
	MadeAt time.Time           `json:"made_at"`
	EndsAt *time.Time          `json:"ends_at,omitempty"` // absent when it ended
	// Out says how far my card has come: "waiting" (for this device's date),
	// "here", "carried" by another device, or "relay".
	Out string `json:"out"`
	// Answers are people whose device has heard this code. Only one of them can
	// be the person on the line; type their code to know.
	Answers []Person `json:"answers"`
}

// Look is a code that I typed.
type Look struct {
	ID     string     `json:"id"`
	Begin  string     `json:"begin"` // its first digits
	Name   string     `json:"name"`  // what to call the person
	Since  time.Time  `json:"since"`
	State  string     `json:"state"` // "looking", "found", "too-late"
	At     *time.Time `json:"at,omitempty"`
	Person *Person    `json:"person,omitempty"` // when found
	// False counts cards of somebody else that lay in the place of this one:
	// the line is tapped. None of them was taken.
	False int `json:"false,omitempty"`
}

// Calls are the codes of telephone calls, mine and theirs, the newest first.
type Calls struct {
	Codes []Code `json:"codes"`
	Looks []Look `json:"looks"`
}

// LookAsk begins to look for the card of a code that somebody read to me.
type LookAsk struct {
	Code string `json:"code"`           // 24 digits or eight words
	Name string `json:"name,omitempty"` // what to call them; their own name by default
}

// EndAsk ends a code or a look.
type EndAsk struct {
	ID string `json:"id"`
}

// Pairing is how two people come to hold each other's cards over a telephone.
type Pairing interface {
	// NewCode makes a code. It takes a moment.
	NewCode(ctx context.Context) (Code, error)
	Calls(ctx context.Context) (Calls, error)
	// Look answers at once; Calls tells when the card is found. Digits or words
	// of the card of somebody known verify them. ErrMistyped, ErrUsage.
	Look(ctx context.Context, ask LookAsk) (Look, error)
	EndCall(ctx context.Context, ask EndAsk) (Calls, error)
	// Scan reads the QR code in a JPEG or PNG. ErrBadPicture, ErrTooLarge.
	Scan(ctx context.Context, picture []byte) (Scanned, error)
	// Introduce asks two people whether they want to know each other.
	Introduce(ctx context.Context, ask IntroduceAsk) (Introduction, error)
	Introductions(ctx context.Context) ([]Introduction, error)
	AnswerIntroduction(ctx context.Context, ask AnswerAsk) (Introduction, error)
}

// IntroduceAsk names two people.
type IntroduceAsk struct {
	A string `json:"a"`
	B string `json:"b"`
}

// AnswerAsk says yes or no to an introduction.
type AnswerAsk struct {
	ID  string `json:"id"`
	Yes bool   `json:"yes"`
}

// Introduction is one of mine, or one that I am in; the newest first.
type Introduction struct {
	ID     string    `json:"id"`
	Since  time.Time `json:"since"`
	By     string    `json:"by"`               // who introduces; "" when I do
	Name   string    `json:"name,omitempty"`   // whom, as By calls them
	Answer string    `json:"answer,omitempty"` // mine: "yes", "no", "" when I am asked
	Over   bool      `json:"over"`
	// Of mine: the two, and what each said.
	Two     []string `json:"two,omitempty"`
	Answers []string `json:"answers,omitempty"`
}

// servePairing adds the doors of Pairing.
func servePairing(m *http.ServeMux, b Pairing) {
	m.Handle("POST /api/v1/code", get(b.NewCode))
	m.Handle("GET /api/v1/calls", get(b.Calls))
	m.Handle("POST /api/v1/look", ask(b.Look))
	m.Handle("POST /api/v1/end-call", ask(b.EndCall))
	m.Handle("POST /api/v1/introduce", ask(b.Introduce))
	m.Handle("GET /api/v1/introductions", get(list(b.Introductions)))
	m.Handle("POST /api/v1/introductions", ask(b.AnswerIntroduction))
	m.HandleFunc("POST /api/v1/scan", func(w http.ResponseWriter, r *http.Request) {
		done := BodyDeadline(w)
		picture, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPicture))
		done()
		if err != nil {
			fail(w, r, err)
			return
		}
		s, err := b.Scan(r.Context(), picture)
		if err != nil {
			fail(w, r, err)
			return
		}
		answer(w, s)
	})
}

// Scan implements Pairing. The picture travels as it is.
func (c *Client) Scan(ctx context.Context, picture []byte) (Scanned, error) {
	if len(picture) > MaxPicture {
		return Scanned{}, ErrTooLarge
	}
	resp, err := c.do(ctx, http.MethodPost, "scan", "application/octet-stream", bytes.NewReader(picture))
	if err != nil {
		return Scanned{}, err
	}
	return readAnswer[Scanned](resp)
}

// NewCode implements Pairing.
func (c *Client) NewCode(ctx context.Context) (Code, error) {
	return fetch[Code](ctx, c, http.MethodPost, "code", nil)
}

// Calls implements Pairing.
func (c *Client) Calls(ctx context.Context) (Calls, error) {
	return fetch[Calls](ctx, c, http.MethodGet, "calls", nil)
}

// Look implements Pairing.
func (c *Client) Look(ctx context.Context, ask LookAsk) (Look, error) {
	return fetch[Look](ctx, c, http.MethodPost, "look", ask)
}

// EndCall implements Pairing.
func (c *Client) EndCall(ctx context.Context, ask EndAsk) (Calls, error) {
	return fetch[Calls](ctx, c, http.MethodPost, "end-call", ask)
}

// Introduce implements Pairing.
func (c *Client) Introduce(ctx context.Context, ask IntroduceAsk) (Introduction, error) {
	return fetch[Introduction](ctx, c, http.MethodPost, "introduce", ask)
}

// Introductions implements Pairing.
func (c *Client) Introductions(ctx context.Context) ([]Introduction, error) {
	return fetch[[]Introduction](ctx, c, http.MethodGet, "introductions", nil)
}

// AnswerIntroduction implements Pairing.
func (c *Client) AnswerIntroduction(ctx context.Context, ask AnswerAsk) (Introduction, error) {
	return fetch[Introduction](ctx, c, http.MethodPost, "introductions", ask)
}
