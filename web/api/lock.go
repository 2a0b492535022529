package api

import (
	"context"
	"errors"
	"net/http"
)

// ErrLocked: the profile is locked; the node carries on without its person.
var ErrLocked = errors.New("this profile is locked: open it on its page or with `jauap unlock`; nothing is lost")

// LockState tells whether the profile is open.
type LockState struct {
	Locked bool  `json:"locked"`
	After  int64 `json:"after"` // seconds without a person until it locks by itself; 0: never
}

// LockAsk locks the profile, or sets when it locks by itself.
type LockAsk struct {
	After *int64 `json:"after,omitempty"` // seconds, 0 for never; nil: lock now
}

// MaxLockAfter is the longest After in seconds, and MinLockAfter the shortest.
const (
	MinLockAfter = 60
	MaxLockAfter = 24 * 60 * 60
)

// UnlockAsk opens a locked profile.
type UnlockAsk struct {
	Passphrase []byte `json:"passphrase"`
}

// Locker is the part of the door that locks a profile.
type Locker interface {
	// Lock answers when the profile is closed, and this node carries on without
	// it. ErrUsage where there is no passphrase to open it again.
	Lock(ctx context.Context, ask LockAsk) (LockState, error)
	// Unlock opens it again. ErrMismatch for a wrong passphrase.
	Unlock(ctx context.Context, ask UnlockAsk) (LockState, error)
}

func locker(m *http.ServeMux, b Locker) {
	m.Handle("POST /api/v1/lock", ask(b.Lock))
	m.Handle("POST /api/v1/unlock", ask(b.Unlock))
}

// Lock implements Backend.
func (c *Client) Lock(ctx context.Context, ask LockAsk) (LockState, error) {
	return fetch[LockState](ctx, c, http.MethodPost, "lock", ask)
}

// Unlock implements Backend.
func (c *Client) Unlock(ctx context.Context, ask UnlockAsk) (LockState, error) {
	return fetch[LockState](ctx, c, http.MethodPost, "unlock", ask)
}

// Closed is what is left of a Backend while the profile is locked.
type Closed interface {
	Locker
	Eraser
	Opener
	Status(ctx context.Context) (Status, error)
	Carry(ctx context.Context, ask CarryAsk) (Haul, error)
}

// LockedHandler is Handler while the profile is locked: what needs no person is
// served, all else is ErrLocked.
func LockedHandler(b Closed, token string, name Namer) http.Handler {
	inner := http.NewServeMux()
	locker(inner, b)
	eraser(inner, b)
	inner.Handle("GET /api/v1/status", get(status(b)))
	inner.Handle("POST /api/v1/carry", ask(b.Carry))
	inner.Handle("POST /api/v1/page", page(b))
	inner.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fail(w, r, ErrLocked) })
	return behind(inner, token, name)
}

// Attended is Handler that tells seen of each request by a person: not of one that
// only waits, nor of what a client asks by itself.
func Attended(b Backend, token string, name Namer, seen func()) http.Handler {
	h := inner(b)
	return behind(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/wait" && r.Header.Get(unaskedHeader) == "" {
			seen()
		}
		h.ServeHTTP(w, r)
	}), token, name)
}

// unaskedHeader marks what a client asks without a person.
const unaskedHeader = "Jauap-Unasked"

type unaskedKey struct{}

// Unasked marks what a client asks by itself, such as what arrived meanwhile: it
// does not keep the profile from locking.
func Unasked(ctx context.Context) context.Context {
	return context.WithValue(ctx, unaskedKey{}, true)
}
