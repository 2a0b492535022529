package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kinds of files.
const (
	Photo = "photo" // encoded anew on this device before it leaves; see SendAsk.Size
	Voice = "voice" // a sound of a kind that browsers play; it goes as it was recorded
)

// Drafted is a draft as it stands: it is kept through a crash.
type Drafted struct {
	Text  string     `json:"text"`
	At    *time.Time `json:"at,omitempty"` // of the last change
	Files []Kept     `json:"files"`
	Cost  Cost       `json:"cost"`
}

// Kept is a file of a draft, as it will leave.
type Kept struct {
	Key     uint32 `json:"key"` // names it for DraftAsk.Drop
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	Kind    string `json:"kind,omitempty"`
	Held    bool   `json:"held,omitempty"`
	Width   int    `json:"width,omitempty"`
	Height  int    `json:"height,omitempty"`
	Seconds int    `json:"seconds,omitempty"`
	Preview []byte `json:"preview,omitempty"` // a JPEG
}

// Cost is what sending takes, in words that mean something.
type Cost struct {
	Bytes   int64 `json:"bytes"`          // that leave without being asked for
	Held    int64 `json:"held,omitempty"` // that leave when the reader asks
	Texts   int   `json:"texts"`          // short letters of the same size, all of it
	Pace    *Pace `json:"pace,omitempty"` // absent when no window is known
	Seconds int   `json:"seconds,omitempty"`
}

// Pace is what one window carried. A line that had little to carry was faster
// than it seems: Cost.Seconds is an upper bound.
type Pace struct {
	Bytes   int64     `json:"bytes"`
	Seconds int       `json:"seconds"`
	From    time.Time `json:"from"`
}

// DraftAsk changes the draft to a person, if anything is set, and answers it.
type DraftAsk struct {
	With  string     `json:"with"`
	Text  *string    `json:"text,omitempty"`  // replaces the text
	Drop  *uint32    `json:"drop,omitempty"`  // the file to take out
	Files []SendFile `json:"files,omitempty"` // to add
	Size  string     `json:"size,omitempty"`  // of photos: small, large or original
	Whole bool       `json:"whole,omitempty"` // photos leave without being asked for
}

// DeleteAsk deletes letters, in both directions, from this device.
type DeleteAsk struct {
	IDs []string `json:"ids"`
}

// Deleted answers Delete.
type Deleted struct {
	Deleted   int `json:"deleted"`
	Withdrawn int `json:"withdrawn"` // mine that had not left: they never will
	Out       int `json:"out"`       // mine that had: copies elsewhere are not touched
}

// SearchAsk looks for words in texts and file names, as people remember them:
// without case and accents, and Kazakh letters as their Russian twins.
type SearchAsk struct {
	Query string `json:"query"`
	With  string `json:"with,omitempty"` // everybody when empty
	Max   int    `json:"max,omitempty"`  // 0 means 50; at most 500
}

// FetchAsk asks the sender of a held file for its bytes.
type FetchAsk struct {
	ID string `json:"id"`
}

// PictureAsk wants a photo to look at.
type PictureAsk struct {
	ID      string `json:"id"`
	Preview bool   `json:"preview,omitempty"` // the small one, although the whole is here
}

// Picture is a photo as this device encoded it anew, so that a stranger's file
// is never opened by a browser.
type Picture struct {
	JPEG  []byte `json:"jpeg"`
	Whole bool   `json:"whole"` // not only the preview
}

// SoundAsk wants a voice note to listen to.
type SoundAsk struct {
	ID string `json:"id"`
}

// Sound is a voice note.
type Sound struct {
	Type string `json:"type"` // audio/…
	Data []byte `json:"data"`
}

// Talk is what a conversation can do beside letters and files.
type Talk interface {
	Draft(ctx context.Context, ask DraftAsk) (Drafted, error)
	Delete(ctx context.Context, ask DeleteAsk) (Deleted, error)
	Search(ctx context.Context, ask SearchAsk) ([]Letter, error) // newest first
	Fetch(ctx context.Context, ask FetchAsk) (File, error)
	Picture(ctx context.Context, ask PictureAsk) (Picture, error)
	Sound(ctx context.Context, ask SoundAsk) (Sound, error)
}

func talk(m *http.ServeMux, b Backend) {
	m.Handle("POST /api/v1/draft", upload(b.Draft, func(a *DraftAsk) *[]SendFile { return &a.Files }))
	m.Handle("POST /api/v1/delete", ask(b.Delete))
	m.Handle("POST /api/v1/search", ask(letters(b.Search)))
	m.Handle("POST /api/v1/fetch", ask(b.Fetch))
	m.Handle("POST /api/v1/picture", ask(b.Picture))
	m.Handle("POST /api/v1/sound", ask(b.Sound))
}

// Draft implements Backend.
func (c *Client) Draft(ctx context.Context, ask DraftAsk) (Drafted, error) {
	files := ask.Files
	ask.Files = nil
	return asking[Drafted](ctx, c, "draft", ask, files)
}

// Delete implements Backend.
func (c *Client) Delete(ctx context.Context, ask DeleteAsk) (Deleted, error) {
	return fetch[Deleted](ctx, c, http.MethodPost, "delete", ask)
}

// Search implements Backend.
func (c *Client) Search(ctx context.Context, ask SearchAsk) ([]Letter, error) {
	return fetch[[]Letter](ctx, c, http.MethodPost, "search", ask)
}

// Fetch implements Backend.
func (c *Client) Fetch(ctx context.Context, ask FetchAsk) (File, error) {
	return fetch[File](ctx, c, http.MethodPost, "fetch", ask)
}

// Picture implements Backend.
func (c *Client) Picture(ctx context.Context, ask PictureAsk) (Picture, error) {
	return fetch[Picture](ctx, c, http.MethodPost, "picture", ask)
}

// Sound implements Backend.
func (c *Client) Sound(ctx context.Context, ask SoundAsk) (Sound, error) {
	return fetch[Sound](ctx, c, http.MethodPost, "sound", ask)
}

// PartName is the form name under which a file travels: its kind, and for a
// voice note its length, as in "voice.12".
func (f SendFile) PartName() string {
	switch {
	case f.Kind == Voice && f.Seconds > 0:
		return Voice + "." + strconv.Itoa(f.Seconds)
	case f.Kind != "":
		return f.Kind
	}
	return "file"
}

// IsFilePart reports whether a form name is one of a file.
func IsFilePart(name string) bool {
	kind, _, _ := strings.Cut(name, ".")
	return slices.Contains([]string{"file", Photo, Voice}, kind)
}
