package relay

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/relay"
)

// asker takes the WebSocket request and answers it itself at once, with the
// answer that our relay will give: the key was proven, so that nobody else can
// answer, and frames may follow the request in the same flight. The true
// answer is checked before the first byte is read. spec/relay.md, 3.
type asker struct {
	conn    net.Conn
	timeout time.Duration
	up      *upgraded // once asked
}

// RoundTrip prepares the request.
func (a *asker) RoundTrip(req *http.Request) (*http.Response, error) {
	var head bytes.Buffer
	if err := req.Write(&head); err != nil {
		return nil, err
	}
	accept := acceptFor(req.Header.Get("Sec-WebSocket-Key"))
	up := &upgraded{Conn: a.conn, head: head.Bytes(), accept: accept, r: bufio.NewReaderSize(a.conn, 4<<10)}
	up.late = time.AfterFunc(a.timeout, up.giveUp)
	a.up = up
	return &http.Response{
		StatusCode: http.StatusSwitchingProtocols, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Accept": {accept},
		},
		Body: up, Request: req,
	}, nil
}

// acceptFor is the proof that a server read the request. RFC 6455, 4.2.2
func acceptFor(key string) string {
	h := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(h[:])
}

// upgraded is the connection after the request. The first Read checks the
// answer.
type upgraded struct {
	net.Conn
	head   []byte // the request, until the first frame, with which it shares a record
	accept string
	r      *bufio.Reader
	late   *time.Timer
	gaveUp atomic.Bool
	asked  bool
	err    error
}

// giveUp ends the wait for an answer.
func (u *upgraded) giveUp() {
	u.gaveUp.Store(true)
	_ = u.Conn.Close() // the reader sees it
}

func (u *upgraded) Read(p []byte) (int, error) {
	if !u.asked {
		u.asked = true
		u.err = u.answer()
		u.late.Stop()
	}
	if u.err != nil {
		return 0, u.err
	}
	return u.r.Read(p)
}

// Write sends the request before the first frame, in one piece with it.
func (u *upgraded) Write(p []byte) (int, error) {
	if u.head == nil {
		return u.Conn.Write(p)
	}
	both := append(u.head, p...)
	u.head = nil
	n, err := u.Conn.Write(both)
	return max(n-len(both)+len(p), 0), err
}

func (u *upgraded) Close() error {
	u.late.Stop()
	return u.Conn.Close()
}

// maxAnswer bounds the head of the answer, in bytes.
const maxAnswer = 8 << 10

// answer reads the relay's answer to the request, line by line, so that
// nothing behind it is touched.
func (u *upgraded) answer() error {
	var head []byte
	for {
		line, err := u.r.ReadSlice('\n')
		head = append(head, line...)
		switch {
		case err != nil && u.gaveUp.Load():
			return fmt.Errorf("%w: no answer to our request", relay.ErrSilent)
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%w (%v)", ErrCut, err) // not %w: an end here is no end of the stream
		case len(head) > maxAnswer:
			return &NotOurRelay{SeenNoPath, "an endless answer"}
		}
		if strings.TrimRight(string(line), "\r\n") == "" && err == nil {
			break
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		return &NotOurRelay{SeenNoPath, "no HTTP answer"}
	}
	_ = resp.Body.Close() // there is none in head
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols && resp.Header.Get("Sec-Websocket-Accept") == u.accept:
		return nil
	case resp.StatusCode == http.StatusServiceUnavailable, resp.StatusCode == http.StatusTooManyRequests:
		return relay.ErrBusy
	}
	return &NotOurRelay{SeenNoPath, "the right key, but HTTP " + clean(resp.Status) + " instead of an exchange"}
}

var _ io.ReadWriteCloser = (*upgraded)(nil)
