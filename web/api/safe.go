package api

import (
	"context"
	"net/http"
	"time"
)

// Word is a short status: safe, moved (safe, in another place), hurt (needs
// help) or looking (for somebody).
type Word struct {
	Seq  uint32    `json:"seq"` // order among the author's
	Kind string    `json:"kind"`
	At   time.Time `json:"at"` // the author's clock: a claim; zero when not known
	Whom string    `json:"whom,omitempty"`
	Town string    `json:"town,omitempty"`
	Net  string    `json:"net,omitempty"`
	Note string    `json:"note,omitempty"`
	With []string  `json:"with,omitempty"` // who is there too, as the author calls them

	// Of words that came:
	ReceivedAt *time.Time `json:"received_at,omitempty"`
	Noted      bool       `json:"noted,omitempty"` // by SMS or on paper, with the right code
	Doubt      bool       `json:"doubt,omitempty"` // its words are not those that the code was made for
}

// Told is one of my words with what became of it.
type Told struct {
	Word
	To []ToldTo `json:"to"`
}

// ToldTo is a word on its way to one person or group: saved, carried, left, delivered,
// expired, or replaced by a newer word before it left.
type ToldTo struct {
	Name     string    `json:"name"`
	ID       string    `json:"id"`
	State    State     `json:"state"`
	At       time.Time `json:"at"`
	Carriers int       `json:"carriers,omitempty"`
	Group    bool      `json:"group,omitempty"` // it goes to a group, in one envelope for all
	Reach    *Reach    `json:"reach,omitempty"` // then: how many have it
}

// Replaced is the state of a word in whose place a newer one went.
const Replaced State = "replaced"

// SafeAsk is a word to people; to everybody when To is empty.
type SafeAsk struct {
	Kind string   `json:"kind"`
	Whom string   `json:"whom,omitempty"` // of looking
	Town string   `json:"town,omitempty"`
	Net  string   `json:"net,omitempty"`
	Note string   `json:"note,omitempty"` // at most 280 bytes
	With []string `json:"with,omitempty"` // contacts who are there too; their contacts are told that they were seen
	To   []string `json:"to,omitempty"`
	// Heard also tells whose devices this one heard lately, to who knows them
	// too: they learn that I know those people.
	Heard bool `json:"heard,omitempty"`
}

// WordsAsk lists the words of one person, newest first; mine when From is
// empty.
type WordsAsk struct {
	From string `json:"from"`
	Max  int    `json:"max,omitempty"` // 0: all that are kept
}

// NotesAsk asks for my newest word as lines for SMS or paper.
type NotesAsk struct {
	To   []string `json:"to,omitempty"`   // everybody when empty
	Lang string   `json:"lang,omitempty"` // en, ru or kk
	Seq  uint32   `json:"seq,omitempty"`  // which word; 0: the newest
}

// Note is a word as one SMS to one person.
type Note struct {
	To    string `json:"to"`
	ID    string `json:"id"`
	Text  string `json:"text"`
	Code  string `json:"code"` // its last part, which may also be read aloud
	Units int    `json:"units"`
	Limit int    `json:"limit"` // of one SMS: 160 or 70
	Cut   bool   `json:"cut,omitempty"`
}

// TakeAsk is a note that came by SMS or on paper.
type TakeAsk struct {
	Text string `json:"text"`
}

// Taken is whose note it was.
type Taken struct {
	From  string `json:"from"`
	ID    string `json:"id"`
	Word  Word   `json:"word"`
	Known bool   `json:"known,omitempty"` // it was here before
	Older bool   `json:"older,omitempty"` // a newer word was here before
	Typo  bool   `json:"typo,omitempty"`  // a wrong character was put right
}

// Outcome is what became of one of several notes: it was taken, or why not.
type Outcome struct {
	Text  string `json:"text"` // as it stood there
	Taken *Taken `json:"taken,omitempty"`
	Why   string `json:"why,omitempty"`   // typo, mismatch (from nobody known), mine, no-code, or failed
	Error string `json:"error,omitempty"` // in words
}

