package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// CodesAsk asks for QR codes that hold what this device carries, smallest
// letters first.
type CodesAsk struct {
	Max    int64 `json:"max,omitempty"`    // at most so many bytes of envelopes; 0 for 100,000
	Coarse bool  `json:"coarse,omitempty"` // fewer modules, for weak cameras; three times as many frames
	Still  bool  `json:"still,omitempty"`  // one code with the shortest letters, and no series
}

// Codes answers ShowCodes.
type Codes struct {
	Envelopes int    `json:"envelopes"`
	Bytes     int64  `json:"bytes"`      // of these
	Frames    int    `json:"frames"`     // 1: a still picture
	Needed    int    `json:"needed"`     // frames that a camera must see, nearly always
	PerSecond int    `json:"per_second"` // frames shown
	Picture   []byte `json:"picture"`    // a GIF, one pixel to a module, that moves by itself and never ends
}

// CodesSeen answers LookAt.
type CodesSeen struct {
	Frames int `json:"frames"` // pictures in the file
	Codes  int `json:"codes"`  // of them with a code that could be read
	Have   int `json:"have"`   // of the series that came furthest: codes so far
	Need   int `json:"need"`   // and codes that suffice; 0 when none is under way
	Read   int `json:"read"`   // envelopes new to this device
	Opened int `json:"opened"` // letters among them for this device's owner
}

// MaxFilm is the size of a file for LookAt.
const MaxFilm = 64 << 20

// Screen is the part of the door for letters that go from a screen to a camera.
// What was shown counts as carried by nobody.
type Screen interface {
	ShowCodes(ctx context.Context, ask CodesAsk) (Codes, error)
	// LookAt takes one picture or film: PNG, JPEG, GIF or JPEG after JPEG. What
	// it holds is kept together with what other pictures held, until an hour has
	// passed without any.
	LookAt(ctx context.Context, picture []byte) (CodesSeen, error)
}

// screen serves Screen.
func screen(m *http.ServeMux, b Backend) {
	m.Handle("POST /api/v1/codes/show", ask(b.ShowCodes))
	m.HandleFunc("POST /api/v1/codes/look", func(w http.ResponseWriter, r *http.Request) {
		lift := BodyDeadline(w)
		picture, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxFilm))
		lift()
		if err != nil {
			fail(w, r, bodyError(err))
			return
		}
		seen, err := b.LookAt(r.Context(), picture)
		if err != nil {
			fail(w, r, err)
			return
		}
		answer(w, seen)
	})
}

// ShowCodes implements Backend.
func (c *Client) ShowCodes(ctx context.Context, ask CodesAsk) (Codes, error) {
	return fetch[Codes](ctx, c, http.MethodPost, "codes/show", ask)
}

// LookAt implements Backend.
func (c *Client) LookAt(ctx context.Context, picture []byte) (CodesSeen, error) {
	resp, err := c.do(ctx, http.MethodPost, "codes/look", "application/octet-stream", bytes.NewReader(picture))
	if err != nil {
		return CodesSeen{}, err
	}
	return readAnswer[CodesSeen](resp)
}
