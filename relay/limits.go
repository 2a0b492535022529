package relay

import (
	"log/slog"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/postage"
)

// Rate is a token bucket: Burst at once, then PerSecond.
type Rate struct {
	PerSecond float64
	Burst     float64
}

// Limits keep one network, or one client, from taking a relay from the rest.
// A zero field is its default. Many people share one address behind a mobile
// operator, so the limits by prefix are wide.
type Limits struct {
	Conns       int   // connections at once; 20,000
	PrefixConns int   // connections at once of one prefix; 4,000
	PrefixNew   Rate  // new connections of one prefix; 100/s, 4,000 at once
	PrefixIn    Rate  // bytes received from one prefix; 4 MiB/s, 64 MiB at once
	PrefixOut   Rate  // bytes sent to one prefix; 16 MiB/s, 256 MiB at once
	SessionIn   int64 // bytes received in one session; 1 GiB
	SessionOut  int64 // bytes sent in one session; 4 GiB
	// FairShare is how many bytes a day one prefix may deposit before its
	// units are the first to leave a full box; 64 MiB. Each doubling counts.
	FairShare int64
	// Tokens of postage that one prefix may have a day, none where it is 0, and how many
	// are signed in all; 4/s, 64 at once: each is some milliseconds of computing. Who has
	// used them up gets none, also on this machine itself, where proxies stand.
	Tokens int
	Signs  Rate
	// Partials bounds the memory for units that came in part, in bytes; 64 MiB.
	Partials int64

	Hello time.Duration // for TLS, the request and the first frame, each; 20 s
	Frame time.Duration // for the rest of a frame once it began, and for sending one; 2 min
	Quiet time.Duration // silence before a ping, and again before giving up; 60 s

	Bits4, Bits6 int // length of a prefix; 24 and 48 bits
	// LoopbackFree lifts the limits by prefix for this machine itself.
	LoopbackFree bool
}

// Options of a relay. The zero value serves.
type Options struct {
	// Page is what GET / answers, as HTML; nil for a page that says nothing.
	Page []byte
	// Today is the day by which expiry is judged; nil for the system clock.
	Today func() envelope.Day
	// Log receives the box's troubles. No address, key or id is ever logged;
	// nil for no log.
	Log *slog.Logger
	// Grace bounds the wait for open sessions when the relay ends; 5 s.
	Grace  time.Duration
	Limits Limits
	// Mint signs tokens of postage, as many as Limits.Tokens says; nil for none.
	Mint *postage.Mint
}

func (o Options) filled() Options {
	if o.Page == nil {
		o.Page = []byte(defaultPage)
	}
	if o.Today == nil {
		o.Today = func() envelope.Day { return envelope.DayOf(time.Now()) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	fill(&o.Grace, 5*time.Second)
	l := &o.Limits
	fill(&l.Conns, 20_000)
	fill(&l.PrefixConns, 4_000)
	fill(&l.PrefixNew, Rate{100, 4_000})
	fill(&l.Signs, Rate{4, 64})
	fill(&l.PrefixIn, Rate{4 << 20, 64 << 20})
	fill(&l.PrefixOut, Rate{16 << 20, 256 << 20})
	fill(&l.SessionIn, 1<<30)
	fill(&l.SessionOut, 4<<30)
	fill(&l.FairShare, 64<<20)
	fill(&l.Partials, 64<<20)
	fill(&l.Hello, 20*time.Second)
	fill(&l.Frame, 2*time.Minute)
	fill(&l.Quiet, time.Minute)
	fill(&l.Bits4, 24)
	fill(&l.Bits6, 48)
	return o
}

// fill puts def where v is zero.
func fill[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

const defaultPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Welcome</title></head>
<body><p>This page is still empty.</p></body></html>
`