// PromiseAsk is "I will report by that hour". A newer promise takes the place
// of the older.
type PromiseAsk struct {
	By     time.Time `json:"by"`
	Grace  int       `json:"grace,omitempty"` // minutes; 0: an hour
	To     []string  `json:"to,omitempty"`    // everybody when empty
	Cancel bool      `json:"cancel,omitempty"`
}

// Promise is one with what can be said of it: waiting, reported, cancelled,
// overdue, or place-dark, where nothing can be told.
type Promise struct {
	Who     string     `json:"who"` // "" for mine
	ID      string     `json:"id,omitempty"`
	By      time.Time  `json:"by"`
	At      time.Time  `json:"at"`
	Grace   int        `json:"grace"`
	Verdict string     `json:"verdict"`
	Since   *time.Time `json:"since,omitempty"`
	To      []string   `json:"to,omitempty"` // of mine
}

// Safety is the part of the door for short words about people.
type Safety interface {
	Safe(ctx context.Context, ask SafeAsk) (Told, error)
	Told(ctx context.Context) ([]Told, error) // mine, newest first
	Words(ctx context.Context, ask WordsAsk) ([]Word, error)
	Notes(ctx context.Context, ask NotesAsk) ([]Note, error)
	TakeNote(ctx context.Context, ask TakeAsk) (Taken, error)
	// TakeNotes files all notes of a text that may hold several. Each has an
	// outcome of its own; there is always one.
	TakeNotes(ctx context.Context, ask TakeAsk) ([]Outcome, error)
	Promise(ctx context.Context, ask PromiseAsk) (Promise, error)
	Promises(ctx context.Context) ([]Promise, error)
}

func safety(m *http.ServeMux, b Safety) {
	m.Handle("POST /api/v1/safe", ask(b.Safe))
	m.Handle("GET /api/v1/told", get(list(b.Told)))
	m.Handle("POST /api/v1/words", ask(func(ctx context.Context, a WordsAsk) ([]Word, error) {
		v, err := b.Words(ctx, a)
		if v == nil {
			v = []Word{}
		}
		return v, err
	}))
	m.Handle("POST /api/v1/notes", ask(b.Notes))
	m.Handle("POST /api/v1/note", ask(b.TakeNote))
	m.Handle("POST /api/v1/notes/take", ask(b.TakeNotes))
	m.Handle("POST /api/v1/promise", ask(b.Promise))
	m.Handle("GET /api/v1/promises", get(list(b.Promises)))
}

// Safe implements Safety.
func (c *Client) Safe(ctx context.Context, a SafeAsk) (Told, error) {
	return fetch[Told](ctx, c, http.MethodPost, "safe", a)
}

// Told implements Safety.
func (c *Client) Told(ctx context.Context) ([]Told, error) {
	return fetch[[]Told](ctx, c, http.MethodGet, "told", nil)
}

// Words implements Safety.
func (c *Client) Words(ctx context.Context, a WordsAsk) ([]Word, error) {
	return fetch[[]Word](ctx, c, http.MethodPost, "words", a)
}

// Notes implements Safety.
func (c *Client) Notes(ctx context.Context, a NotesAsk) ([]Note, error) {
	return fetch[[]Note](ctx, c, http.MethodPost, "notes", a)
}

// TakeNote implements Safety.
func (c *Client) TakeNote(ctx context.Context, a TakeAsk) (Taken, error) {
	return fetch[Taken](ctx, c, http.MethodPost, "note", a)
}

// TakeNotes implements Safety.
func (c *Client) TakeNotes(ctx context.Context, a TakeAsk) ([]Outcome, error) {
	return fetch[[]Outcome](ctx, c, http.MethodPost, "notes/take", a)
}

// Promise implements Safety.
func (c *Client) Promise(ctx context.Context, a PromiseAsk) (Promise, error) {
	return fetch[Promise](ctx, c, http.MethodPost, "promise", a)
}

// Promises implements Safety.
func (c *Client) Promises(ctx context.Context) ([]Promise, error) {
	return fetch[[]Promise](ctx, c, http.MethodGet, "promises", nil)
}
