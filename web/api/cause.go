package api

import (
	"context"
	"errors"
	"net/http"
)

// Cause says in a word that does not change why something went wrong, so that it
// can be told in the person's language: web/words has a sentence "why.CODE".
type Cause struct {
	Code string   `json:"code,omitempty"` // empty when nobody has a word for it
	Args []string `json:"args,omitempty"` // what the sentence names: {a}, {b}, …
}

// Namer knows the causes of a Backend's errors.
type Namer func(error) Cause

// CauseOf is what the door itself knows of an error: what crossed it brings its
// cause along.
func CauseOf(err error) Cause {
	if f, ok := errors.AsType[*Fault](err); ok && f.Code != "" {
		return f.Cause
	}
	for _, e := range [...]struct {
		is   error
		code string
	}{{ErrFull, "full"}, {ErrClock, "clock"}, {ErrTooLarge, "large"}, {ErrUnknownPerson, "nobody"}} {
		if errors.Is(err, e.is) {
			return Cause{Code: e.code}
		}
	}
	return Cause{}
}

type namerKey struct{}

// named lets the errors that next answers be named.
func named(next http.Handler, name Namer) http.Handler {
	if name == nil {
		name = CauseOf
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), namerKey{}, name)))
	})
}

// causeIn is the cause of an error that answers r.
func causeIn(r *http.Request, err error) Cause {
	if name, ok := r.Context().Value(namerKey{}).(Namer); ok {
		return name(err)
	}
	return Cause{}
}
