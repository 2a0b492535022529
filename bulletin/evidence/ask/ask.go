package ask

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
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
)

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

// Answer is a stamp or a proof: Ext is .tsr or .ots.
type Answer struct {
	Ext  string
	Data []byte
}

// All asks authorities and calendars. The error names those that did not
// answer; there may be answers of others beside it.
func (a Asker) All(ctx context.Context, authorities, calendars []string, root [32]byte) (list []Answer, bad error) {
	for _, u := range authorities {
		b, err := a.Stamp(ctx, u, root)
		if err != nil {
			bad = errors.Join(bad, fmt.Errorf("%s: %w", u, err))
			continue
		}
		list = append(list, Answer{".tsr", b})
	}
	if len(calendars) > 0 {
		b, err := a.Begin(ctx, calendars, root)
		bad = errors.Join(bad, err)
		if b != nil {
			list = append(list, Answer{".ots", b})
		}
	}
	return list, bad
}

// Begin submits a hash over the root to calendars and answers the proof that
// waits for a block. What failed is in the error; nil with no proof never.
func (a Asker) Begin(ctx context.Context, calendars []string, root [32]byte) ([]byte, error) {
	var salt [16]byte
	rand.Read(salt[:])
	proof, send := stamp.NewProof(root, salt)
	var bad error
	for _, c := range calendars {
		b, err := a.do(ctx, http.MethodPost, strings.TrimSuffix(c, "/")+"/digest", "application/x-www-form-urlencoded", send[:])
		if err == nil {
			if err = proof.Promise(b); err != nil {
				err = fmt.Errorf("%w: %w", ErrAnswer, err)
			}
		}
		if err != nil {
			bad = errors.Join(bad, fmt.Errorf("%s: %w", c, err))
		}
	}
	if len(proof.Waiting())+len(proof.Blocks()) == 0 {
		return nil, cmp.Or(bad, ErrAnswer)
	}
	return proof.Bytes(), bad
}

// Upgrade asks those calendars of a proof that the person named, and answers
// the proof anew; done is how many promises were kept.
func (a Asker) Upgrade(ctx context.Context, named []string, root [32]byte, proof []byte) (out []byte, done int, err error) {
	p, err := stamp.ReadProof(proof, root)
	if err != nil {
		return nil, 0, err
	}
	var bad error
	asked := 0
	for _, w := range p.Waiting() {
		if !among(named, w.Calendar) {
			continue
		}
		asked++
		b, err := a.do(ctx, http.MethodGet, strings.TrimSuffix(w.Calendar, "/")+"/timestamp/"+w.Message, "", nil)
		ok := false
		if err == nil {
			ok, err = p.Upgrade(w, b)
		}
		switch {
		case err != nil:
			bad = errors.Join(bad, fmt.Errorf("%s: %w", w.Calendar, err))
		case ok:
			done++
		default:
			bad = errors.Join(bad, fmt.Errorf("%s: %w", w.Calendar, ErrEarly))
		}
	}
	if asked == 0 && len(p.Blocks()) == 0 {
		return nil, 0, fmt.Errorf("%w: the proof waits for other calendars", ErrAddress)
	}
	return p.Bytes(), done, bad
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
			return nil, fmt.Errorf("%w: so must the proxy's", ErrAddress)
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
		return nil, fmt.Errorf("%w: status %d", ErrAnswer, answer.StatusCode)
	case len(b) > stamp.MaxToken:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrAnswer, stamp.MaxToken)
	}
	return b, nil
}
