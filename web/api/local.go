package api

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Local lets through only requests that this very device made to this very
// server: the connection must arrive on a loopback address, and Host must be
// 127.0.0.1, ::1 or localhost with the server's own port. A foreign name that
// a web site pointed at 127.0.0.1 (DNS rebinding) carries that name in Host.
func Local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromHere(r) {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			http.Error(w, "This is a private door of one device. Open it as 127.0.0.1.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func fromHere(r *http.Request) bool {
	// Without a known local address the port cannot be checked: refuse.
	at, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), "80"
	}
	switch strings.ToLower(host) {
	case "127.0.0.1", "::1", "localhost":
		return port == strconv.Itoa(at.Port)
	}
	return false
}

// Limits of the server. The reader of headers is bounded so that a stuck
// program cannot hold connections for ever; bodies and answers have limits
// of their own because letters with files and sticks take long.
const (
	headerTime  = 5 * time.Second
	bodyTime    = 2 * time.Minute
	answerTime  = 30 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 16 << 10
)

// stopKey finds the channel of Stopping in a context.
type stopKey struct{}

// NewServer is an http.Server with the door's limits. Its Shutdown first ends
// the answers that would wait for ever (see Stopping), then waits for the
// others.
func NewServer(h http.Handler) *http.Server {
	stop := make(chan struct{})
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.Background(), stopKey{}, (<-chan struct{})(stop))
		},
	}
	s.RegisterOnShutdown(sync.OnceFunc(func() { close(stop) })) // Shutdown may be called again
	return s
}

// Stopping is closed when the server of this request shuts down. Long polls
// and event streams end then; nil, which never closes, for other servers.
func Stopping(ctx context.Context) <-chan struct{} {
	c, _ := ctx.Value(stopKey{}).(<-chan struct{})
	return c
}

// BodyDeadline gives the client bodyTime to send its request's body. The
// returned function lifts the deadline: left in place it would end a slow
// answer too.
func BodyDeadline(w http.ResponseWriter) (lift func()) {
	c := http.NewResponseController(w)
	// An in-memory ResponseWriter has no deadlines, and needs none.
	_ = c.SetReadDeadline(time.Now().Add(bodyTime))
	return func() { _ = c.SetReadDeadline(time.Time{}) }
}

// AnswerDeadline allows the next bytes of an answer so much time; 0 allows
// the ordinary half minute.
func AnswerDeadline(w http.ResponseWriter, d time.Duration) {
	if d == 0 {
		d = answerTime
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}
