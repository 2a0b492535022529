package relay

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/apernet/quic-go"
)

// late is a context that tells its end to AfterFunc when somebody asks why it
// ended: what that begins runs behind what the asker does next.
type late struct {
	context.Context
	done chan struct{}
	tell []func()
}

func (l *late) Done() <-chan struct{} { return l.done }

func (l *late) Err() error {
	select {
	case <-l.done:
	default:
		return nil
	}
	tell := l.tell
	l.tell = nil
	for _, f := range tell {
		f()
	}
	return context.Canceled
}

func (l *late) AfterFunc(f func()) func() bool {
	l.tell = append(l.tell, f)
	return func() bool { return false } // it runs already
}

// TestGivenUpAtRejection: a race of paths ends in the moment in which this one
// learns that the relay forgot its ticket. The conn is closed, and nothing else.
func TestGivenUpAtRejection(t *testing.T) {
	key := newKey(t)
	addr, again := server(t, key, echo), server(t, key, echo)
	for range 40 {
		tickets := newOne()
		ask(t, &Dialer{Tickets: tickets, Timeout: 20 * time.Second}, addr, "for a ticket")
		<-tickets.came
		if err := givenUp(t, &greeting{addr: again, tickets: tickets}); errors.Is(err, context.Canceled) {
			return
		} // else the handshake was looked at first: either may be
	}
	t.Error("40 times the end of the race was not seen first")
}

// givenUp dials with a ticket that the relay rejects, and ends the context as
// soon as the handshake is over.
func givenUp(t *testing.T, g *greeting) error {
	t.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	sock := newSober(pc, nil)
	tr := &quic.Transport{Conn: sock}
	defer tr.Close()
	conf := g.config()
	open := sock.gate.Shut()
	defer open()
	conn, err := tr.DialEarly(t.Context(), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(g.addr.Port)}, conf, &quic.Config{TokenStore: g.tokens()})
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what is begun runs when its beginner waits
	defer conn.CloseWithError(0, "")
	ctx := &late{Context: context.Background(), done: make(chan struct{})}
	ended := false
	_, _, err = flight(ctx, conn, []byte("a letter"), func() {
		open()
		<-conn.HandshakeComplete()
		if !ended {
			close(ctx.done)
			ended = true
		}
	})
	if errors.Is(err, context.Canceled) {
		<-conn.Context().Done()
	}
	return err
}
