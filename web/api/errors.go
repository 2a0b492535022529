package api

import (
	"context"
	"errors"
	"net/http"
)

// More errors of the door. Those above the contract come from a Backend; these
// come from the way to it.
var (
	// ErrMismatch: the words or digits that were read aloud are not the ones
	// this device computed. Somebody may stand between the two people.
	ErrMismatch = errors.New("these words do not match")
	// ErrTypo: the code of a note has a wrong character.
	ErrTypo = errors.New("typed wrong")
	// ErrDenied: the token is not the one in the data folder.
	ErrDenied = errors.New("this door needs the token from the data folder")
)

// fate says how one error crosses the door.
type fate struct {
	err    error
	kind   string // stable: scripts compare it
	status int
}

// fates is a constant table; the first match wins.
var fates = [...]fate{
	{ErrUnknownPerson, "unknown-person", http.StatusNotFound},
	{ErrBadInvite, "bad-invite", http.StatusUnprocessableEntity},
	{ErrNotFound, "not-found", http.StatusNotFound},
	{ErrTooLarge, "too-large", http.StatusRequestEntityTooLarge},
	{ErrFull, "full", http.StatusInsufficientStorage},
	{ErrClock, "clock", http.StatusConflict},
	{ErrUsage, "usage", http.StatusBadRequest},
	{ErrBadPicture, "bad-picture", http.StatusUnprocessableEntity},
	{ErrMistyped, "mistyped", http.StatusUnprocessableEntity},
	{ErrMismatch, "mismatch", http.StatusConflict},
	{ErrTypo, "typo", http.StatusUnprocessableEntity},
	{ErrLocked, "locked", http.StatusLocked},
	{ErrNotAllowed, "not-allowed", http.StatusForbidden},
	{ErrDenied, "denied", http.StatusUnauthorized},
	{context.DeadlineExceeded, "timeout", http.StatusGatewayTimeout},
	{context.Canceled, "canceled", http.StatusServiceUnavailable},
}

// Fault is an error that came across the door. errors.Is finds the sentinel
// of its kind, and the text is the one the Backend gave.
type Fault struct {
	Status int    // HTTP status
	Kind   string // "failed" when the Backend named none
	Text   string
	Cause  // none when no word for it is known
}

func (f *Fault) Error() string { return f.Text }

// Unwrap is the sentinel of the kind, or nil.
func (f *Fault) Unwrap() error {
	for _, e := range fates {
		if e.kind == f.Kind {
			return e.err
		}
	}
	return nil
}

// faultOf is err as it crosses the door.
func faultOf(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	// A body over its limit is the caller's doing, not ours.
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Fault{Status: http.StatusRequestEntityTooLarge, Kind: "too-large", Text: ErrTooLarge.Error()}
	}
	for _, e := range fates {
		if errors.Is(err, e.err) {
			return &Fault{Status: e.status, Kind: e.kind, Text: err.Error()}
		}
	}
	return &Fault{Status: http.StatusInternalServerError, Kind: "failed", Text: err.Error()}
}
