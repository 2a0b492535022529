package dns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link/dns/wire"
	"github.com/jauap/jauap/relay"
)

// Limits of what sessions hold.
const (
	maxSessions  = 1 << 16
	maxHalves    = 1 << 12
	maxUploads   = 1 << 14 // blocks of all sessions; about 4 KiB each
	maxSaid      = 2 * wire.States
	maxBrought   = 1024 // ids of a session's own units
	maxVisits    = 8
	sessionIdle  = 2 * time.Hour
	uploadIdle   = 10 * time.Minute
	streamIdle   = 2 * time.Minute
	halfLife     = time.Minute
	replayWindow = 1024
)

// sessions is the table of those who greeted.
type sessions struct {
	key     *wire.Server
	uploads atomic.Int64

	mu     sync.Mutex
	table  map[uint32]*session
	halves map[uint32]greeting
}

type greeting struct {
	half wire.Half
	at   time.Time
}

func newSessions(key *wire.Server) *sessions {
	return &sessions{key: key, table: map[uint32]*session{}, halves: map[uint32]greeting{}}
}

// session is one client. mu guards all but used.
type session struct {
	keys *wire.Session
	all  *sessions
	used atomic.Int64 // Unix ns

	mu      sync.Mutex
	top     uint16 // highest count
	seen    [replayWindow / 64]uint64
	room    int // bytes of sealed answer that the client wants; 0: not said
	visits  []visit
	uploads map[uint8]*upload
	begun   bool
	newest  uint8
	brought map[envelope.ID]bool
	stream  stream
}

// visit is a network from which a session came.
type visit struct {
	at     uint64
	proven bool
}

// upload is a unit that is coming in pieces: symbols of each of its blocks.
type upload struct {
	code   wire.Code // of the first block
	blocks []*wire.Gather
	parts  [][]byte // blocks that are whole
	lack   int
	state  wire.State
}

func (t *sessions) find(sid uint32, now time.Time) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.table[sid]
	if s != nil {
		s.used.Store(now.UnixNano())
	}
	return s
}

// greet takes one half of a greeting and answers the session when both are there.
func (t *sessions) greet(h wire.Half, now time.Time) *session {
	t.mu.Lock()
	other, ok := t.halves[h.SID]
	if !ok || other.half.N == h.N {
		if len(t.halves) >= maxHalves {
			for sid := range t.halves { // map order: whom it meets is chance
				delete(t.halves, sid)
				break
			}
		}
		t.halves[h.SID] = greeting{h, now}
		t.mu.Unlock()
		return nil
	}
	delete(t.halves, h.SID)
	t.mu.Unlock()
	keys, ok := t.key.Accept(other.half, h)
	if !ok {
		return nil
	}
	s := &session{keys: keys, all: t, uploads: map[uint8]*upload{}, brought: map[envelope.ID]bool{}}
	s.used.Store(now.UnixNano())
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.table[h.SID]; old != nil {
		return old // two that greet under one number: the first stays
	}
	if len(t.table) >= maxSessions {
		t.makeRoom()
	}
	t.table[h.SID] = s
	return s
}

// makeRoom ends the one of a few sessions that rested longest. Needs t.mu.
func (t *sessions) makeRoom() {
	var oldest uint32
	var at int64
	n := 0
	for sid, s := range t.table {
		if used := s.used.Load(); n == 0 || used < at {
			oldest, at = sid, used
		}
		if n++; n == 16 {
			break
		}
	}
	t.uploads.Add(-t.table[oldest].drop())
	delete(t.table, oldest)
}

// drop forgets all uploads and tells how many there were.
func (s *session) drop() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := int64(0)
	for _, up := range s.uploads {
		n += int64(len(up.blocks))
	}
	clear(s.uploads)
	return n
}

// sweep forgets what rests.
func (t *sessions) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for sid, s := range t.table {
		idle := now.Sub(time.Unix(0, s.used.Load()))
		if idle > uploadIdle || idle > streamIdle && t.uploads.Load() > maxUploads/2 {
			t.uploads.Add(-s.drop())
		}
		if idle > streamIdle {
			s.mu.Lock()
			s.stream = stream{}
			s.mu.Unlock()
		}
		if idle > sessionIdle {
			delete(t.table, sid)
		}
	}
	for sid, g := range t.halves {
		if now.Sub(g.at) > halfLife {
			delete(t.halves, sid)
		}
	}
}

// fresh tells whether a count is seen for the first time. What is too old to know
// counts as seen.
func (s *session) fresh(count uint16) bool {
	bit := func(c uint16) (*uint64, uint64) { return &s.seen[c%replayWindow/64], 1 << (c % 64) }
	if count > s.top {
		for c := s.top + 1; c != count && c-s.top <= replayWindow; c++ {
			w, m := bit(c)
			*w &^= m
		}
		s.top = count
		w, m := bit(count)
		*w |= m
		return true
	}
	if s.top-count >= replayWindow {
		return false
	}
	w, m := bit(count)
	old := *w&m != 0
	*w |= m
	return !old
}

