package relay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/linktest"
	"github.com/jauap/jauap/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serverEnd is the relay's end of a link, for tests.
type serverEnd struct {
	*relay.Stream
	cut func() error
}

func (s *serverEnd) Traits() link.Traits { return link.Traits{Latency: time.Second} }
func (s *serverEnd) Peer() link.Peer     { return link.Peer{Addr: "somebody"} }
func (s *serverEnd) Cut() error          { return s.cut() }

// clientEnd can be cut.
type clientEnd struct {
	link.Conn
	cut func() error
}

func (c *clientEnd) Cut() error { return c.cut() }

// selfSigned is a certificate of a fresh key, and what an address pins of it.
func selfSigned(tb testing.TB) (tls.Certificate, relay.KeyID) {
	tb.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	// The dates are long over: nobody may look at them.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: secret}, relay.KeyIDOf(cert)
}

// pairs makes links over loopback between a Dialer and a relay's Stream.
func pairs(client bool) linktest.Pair {
	return func(t *testing.T) (link.Conn, link.Conn) {
		t.Helper()
		cert, id := selfSigned(t)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ends := make(chan *serverEnd, 1)
		over := make(chan struct{})
		var conns sync.Map
		srv := &http.Server{
			ErrorLog:  log.New(io.Discard, "", 0),
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13},
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				conns.Store(c.RemoteAddr().String(), c.(*tls.Conn).NetConn())
				return ctx
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ws, err := websocket.Accept(w, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				raw, _ := conns.Load(r.RemoteAddr)
				ends <- &serverEnd{relay.NewStream(ws, time.Minute, time.Minute), raw.(net.Conn).Close}
				<-over
			}),
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = srv.ServeTLS(ln, "", "") // ends with Close
		}()
		addr := relay.Addr{Host: "127.0.0.1", Port: uint16(ln.Addr().(*net.TCPAddr).Port), Key: id}
		var raw net.Conn
		d := &Dialer{DialContext: func(ctx context.Context, network, addr string) (c net.Conn, err error) {
			raw, err = (&net.Dialer{}).DialContext(ctx, network, addr)
			return raw, err
		}}
		conn, err := d.Dial(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		far := <-ends
		t.Cleanup(func() {
			_ = conn.Close()
			_ = far.Close()
			close(over)
			_ = srv.Close()
			<-served
		})
		near := &clientEnd{conn, raw.Close}
		if client {
			return near, far
		}
		return far, near
	}
}

func TestConnFromClient(t *testing.T) { linktest.RunConn(t, pairs(true)) }
func TestConnFromRelay(t *testing.T)  { linktest.RunConn(t, pairs(false)) }
