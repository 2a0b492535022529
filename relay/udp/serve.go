package udp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/apernet/quic-go"

	"github.com/jauap/jauap/link/pace"
	"github.com/jauap/jauap/relay"
)

// Options of Serve; a zero field is its default.
type Options struct {
	Hello time.Duration // for the handshake, and until the client's first byte, each; 20 s
	Quiet time.Duration // half the silence after which a client is gone; 60 s
	Stall time.Duration // how long a client may take nothing; 2 min
	// Unproven is how many new connections a second may come from addresses
	// that have not shown that they hear us; 300, and ten times that at once.
	// Past it a client is asked to show it, which costs it a round trip.
	Unproven float64
}

const (
	tokenLife = 7 * 24 * time.Hour // as long as a ticket
	// A client may have as much on its way to us, in bytes: enough for 40
	// Mbit/s at 200 ms, and 20,000 hostile clients do not fill the memory soon.
	windowFirst = 64 << 10
	windowMost  = 1 << 20
)

// Serve answers on pc, under the key of conf, until ctx ends, and hands each
// client's stream to attend, with the client's address. It closes pc and waits
// for attend to come back. conf is that of relay.Key.TLS.
func Serve(ctx context.Context, pc net.PacketConn, conf *tls.Config, attend func(line relay.Line, remote string), o Options) error {
	fill(&o.Hello, 20*time.Second)
	fill(&o.Quiet, time.Minute)
	fill(&o.Stall, 2*time.Minute)
	if o.Unproven == 0 {
		o.Unproven = 300
	}
	conf = conf.Clone()
	conf.NextProtos = []string{ALPN}
	conf.SessionTicketsDisabled = false
	tr := &quic.Transport{Conn: pc, VerifySourceAddress: (&flood{rate: o.Unproven}).over, MaxTokenAge: tokenLife}
	ln, err := tr.ListenEarly(conf, &quic.Config{
		Allow0RTT:                      true,
		HandshakeIdleTimeout:           o.Hello / 2,
		MaxIdleTimeout:                 2 * o.Quiet,
		MaxIncomingStreams:             1,
		MaxIncomingUniStreams:          -1,
		InitialPacketSize:              PacketSize,
		InitialStreamReceiveWindow:     windowFirst,
		MaxStreamReceiveWindow:         windowMost,
		InitialConnectionReceiveWindow: windowFirst,
		MaxConnectionReceiveWindow:     windowMost,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("relay/udp: %w", err), pc.Close())
	}
	var clients sync.WaitGroup
	for {
		conn, err := ln.Accept(ctx)
		if err != nil {
			break // the listener's end, or ctx's
		}
		conn.SetCongestionControl(pace.New())
		clients.Go(func() { welcome(ctx, conn, attend, o) })
	}
	// Nobody new comes; those who are here are told goodbye by attend.
	err = errors.Join(ln.Close())
	clients.Wait()
	return errors.Join(err, tr.Close(), pc.Close())
}

// welcome waits for the client's stream. It may come before the handshake is
// over.
func welcome(ctx context.Context, conn *quic.Conn, attend func(relay.Line, string), o Options) {
	ctx, cancel := context.WithTimeout(ctx, o.Hello)
	defer cancel()
	str, err := conn.AcceptStream(ctx)
	if err != nil {
		_ = conn.CloseWithError(codeBad, "no greeting")
		return
	}
	attend(NewStream(conn, str, o.Stall), conn.RemoteAddr().String())
}

func fill(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

// flood tells whether more connections come from unproven addresses than
// people make: forged ones cost a handshake each.
type flood struct {
	rate float64 // a second; ten times that at once

	mu    sync.Mutex
	level float64
	at    time.Time
}

func (f *flood) over(net.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.at.IsZero() {
		f.level = 10 * f.rate
	} else if d := now.Sub(f.at); d > 0 {
		f.level = min(10*f.rate, f.level+d.Seconds()*f.rate)
	}
	f.at = now
	if f.level < 1 {
		return true
	}
	f.level--
	return false
}