// take does what a message asks. A message that comes again is answered again
// and changes nothing: resolvers repeat themselves.
func (s *Server) take(ctx context.Context, ses *session, u wire.Up, again bool, at prefix, from netip.AddrPort, d *wire.Down) {
	fresh := !again
	switch u.Kind {
	case wire.Put:
		d.Slot = u.Slot
		if up := ses.upload(u.Slot, u.Code); up != nil && fresh {
			s.put(ctx, ses, up, u, from)
		}
	case wire.Have:
		d.Slot = u.Slot
		up := ses.upload(u.Slot, u.Code)
		if up == nil || !fresh || up.state != wire.Under {
			break
		}
		if _, err := s.o.Box.Get(ctx, u.ID, 0, 0); err == nil || errors.Is(err, relay.ErrDelivered) {
			up.state = wire.Held
			ses.bring(u.ID)
		}
	case wire.Open:
		if fresh {
			ses.stream.open(ctx, s.o.Box, u, ses.brought)
		}
	case wire.Ask:
		ses.prove(u.Cookie, at, s)
		ses.room = u.Room
		if fresh {
			ses.stream.ack(u)
		}
	}
	if up := ses.uploads[d.Slot]; up != nil && (u.Kind == wire.Put || u.Kind == wire.Have) {
		if g := up.blocks[u.Code.N()]; g != nil {
			d.Have = uint8(g.Have())
		}
	}
}

// put takes symbols.
func (s *Server) put(ctx context.Context, ses *session, up *upload, u wire.Up, from netip.AddrPort) {
	n := u.Code.N()
	for _, p := range u.Pieces {
		if up.state != wire.Under || up.parts[n] != nil {
			return
		}
		block, whole := up.blocks[n].Add(p.Index, p.Symbol[:])
		if !whole {
			continue
		}
		if up.parts[n], up.lack = block, up.lack-1; up.lack > 0 {
			return
		}
		unit := slices.Concat(up.parts...)
		up.parts = make([][]byte, len(up.blocks))
		for _, g := range up.blocks {
			g.Close()
		}
		switch err := s.o.Deposit(ctx, unit, from.String()); {
		case err == nil, errors.Is(err, relay.ErrDelivered):
			up.state = wire.Held
			ses.bring(envelope.IDOf(unit))
		case final(err):
			up.state = wire.Refused
		default:
			up.state = wire.Later // it is full, or its storage has trouble
		}
	}
}

// final tells the errors by which a unit will never be taken.
func final(err error) bool {
	for _, e := range []error{
		relay.ErrTaken, relay.ErrBogus, relay.ErrExpired, relay.ErrTooLong,
		envelope.ErrMalformed, envelope.ErrTooLarge, envelope.ErrVersion, envelope.ErrSignature,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (s *session) bring(id envelope.ID) {
	if len(s.brought) >= maxBrought {
		clear(s.brought)
	}
	s.brought[id] = true
}

// upload finds or begins one; nil when its slot is over or there is no room.
func (s *session) upload(slot uint8, c wire.Code) *upload {
	ahead := int8(slot - s.newest)
	if !s.begun || ahead > 0 {
		s.begun, s.newest = true, slot
		for k := range s.uploads {
			if old := int8(s.newest - k); old >= maxSaid || old < 0 {
				s.all.uploads.Add(-int64(len(s.uploads[k].blocks)))
				delete(s.uploads, k)
			}
		}
	} else if -ahead >= wire.States {
		return nil
	}
	up := s.uploads[slot]
	if up == nil {
		if s.all.uploads.Load() >= maxUploads {
			return nil
		}
		n := c.Blocks()
		up = &upload{code: c.First(), blocks: make([]*wire.Gather, n), parts: make([][]byte, n), lack: n}
		for i := range up.blocks {
			up.blocks[i] = wire.NewGather(up.code + wire.Code(i))
		}
		s.uploads[slot] = up
		s.all.uploads.Add(int64(n))
	}
	if up.code != c.First() {
		return nil
	}
	return up
}

// tell writes what is known of uploads and the stream.
func (s *session) tell(d *wire.Down) {
	d.Newest = s.newest
	for i := range d.States {
		if up := s.uploads[s.newest-uint8(i)]; up != nil {
			d.States[i] = up.state
		}
	}
	if s.all.uploads.Load() >= maxUploads {
		d.Flags |= wire.FlagFull
	}
}

// visit notes the network that a message came from.
func (s *session) visit(at prefix) {
	for _, v := range s.visits {
		if v.at == at.key {
			return
		}
	}
	if len(s.visits) >= maxVisits {
		s.visits = slices.Delete(s.visits, 0, 1)
	}
	s.visits = append(s.visits, visit{at: at.key})
}

func (s *session) proven(at prefix) bool {
	return slices.Contains(s.visits, visit{at.key, true})
}

// prove believes that answers reach the network for which the cookie was made.
func (s *session) prove(cookie uint16, at prefix, by *Server) {
	for i, v := range s.visits {
		if by.cookie(s, prefix{key: v.at}) == cookie {
			s.visits[i].proven = true
			return
		}
	}
}
