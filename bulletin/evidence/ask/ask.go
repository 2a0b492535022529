package ask

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jauap/jauap/bulletin/evidence/stamp"
)

// patience is how long a witness may take.
const patience = 60 * time.Second

// Errors, usable with errors.Is.
var (
	// ErrAddress: the address cannot be asked.
	ErrAddress = errors.New("ask: the address must look like https://HOST/PATH")
	// ErrAnswer: the witness did not answer as it should.
	ErrAnswer = errors.New("ask: no usable answer")
	// ErrEarly: a calendar has nothing yet.
	ErrEarly = errors.New("ask: it is not in a block yet, try again in some hours")
	// ErrOther: the proof waits for calendars that were not named.
	ErrOther = fmt.Errorf("%w: the proof waits for other calendars", ErrAddress)
	// ErrProxy: the proxy's address cannot be used.
	ErrProxy = fmt.Errorf("%w: so must the proxy's", ErrAddress)
	// ErrLong: the answer is longer than any stamp.
	ErrLong = fmt.Errorf("%w: it is longer than %d bytes", ErrAnswer, stamp.MaxToken)
)

// Status is an HTTP status other than 200. It is an ErrAnswer.
type Status struct{ Code int }

func (s *Status) Error() string { return fmt.Sprintf("%v: status %d", ErrAnswer, s.Code) }

// Unwrap is ErrAnswer.
func (s *Status) Unwrap() error { return ErrAnswer }

// Asker asks through a proxy; the zero value asks straight.
type Asker struct {
	Proxy string // http://, https:// or socks5://; empty for none
}

