package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxAnswer bounds one JSON answer: 500 letters of 64 KiB and their lists, or a sound.
const maxAnswer = 96 << 20

// Client is a Backend behind the door of another process on this device. It
// may be used by many goroutines.
type Client struct {
	door Door
	base string
	http *http.Client
}

var _ Backend = (*Client)(nil)
var _ Opener = (*Client)(nil)

// NewClient talks to the door d. It uses no proxy and follows no redirect:
// nothing of it leaves the device.
func NewClient(d Door) *Client {
	return &Client{
		door: d,
		base: "http://" + d.Addr,
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:        (&net.Dialer{Timeout: knockTime}).DialContext,
				DisableCompression: true,
				MaxIdleConns:       4,
				IdleConnTimeout:    time.Minute,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// do sends one request and answers its response when the status is 200.
func (c *Client) do(ctx context.Context, method, path, kind string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1/"+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.door.Token)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if ctx.Value(unaskedKey{}) != nil {
		req.Header.Set(unaskedHeader, "1")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("api: Jauap does not answer at %s: %w", c.door.Addr, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, readFault(resp)
	}
	return resp, nil
}

func readFault(resp *http.Response) error {
	var m complaint
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxPart)).Decode(&m); err != nil || m.Kind == "" {
		return &Fault{Status: resp.StatusCode, Kind: "failed", Text: "api: the door answered " + resp.Status}
	}
	return &Fault{resp.StatusCode, m.Kind, m.Error, m.Cause}
}

// fetch asks for path and reads the answer into a T. ask is sent as JSON when
// it is not nil.
func fetch[T any](ctx context.Context, c *Client, method, path string, ask any) (T, error) {
	var v T
	var body io.Reader
	kind := ""
	if ask != nil {
		b, err := json.Marshal(ask)
		if err != nil {
			return v, err
		}
		body, kind = bytes.NewReader(b), "application/json"
	}
	resp, err := c.do(ctx, method, path, kind, body)
	if err != nil {
		return v, err
	}
	return readAnswer[T](resp)
}

func readAnswer[T any](resp *http.Response) (T, error) {
	var v T
	defer resp.Body.Close()
	err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&v)
	if err != nil {
		return v, fmt.Errorf("api: unreadable answer: %w", err)
	}
	return v, nil
}

// Me implements Backend.
func (c *Client) Me(ctx context.Context) (Me, error) {
	return fetch[Me](ctx, c, http.MethodGet, "me", nil)
}

// People implements Backend.
func (c *Client) People(ctx context.Context) ([]Person, error) {
	return fetch[[]Person](ctx, c, http.MethodGet, "people", nil)
}

// Invite implements Backend.
func (c *Client) Invite(ctx context.Context) (Invite, error) {
	return fetch[Invite](ctx, c, http.MethodPost, "invite", nil)
}

// Accept implements Backend.
func (c *Client) Accept(ctx context.Context, ask AcceptAsk) (Person, error) {
	return fetch[Person](ctx, c, http.MethodPost, "accept", ask)
}

// Verify implements Backend.
func (c *Client) Verify(ctx context.Context, ask VerifyAsk) (Person, error) {
	return fetch[Person](ctx, c, http.MethodPost, "verify", ask)
}

// Send implements Backend. Files travel as they are, not as text in JSON.
func (c *Client) Send(ctx context.Context, ask SendAsk) (Sent, error) {
	files := ask.Files
	ask.Files = nil
	return asking[Sent](ctx, c, "send", ask, files)
}

// asking asks with files beside the question.
func asking[T any](ctx context.Context, c *Client, path string, ask any, files []SendFile) (T, error) {
	var none T
	if len(files) == 0 {
		return fetch[T](ctx, c, http.MethodPost, path, ask)
	}
	sum := 0
	for _, f := range files {
		sum += len(f.Data)
	}
	if sum > MaxFiles || len(files) > MaxFileCount {
		return none, fmt.Errorf("%w: all files of a letter together may have %d MiB", ErrTooLarge, MaxFiles>>20)
	}
	r, w := io.Pipe()
	m := multipart.NewWriter(w)
	go func() { w.CloseWithError(writeUpload(m, ask, files)) }()
	// When the answer comes early, as for a letter that is too large, the
	// writer must not wait for ever.
	defer r.Close()
	resp, err := c.do(ctx, http.MethodPost, path, m.FormDataContentType(), r)
	if err != nil {
		return none, err
	}
	return readAnswer[T](resp)
}

func writeUpload(m *multipart.Writer, ask any, files []SendFile) error {
	first, err := m.CreateFormField("ask")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(first).Encode(ask); err != nil {
		return err
	}
	for _, f := range files {
		part, err := m.CreateFormFile(f.PartName(), f.Name)
		if err != nil {
			return err
		}
		if _, err := part.Write(f.Data); err != nil {
			return err
		}
	}
	return m.Close()
}

// Read implements Backend.
func (c *Client) Read(ctx context.Context, ask ReadAsk) ([]Letter, error) {
	return fetch[[]Letter](ctx, c, http.MethodPost, "read", ask)
}

// Conversation implements Backend.
func (c *Client) Conversation(ctx context.Context, ask ConversationAsk) ([]Letter, error) {
	return fetch[[]Letter](ctx, c, http.MethodPost, "conversation", ask)
}

// Outbox implements Backend.
func (c *Client) Outbox(ctx context.Context) ([]Outgoing, error) {
	return fetch[[]Outgoing](ctx, c, http.MethodGet, "outbox", nil)
}

// Attachment implements Backend. The bytes arrive as the caller reads them; a
// file that breaks off ends in io.ErrUnexpectedEOF, never in io.EOF.
func (c *Client) Attachment(ctx context.Context, id string) (File, io.ReadCloser, error) {
	if !GoodID(id) {
		return File{}, nil, fmt.Errorf("%w: no such attachment", ErrNotFound)
	}
	return c.download(ctx, "attachments/"+url.PathEscape(id))
}

func (c *Client) download(ctx context.Context, path string) (File, io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return File{}, nil, err
	}
	var f File
	about, err := base64.RawURLEncoding.DecodeString(resp.Header.Get(FileHeader))
	if err == nil {
		err = json.Unmarshal(about, &f)
	}
	if err != nil {
		resp.Body.Close()
		return File{}, nil, fmt.Errorf("api: unreadable answer: %w", err)
	}
	return f, resp.Body, nil
}

// Status implements Backend.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return fetch[Status](ctx, c, http.MethodGet, "status", nil)
}

// Carry implements Backend. A stick may take minutes: only ctx ends it.
func (c *Client) Carry(ctx context.Context, ask CarryAsk) (Haul, error) {
	return fetch[Haul](ctx, c, http.MethodPost, "carry", ask)
}

// Wait implements Backend by asking again each time the door's own patience
// ends.
func (c *Client) Wait(ctx context.Context, seen uint64) (uint64, error) {
	for {
		t, err := fetch[tally](ctx, c, http.MethodGet, "wait?seen="+strconv.FormatUint(seen, 10), nil)
		if ctx.Err() != nil {
			return seen, ctx.Err()
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return seen, err
		}
		if err == nil && (t.Counter != seen || seen == 0) {
			return t.Counter, nil
		}
	}
}

// Page implements Opener.
func (c *Client) Page(ctx context.Context) (string, error) {
	l, err := fetch[pageLink](ctx, c, http.MethodPost, "page", nil)
	return l.URL, err
}
