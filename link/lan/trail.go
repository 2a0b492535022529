package lan

import (
	"net/netip"
	"time"
)

// Who has said the last words for now sends a spare behind them: without it the loss of one
// of the last packets holds up all words behind it for a round trip and two queues, two
// seconds on a slow line. spec/lan.md, 3.3.
const (
	trailMore  = 2                      // datagrams until what was written has surely left
	spareWhole = 1472                   // bytes of one that is not cut into two
	trailWait  = 500 * time.Millisecond // or so long, when nothing follows
)

// trail is the end of what left to somebody far away.
type trail struct {
	last [spareMost][]byte
	next int
	due  int // datagrams that are to leave before the spare; 0: none is wanted
}

// follow begins to remember what leaves to an address, and what comes from there; the
// answer ends it.
func (p *calm) follow(at netip.AddrPort) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &trail{}
	if p.trails == nil {
		p.trails = map[netip.AddrPort]*trail{}
	}
	p.trails[at] = t
	p.ring.far.Store(int32(len(p.trails)))
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.trails[at] == t {
			delete(p.trails, at)
		}
		p.ring.far.Store(int32(len(p.trails)))
	}
}

// spareSoon asks for a spare of what left last to an address, and of what is about to.
func (p *calm) spareSoon(to netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.trails[to]
	if t == nil || t.due > 0 {
		return
	}
	t.due = trailMore
	time.AfterFunc(trailWait, func() {
		p.mu.Lock()
		s := t.now()
		p.mu.Unlock()
		if s != nil {
			_, _ = p.UDPConn.WriteToUDPAddrPort(s, to) // it is one more
		}
	})
}

// leaves notes a datagram, and answers what is to follow it.
func (t *trail) leaves(d []byte) []byte {
	if t == nil || len(d) < fullWords {
		return nil
	}
	slot := &t.last[t.next]
	*slot = append((*slot)[:0], d...)
	t.next = (t.next + 1) % spareMost
	if t.due > 1 {
		t.due--
		return nil
	}
	return t.now()
}

// now is the spare if one is due.
func (t *trail) now() []byte {
	if t.due == 0 {
		return nil
	}
	t.due = 0
	var list [][]byte
	for i := range t.last {
		if d := t.last[(t.next+i)%spareMost]; len(d) > 0 {
			list = append(list, d)
		}
	}
	if len(list) > spareFirst && 2+4*len(list)+2+longest(list) > spareWhole {
		list = list[len(list)-spareFirst:]
	}
	return spareOf(list)
}