// Stamp asks a time-stamp authority, and checks what it answered.
func (a Asker) Stamp(ctx context.Context, authority string, root [32]byte) ([]byte, error) {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	nonce[0] |= 1 // so that its length says nothing
	body, err := stamp.Ask(root, nonce)
	if err != nil {
		return nil, err
	}
	b, err := a.do(ctx, http.MethodPost, authority, "application/timestamp-query", body)
	if err != nil {
		return nil, err
	}
	t, err := stamp.Read(b, root, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if !t.Answers(nonce) {
		return nil, fmt.Errorf("%w: it answers another question", ErrAnswer)
	}
	return b, nil
}

// Miss is a witness that did not answer as it should: its address, or the name of
// a proof that cannot be asked about.
type Miss struct {
	Who string
	Err error
}

// Misses are those that failed beside others that answered.
type Misses []Miss

// Err is all of them as one error; nil for none.
func (m Misses) Err() error {
	errs := make([]error, len(m))
	for i, x := range m {
		errs[i] = fmt.Errorf("%s: %w", x.Who, x.Err)
	}
	return errors.Join(errs...)
}

func (m *Misses) note(who string, err error) {
	if err != nil {
		*m = append(*m, Miss{who, err})
	}
}

// each does n things at the same time.
func each(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// All asks authorities and calendars at the same time. What they signed is named by
// its kind only.
func (a Asker) All(ctx context.Context, authorities, calendars []string, root [32]byte) (list []stamp.File, missed Misses) {
	stamps, errs := make([][]byte, len(authorities)), make([]error, len(authorities))
	var proof []byte
	var late Misses
	each(len(authorities)+1, func(i int) {
		if i < len(authorities) {
			stamps[i], errs[i] = a.Stamp(ctx, authorities[i], root)
		} else if len(calendars) > 0 {
			proof, late = a.Begin(ctx, calendars, root)
		}
	})
	for i, b := range stamps {
		if missed.note(authorities[i], errs[i]); errs[i] == nil {
			list = append(list, stamp.File{Name: "new.tsr", Data: b})
		}
	}
	if proof != nil {
		list = append(list, stamp.File{Name: "new.ots", Data: proof})
	}
	return list, append(missed, late...)
}

// Begin submits a hash over the root to calendars and answers the proof that
// waits for a block; nil when none answered.
func (a Asker) Begin(ctx context.Context, calendars []string, root [32]byte) (proof []byte, missed Misses) {
	var salt [16]byte
	rand.Read(salt[:])
	p, send := stamp.NewProof(root, salt)
	answers, errs := make([][]byte, len(calendars)), make([]error, len(calendars))
	each(len(calendars), func(i int) {
		answers[i], errs[i] = a.do(ctx, http.MethodPost, strings.TrimSuffix(calendars[i], "/")+"/digest", "application/x-www-form-urlencoded", send[:])
	})
	for i, c := range calendars {
		err := errs[i]
		if err == nil {
			if err = p.Promise(answers[i]); err != nil {
				err = fmt.Errorf("%w: %w", ErrAnswer, err)
			}
		}
		missed.note(c, err)
	}
	if len(p.Waiting())+len(p.Blocks()) == 0 {
		if len(missed) == 0 {
			missed.note(strings.Join(calendars, " "), ErrAnswer)
		}
		return nil, missed
	}
	return p.Bytes(), missed
}

// Upgrade asks those calendars of the proofs in a list that the person named, and
// puts what changed in their places; done is how many promises were kept.
func (a Asker) Upgrade(ctx context.Context, named []string, root [32]byte, list []stamp.File) (done int, missed Misses) {
	for i, f := range list {
		if !f.Proof() {
			continue
		}
		b, kept, err := a.upgrade(ctx, named, root, f.Data, &missed)
		missed.note(f.Name, err)
		if done += kept; kept > 0 {
			list[i].Data = b
		}
	}
	return done, missed
}

func (a Asker) upgrade(ctx context.Context, named []string, root [32]byte, proof []byte, missed *Misses) (out []byte, done int, err error) {
	p, err := stamp.ReadProof(proof, root)
	if err != nil {
		return nil, 0, err
	}
	waiting := slices.DeleteFunc(p.Waiting(), func(w stamp.Waiting) bool { return !among(named, w.Calendar) })
	if len(waiting) == 0 && len(p.Blocks()) == 0 {
		return nil, 0, ErrOther
	}
	answers, errs := make([][]byte, len(waiting)), make([]error, len(waiting))
	each(len(waiting), func(i int) {
		answers[i], errs[i] = a.do(ctx, http.MethodGet, strings.TrimSuffix(waiting[i].Calendar, "/")+"/timestamp/"+waiting[i].Message, "", nil)
	})
	for i, w := range waiting {
		ok, err := false, errs[i]
		if err == nil {
			ok, err = p.Upgrade(w, answers[i])
		}
		switch {
		case err != nil:
			missed.note(w.Calendar, err)
		case ok:
			done++
		default:
			missed.note(w.Calendar, ErrEarly)
		}
	}
	return p.Bytes(), done, nil
}

func among(named []string, calendar string) bool {
	for _, n := range named {
		if strings.TrimSuffix(n, "/") == strings.TrimSuffix(calendar, "/") {
			return true
		}
	}
	return false
}

func (a Asker) do(ctx context.Context, method, address, kind string, body []byte) ([]byte, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, ErrAddress
	}
	t := &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: patience / 2, MaxResponseHeaderBytes: 32 << 10}
	if a.Proxy != "" {
		p, err := url.Parse(a.Proxy)
		if err != nil || p.Host == "" {
			return nil, ErrProxy
		}
		t.Proxy = http.ProxyURL(p)
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, ErrAddress
	}
	r.Header.Set("User-Agent", "")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	c := http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := c.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, stamp.MaxToken+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	case method == http.MethodGet && answer.StatusCode == http.StatusNotFound:
		return nil, ErrEarly
	case answer.StatusCode != http.StatusOK:
		return nil, &Status{answer.StatusCode}
	case len(b) > stamp.MaxToken:
		return nil, ErrLong
	}
	return b, nil
}
