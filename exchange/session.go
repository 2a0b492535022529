package exchange

import (
	"errors"
	"fmt"
)

// Bounds. spec/exchange.md, 10.
const (
	minWindow     = 64
	defaultWindow = 2048
	maxWindow     = 8192
	defaultChunk  = 16 << 10
	minChunk      = 1 << 10
	maxFirst      = 256 << 10 // bytes of the first flight
	firstUnits    = 64        // units listed as coming in a session
	firstGroup    = 3         // the largest group of them: S4
	maxShards     = 255       // named in HELLO
	maxTries      = 3         // times that a number is asked for
	maxWants      = 1024      // units asked for and not yet here
	maxWantBytes  = 4 << 20   // of those in large classes
	maxKnown      = 32 << 10  // ids remembered as held by the far end
)

// Session is one meeting of two shelves, seen from one side. It is not safe
// for concurrent use.
type Session struct {
	c       Config
	sh      Shelf
	hi      hello // what we say
	peer    hello // what the far end said; valid when met
	greeted bool
	met     bool
	over    bool
	bye     []byte // last words, while unsaid
	listed  bool   // the last frame was a HAVE: DATA is next if there is any

	give  giver
	take  taker
	match matching
	// known are units that the far end listed: whether it gave them to us in
	// this session. We do not list them back.
	known map[id]bool
	// part is what we said to hold of units, resume what of ours goes on so.
	part   map[id]int
	resume []resumed

	out      Outcome
	items    []Item // scratch of listFrame
	sent     int64
	received int64
}

// New starts a session. The first frame of Next greets the far end. Values of
// c outside their limits become the nearest limit.
func New(c Config, sh Shelf) *Session {
	if c.MaxItems == 0 {
		c.MaxItems = defaultWindow
	}
	if c.Chunk == 0 {
		c.Chunk = defaultChunk
	}
	c.MaxItems = min(max(c.MaxItems, minWindow), maxWindow)
	c.Chunk = min(max(c.Chunk, minChunk), maxChunk)
	c.First = min(c.First, maxFirst)
	if len(c.Shards) > maxShards {
		c.Shards = nil
	}
	s := &Session{c: c, sh: sh, known: make(map[id]bool)}
	s.hi = hello{
		version: version, serve: c.Serve, window: c.MaxItems,
		epoch: c.Epoch, top: c.Top, since: c.Take, shards: c.Shards,
	}
	s.give.open, s.give.spared = make(map[uint64]*given), -spareEach*3/4
	s.give.queue.compare = s.compare
	s.take.open = make(map[uint64]*taken)
	s.take.byID = make(map[id]*taken)
	return s
}

// anonymous says that our shelf's sequence has no name for the far end.
func (s *Session) anonymous() bool { return s.c.Epoch == [8]byte{} }

// Receive takes one frame from the far end, without its length prefix. An
// error ends the session: the caller sends what Next still has (a BYE), then
// closes the link. Errors: ErrProtocol and ErrVersion, whose frames changed
// nothing; ErrOver; whatever Shelf.Write answered.
func (s *Session) Receive(frame []byte) error {
	if s.over {
		return ErrOver
	}
	err := s.receive(frame)
	if err != nil {
		s.fail(err)
	}
	return err
}

func (s *Session) receive(frame []byte) error {
	if len(frame) == 0 || len(frame) > MaxFrame {
		return fmt.Errorf("%w: a frame of %d bytes", ErrProtocol, len(frame))
	}
	kind, f := frame[0], fields{b: frame[1:]}
	if kind == frameBye {
		s.over, s.out.Bye = true, true
		return nil
	}
	if (kind == frameHello) == s.met {
		return fmt.Errorf("%w: HELLO is the first frame and only the first", ErrProtocol)
	}
	if s.peer.serve && (kind == frameSketch || kind == frameLack || kind == frameMore) {
		return fmt.Errorf("%w: %w", ErrProtocol, ErrSums)
	}
	switch kind {
	case frameHello:
		return s.onHello(f)
	case frameHave:
		return s.onHave(&f)
	case frameEnd:
		return s.onEnd(&f)
	case frameWant:
		return s.onWant(&f)
	case frameData:
		return s.onData(&f)
	case frameGot:
		return s.onGot(&f)
	case frameSketch:
		return s.onSketch(&f)
	case frameLack:
		return s.onLack(&f)
	case frameMore:
		return s.onMore(&f)
	}
	if kind&critical != 0 {
		return fmt.Errorf("%w: unknown frame type %#x", ErrProtocol, kind)
	}
	return nil
}

// fail ends the session with last words.
func (s *Session) fail(err error) {
	s.over = true
	if errors.Is(err, ErrProtocol) || errors.Is(err, ErrVersion) {
		s.bye = encodeBye(byeProtocol, err.Error())
		return
	}
	// The shelf's own words may name paths: they are not for the far end.
	s.out.Err = err
	s.bye = encodeBye(byeTrouble, "the shelf has trouble: come again later")
}

// Bye ends the session in peace: the next frame is the last.
func (s *Session) Bye() {
	if !s.over {
		s.over = true
		s.bye = encodeBye(byeDone, "")
	}
}

