package dns

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/jauap/jauap/link/dns/wire"
	"github.com/jauap/jauap/relay"
)

// Options of a server.
type Options struct {
	Zone wire.Zone
	Key  *wire.Server
	// Box is where units come from, Deposit where they go to: it checks them, and
	// answers nil when one is on stable storage. remote is an IP address and port.
	Box     relay.Box
	Deposit func(ctx context.Context, raw []byte, remote string) error
	// Addrs are the server's own, told to who asks for its name.
	Addrs []netip.Addr

	// Answers and Bytes of one prefix for what belongs to a session; Strange for
	// all other answers. Zero: 5,000 and 4 MiB a second, 50 answers a second.
	Answers, Bytes, Strange relay.Rate
	// LoopbackFree lifts these for this machine itself.
	LoopbackFree bool
}

func (o Options) filled() Options {
	fill := func(r *relay.Rate, def relay.Rate) {
		if *r == (relay.Rate{}) {
			*r = def
		}
	}
	fill(&o.Answers, relay.Rate{PerSecond: 5_000, Burst: 20_000})
	fill(&o.Bytes, relay.Rate{PerSecond: 4 << 20, Burst: 16 << 20})
	fill(&o.Strange, relay.Rate{PerSecond: 50, Burst: 500})
	return o
}

const (
	atOnce      = 256 // queries in work
	sweepEvery  = 10 * time.Second
	udpBuffer   = 1 << 20
	amplifyMost = 3 // times the query, while nothing is proven
)

// Server answers for one zone.
type Server struct {
	o        Options
	prefixes *prefixes
	sessions *sessions
	seed     maphash.Seed
}

// New makes a server; Serve or Answer use it.
func New(o Options) *Server {
	o = o.filled()
	return &Server{o: o, prefixes: newPrefixes(o), sessions: newSessions(o.Key), seed: maphash.MakeSeed()}
}

// Serve answers what comes to pc until ctx ends, or pc fails. It closes pc.
func (s *Server) Serve(ctx context.Context, pc net.PacketConn) error {
	if c, ok := pc.(interface{ SetReadBuffer(int) error }); ok {
		_ = c.SetReadBuffer(udpBuffer) // as much as the system gives
	}
	stop := context.AfterFunc(ctx, func() { pc.Close() })
	defer stop()
	defer pc.Close()
	var group sync.WaitGroup
	defer group.Wait()
	room := make(chan struct{}, atOnce)
	swept := time.Now()
	for {
		b := make([]byte, wire.PlainSize)
		n, from, err := pc.ReadFrom(b)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && !errors.Is(err, net.ErrClosed) {
				continue // a peer's ICMP complaint, not ours
			}
			return fmt.Errorf("dns: %w", err)
		}
		if now := time.Now(); now.Sub(swept) >= sweepEvery {
			swept = now
			s.sessions.sweep(now)
		}
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			if out := s.Answer(ctx, b[:n], addrOf(from), time.Now()); out != nil {
				_, _ = pc.WriteTo(out, from) // lost, like any datagram
			}
		})
	}
}

func addrOf(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.AddrPort()
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return ap
}

// Answer is the answer to one query, or nil for none.
func (s *Server) Answer(ctx context.Context, b []byte, from netip.AddrPort, now time.Time) []byte {
	q, ok, err := wire.ParseQuestion(b)
	if err != nil {
		return nil
	}
	at := s.prefixes.of(from)
	var out []byte
	switch {
	case !ok:
		out, err = wire.Fail(wire.Question{Header: q.Header, Len: q.Len, Size: q.Size}, dnsmessage.RCodeFormatError)
	case q.OpCode != 0:
		out, err = wire.Fail(q, dnsmessage.RCodeNotImplemented)
	case q.Class != dnsmessage.ClassINET || !s.o.Zone.Under(q.Name.String()):
		out, err = wire.Fail(q, dnsmessage.RCodeRefused)
	default:
		if payload, mine := s.tunnel(ctx, q, at, from, now); payload != nil {
			out, err = wire.Reply(q, payload)
			if !s.prefixes.allow(at, len(out), mine, now) {
				return nil
			}
			return sound(out, err)
		}
		out, err = s.zone(q)
	}
	if !s.prefixes.allow(at, len(out), false, now) {
		return nil
	}
	return sound(out, err)
}

// sound drops what could not be built: a name that was taken in but may not go
// out again.
func sound(b []byte, err error) []byte {
	if err != nil {
		return nil
	}
	return b
}

// tunnel answers what belongs to a session; mine tells that it does.
func (s *Server) tunnel(ctx context.Context, q wire.Question, at prefix, from netip.AddrPort, now time.Time) (payload []byte, mine bool) {
	if q.Type != wire.TXT && q.Type != wire.NULL && q.Type != wire.AAAA {
		return nil, false
	}
	sealed, ok := s.o.Zone.Sealed(q.Name.String())
	if !ok {
		return nil, false
	}
	sid, half, greeting, ok := s.o.Key.Look(sealed)
	if !ok {
		return nil, false
	}
	ses := s.sessions.find(sid, now)
	if greeting && ses == nil {
		ses = s.sessions.greet(half, now)
	}
	if ses == nil {
		return s.o.Key.Lost(sid), false
	}
	ses.mu.Lock()
	defer ses.mu.Unlock()
	d := wire.Down{}
	again := false
	if !greeting {
		plain, ok := ses.keys.OpenUp(sealed)
		if !ok {
			return nil, false
		}
		u, err := wire.ParseUp(plain)
		if err != nil {
			return nil, false
		}
		if u.Count > wire.MaxCount {
			return s.o.Key.Lost(sid), false
		}
		d.Count = u.Count
		again = !ses.fresh(u.Count)
		s.take(ctx, ses, u, again, at, from, &d)
	}
	return s.reply(ctx, ses, q, at, now, again, &d), true
}

// reply fills an answer up to what its size may be.
func (s *Server) reply(ctx context.Context, ses *session, q wire.Question, at prefix, now time.Time, again bool, d *wire.Down) []byte {
	d.Cookie = s.cookie(ses, at)
	ses.tell(d)
	size := amplifyMost * q.Len
	if ses.proven(at) {
		size = wire.EDNSSize
	}
	room := q.Room(size)
	if ses.room > 0 {
		room = min(room, ses.room)
	}
	if err := ses.stream.fill(ctx, s.o.Box, room-wire.HeadDown, now, again, d); err != nil {
		d.Runs = nil // the box failed: what came counts all the same
	}
	return ses.keys.SealDown(d.Bytes())
}

// cookie is what only those can know who got an answer in that prefix.
func (s *Server) cookie(ses *session, at prefix) uint16 {
	ses.visit(at)
	return uint16(maphash.Comparable(s.seed, [2]uint64{uint64(ses.keys.SID), uint64(at.key)}))
}
