package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limits of one request.
const (
	MaxAsk       = 1 << 20  // bytes of JSON
	MaxFiles     = 64 << 20 // bytes of all attachments of one letter
	MaxText      = 64 << 10 // bytes of the words of one letter
	MaxFileCount = 32
	maxPart      = 64 << 10 // headers and boundaries around the parts of a letter
	pollTime     = 25 * time.Second
)

// Opener is a Backend that can also hand out a link to the page. The link
// opens it once.
type Opener interface {
	Page(ctx context.Context) (url string, err error)
}

// FileHeader carries the File of an attachment, as base64url of its JSON,
// beside the bytes.
const FileHeader = "Jauap-File"

// Handler serves b as JSON under /api/v1/ to local programs that know token.
// An empty token opens the door to nobody. name may be nil.
//
//	GET  /api/v1/hello?nonce=HEX    proof that this server knows the token
//	GET  /api/v1/{me,people,outbox,status}
//	GET  /api/v1/wait?seen=N        at most 25 s; {"counter"}
//	GET  /api/v1/attachments/ID     the bytes
//	GET  /api/v1/boards; POST /api/v1/boards, /api/v1/boards/{notices,media,post,editor,feed}
//	GET  /api/v1/inboxes, /api/v1/inboxes/{sent,received}, /api/v1/inboxes/received/ID; POST /api/v1/inboxes: see Inboxes
//	POST /api/v1/desk, /api/v1/desk/{report,incident,log,act,take}; GET /api/v1/desk/file: see Desks
//	GET, POST /api/v1/witnesses: see Witnessing
//	GET  /api/v1/slips, /api/v1/slips/team
//	GET  /api/v1/{told,promises}
//	POST /api/v1/{safe,words,notes,note,promise}
//	POST /api/v1/slips/{ask,act,team,export,import,print}
//	POST /api/v1/{invite,accept,verify,rename,send,read,conversation,carry,broadcast,tune,page}
//	GET  /api/v1/sticks, POST /api/v1/sticks/ignore
//	GET, POST /api/v1/relays: see Mailboxes
//	POST /api/v1/{draft,delete,search,fetch,picture,sound}
//	GET  /api/v1/calls, POST /api/v1/{code,look,end-call,scan,introduce}
//	GET, POST /api/v1/introductions: see Pairing
//	GET  /api/v1/here; POST /api/v1/meet
//	POST /api/v1/codes/show
//	POST /api/v1/wipe               the end: see Eraser
//	POST /api/v1/{lock,unlock}      see Locker
//	POST /api/v1/passphrase         see Phraser
//	POST /api/v1/codes/look         the bytes of a picture
//
// Errors are {"error","kind","code","args"} with a status; see Fault and Cause. A letter or draft with
// files is multipart/form-data: a part "ask" (JSON) and then parts "file",
// "photo" or "voice"; see SendFile.PartName.
func Handler(b Backend, token string, name Namer) http.Handler { return behind(inner(b), token, name) }

func inner(b Backend) http.Handler {
	inner := http.NewServeMux()
	inner.Handle("GET /api/v1/me", get(b.Me))
	inner.Handle("GET /api/v1/people", get(list(b.People)))
	inner.Handle("POST /api/v1/invite", get(b.Invite))
	inner.Handle("POST /api/v1/accept", ask(b.Accept))
	inner.Handle("POST /api/v1/verify", ask(b.Verify))
	renamer(inner, b)
	inner.Handle("POST /api/v1/send", upload(b.Send, func(a *SendAsk) *[]SendFile { return &a.Files }))
	talk(inner, b)
	inner.Handle("POST /api/v1/read", ask(letters(b.Read)))
	inner.Handle("POST /api/v1/conversation", ask(letters(b.Conversation)))
	inner.Handle("GET /api/v1/outbox", get(list(b.Outbox)))
	inner.Handle("GET /api/v1/attachments/{id}", attachment(b))
	inner.Handle("GET /api/v1/status", get(status(b)))
	inner.Handle("POST /api/v1/carry", ask(b.Carry))
	air(inner, b)
	screen(inner, b)
	near(inner, b)
	carriers(inner, b)
	eraser(inner, b)
	locker(inner, b)
	phraser(inner, b)
	mailboxes(inner, b)
	bundles(inner, b)
	inner.Handle("GET /api/v1/wait", wait(b))
	inner.Handle("POST /api/v1/page", page(b))
	inquiries(inner, b)
	groups(inner, b)
	boards(inner, b)
	feeds(inner, b)
	inboxes(inner, b)
	desks(inner, b)
	witnessing(inner, b)
	safety(inner, b)
	servePairing(inner, b)
	inner.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, &Fault{Status: http.StatusNotFound, Kind: "usage", Text: "the door has no " + r.Method + " " + r.URL.Path})
	})
	return inner
}

// behind serves inner to local programs that know token.
func behind(inner http.Handler, token string, name Namer) http.Handler {
	outer := http.NewServeMux()
	outer.Handle("GET /api/v1/hello", hello(token))
	outer.Handle("/", bearer(token, named(inner, name)))
	return Local(programs(outer))
}