func (s *Session) onHello(f fields) error {
	h, err := parseHello(f)
	if err != nil {
		return err
	}
	s.peer, s.met = h, true
	// spec/exchange.md, 6: a relay with another name, or one that was restored
	// from an older state, starts from 0 both ways.
	restored := h.epoch == s.c.Take.Epoch && h.top < s.c.Take.top()
	if h.epoch == s.c.Take.Epoch && !restored {
		s.take.base = s.c.Take
	}
	if h.epoch != s.c.Give.Epoch || restored {
		s.c.Give = Mark{}
	}
	s.beginTaking()
	if s.greeted {
		s.begin()
	}
	return nil
}

// begin is called when both sides have greeted.
func (s *Session) begin() {
	s.goOn()
	if s.beginMatching(); !s.match.held() {
		s.beginGiving()
	}
}

// Next is the next frame to send, of at most room bytes without its length
// prefix; nil when there is nothing to say now or room is below MinRoom. It
// may call Shelf.Sync.
func (s *Session) Next(room int) []byte {
	if s.over {
		return s.lastWords()
	}
	if room < MinRoom {
		return nil
	}
	room = min(room, MaxFrame)
	if !s.greeted {
		s.greeted = true
		s.summarize()
		if s.met {
			s.begin()
		}
		return s.hi.encode()
	}
	if !s.met {
		return s.firstFlight(room)
	}
	s.judge()
	if b := s.gotFrame(room); b != nil {
		return b
	}
	if b := s.wantFrame(room); b != nil {
		return b
	}
	if b := s.resumeFrame(); b != nil {
		return b
	}
	if b := s.doubtFrame(); b != nil {
		return b
	}
	if s.match.turn {
		s.match.turn = false
		if b := s.tell(room); b != nil {
			return b
		}
	}
	if b := s.matchFrame(room); b != nil {
		return b
	}
	return s.tell(room)
}

// tell lists and sends units, in turns.
func (s *Session) tell(room int) []byte {
	if s.listed {
		s.listed = false
		if b := s.dataFrame(room); b != nil {
			return b
		}
	}
	if s.mayList() {
		if b := s.list(room); b != nil {
			return b
		}
	}
	waited := s.give.queue.Len() > 0
	if b := s.dataFrame(room); b != nil {
		return b
	}
	if waited { // for units of which none is wanted any more
		if b := s.list(room); b != nil {
			return b
		}
	}
	return s.endFrame()
}

func (s *Session) list(room int) []byte {
	b := s.listFrame(room)
	if b != nil {
		s.listed = true
		s.give.listing += len(b)
	}
	return b
}

// What listing may take of a link while units are in line to be sent, where
// Config.Order has put the best first: a short meeting must not be spent on
// telling of what it has no time for. It grows with what is sent, so a long
// link is never without work: what is in line may double in each round trip.
const (
	listFree  = 4 << 10 // bytes
	listPart  = 4       // and one for each so many of units
	listAhead = 4 << 10 // bytes of small units in line, and as many more as were sent
)

// mayList says whether a HAVE is due before the units in line.
func (s *Session) mayList() bool {
	g := &s.give
	return s.give.order == nil || g.queue.Len() == 0 || int64(g.listing) < listFree+s.sent/listPart && g.wanted < listAhead+s.sent
}

func (s *Session) lastWords() []byte {
	b := s.bye
	s.bye = nil
	return b
}

// Added says that a unit reached our shelf by another way than this session,
// and that Since will list it at the next Next.
// If this session was asking for it, it no longer does; otherwise it is listed
// in its turn.
func (s *Session) Added(it Item) {
	if t := s.take.byID[it.ID]; t != nil {
		s.settle(t, Keep)
	}
	s.lookAgain()
}

// Retry asks Shelf.Want again about units that it answered with Wait.
func (s *Session) Retry() { s.take.retry() }

// Take reports what happened since the last call.
func (s *Session) Take() (o Outcome) {
	s.TakeInto(&o)
	return o
}

// TakeInto is Take for who looks often: the lists of o, whose content is over, are
// filled again.
func (s *Session) TakeInto(o *Outcome) {
	out := &s.out
	o.Kept, out.Kept = out.Kept, o.Kept[:0]
	o.Handed, out.Handed = out.Handed, o.Handed[:0]
	o.Refused, out.Refused = out.Refused, o.Refused[:0]
	o.Flown, out.Flown = out.Flown, o.Flown[:0]
	o.Whole, out.Whole = out.Whole, o.Whole[:0]
	o.Answered, out.Answered = out.Answered, false
	o.Bye, o.Err = out.Bye, out.Err
	o.Sent, o.Received = s.sent, s.received
	o.Waiting = len(s.take.open) + s.give.waiting()
	o.Even = s.even()
	if o.Marked = s.met && s.marking(); o.Marked {
		o.Give, o.Take = s.giveMark(), s.takeMark()
	}
}

func (s *Session) even() bool {
	return s.met && !s.over && s.takingDone() && s.givingDone()
}