// programs refuses browsers: a page has no business at this door, whatever it
// knows, and gets no CORS header either.
func programs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			fail(w, r, &Fault{Status: http.StatusForbidden, Kind: "denied", Text: "this door is for programs, not for browsers"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bearer asks for the token. Comparing digests takes the same time for every
// wrong token, whatever its length.
func bearer(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given))
		same := subtle.ConstantTimeCompare(want[:], got[:]) == 1
		if token == "" || !strings.EqualFold(scheme, "Bearer") || !same {
			w.Header().Set("WWW-Authenticate", `Bearer realm="jauap"`)
			fail(w, r, ErrDenied)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hello proves that this server knows the token without learning it from the
// asker: a stranger's program on a forgotten port cannot answer.
func hello(token string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		nonce, err := hex.DecodeString(r.URL.Query().Get("nonce"))
		if err != nil || len(nonce) != nonceSize || token == "" {
			fail(w, r, fmt.Errorf("%w: nonce must be %d bytes in hexadecimal", ErrUsage, nonceSize))
			return
		}
		answer(w, greeting{Proof: hex.EncodeToString(proof(token, nonce))})
	}
}

const nonceSize = 16

type greeting struct {
	Proof string `json:"proof"`
}

func proof(token string, nonce []byte) []byte {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("jauap door 1\n"))
	m.Write(nonce)
	return m.Sum(nil)
}

// get serves a question without arguments.
func get[T any](f func(context.Context) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r.Context())
		if err != nil {
			fail(w, r, err)
			return
		}
		answer(w, v)
	}
}

// ask serves a question with one JSON argument.
func ask[A, T any](f func(context.Context, A) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var a A
		if err := decode(w, r, &a); err != nil {
			fail(w, r, err)
			return
		}
		v, err := f(r.Context(), a)
		if err != nil {
			fail(w, r, err)
			return
		}
		answer(w, v)
	}
}

func decode(w http.ResponseWriter, r *http.Request, v any) error {
	defer BodyDeadline(w)()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		return fmt.Errorf("%w: Content-Type must be application/json", ErrUsage)
	}
	return decodeJSON(http.MaxBytesReader(w, r.Body, MaxAsk), v)
}

// decodeJSON takes exactly one value. A field that this version does not know
// is refused: to drop it silently could change what the asker meant.
func decodeJSON(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: one JSON value, then the end", ErrUsage)
	}
	return nil
}

func answer(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "api: internal error: "+err.Error(), http.StatusInternalServerError)
		return
	}
	AnswerDeadline(w, 0)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)+1))
	_, _ = w.Write(append(b, '\n')) // the asker has gone if this fails
}

// complaint is the JSON of an error.
type complaint struct {
	Error string `json:"error"`
	Kind  string `json:"kind"`
	Cause
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	f := faultOf(err)
	if f.Code == "" {
		f.Cause = causeIn(r, err)
	}
	b, _ := json.Marshal(complaint{f.Text, f.Kind, f.Cause}) // strings always encode
	AnswerDeadline(w, 0)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	_, _ = w.Write(append(b, '\n'))
}

// list answers [] where a Backend has nothing, never null: scripts loop over it.
func list[T any](f func(context.Context) ([]T, error)) func(context.Context) ([]T, error) {
	return func(ctx context.Context) ([]T, error) {
		v, err := f(ctx)
		if v == nil {
			v = []T{}
		}
		return v, err
	}
}

func letters[A any](f func(context.Context, A) ([]Letter, error)) func(context.Context, A) ([]Letter, error) {
	return func(ctx context.Context, a A) ([]Letter, error) {
		v, err := f(ctx, a)
		out := make([]Letter, len(v))
		for i, l := range v {
			if l.Attachments == nil {
				l.Attachments = []File{}
			}
			out[i] = l
		}
		return out, err
	}
}

func status(b interface {
	Status(context.Context) (Status, error)
}) func(context.Context) (Status, error) {
	return func(ctx context.Context) (Status, error) {
		s, err := b.Status(ctx)
		if s.Links == nil {
			s.Links = []Link{}
		}
		if s.Windows == nil {
			s.Windows = []Window{}
		}
		return s, err
	}
}

// tally answers wait.
type tally struct {
	Counter uint64 `json:"counter"`
}

// wait holds the answer back until something changed, at most pollTime: the
// asker asks again.
func wait(b Backend) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		seen, err := strconv.ParseUint(r.URL.Query().Get("seen"), 10, 64)
		if err != nil {
			fail(w, r, fmt.Errorf("%w: seen must be a number", ErrUsage))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), pollTime)
		defer cancel()
		if stop := Stopping(ctx); stop != nil {
			go func() {
				select {
				case <-stop:
					cancel()
				case <-ctx.Done():
				}
			}()
		}
		n, err := b.Wait(ctx, seen)
		if err != nil && ctx.Err() == nil {
			fail(w, r, err)
			return
		}
		if err != nil {
			n = max(n, seen)
		}
		answer(w, tally{Counter: n})
	}
}

// link answers page.
type pageLink struct {
	URL string `json:"url"`
}

func page(b any) http.HandlerFunc {
	return get(func(ctx context.Context) (pageLink, error) {
		o, ok := b.(Opener)
		if !ok {
			return pageLink{}, fmt.Errorf("%w: this device shows no page", ErrNotFound)
		}
		u, err := o.Page(ctx)
		return pageLink{URL: u}, err
	})
}
