package netem

import (
	"container/heap"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Line is a link between two programs on this machine. Each speaks to the Line's
// address on its side as if it were the other program.
type Line struct {
	socks [2]*net.UDPConn
	work  sync.WaitGroup
	stop  chan struct{}
	wake  [2]chan struct{}

	mu     sync.Mutex
	lanes  [2]*Lane // lane i carries what side i sends
	ends   [2]netip.AddrPort
	up     bool
	until  time.Time // when it goes down by itself; zero for never
	flight [2]flight // on its way, by lane
	begun  uint64
}

// New opens a Line that is down. to are where the programs listen; an unset
// one is learned from what its side sends.
func New(p Params, seed uint64, to [2]netip.AddrPort) (*Line, error) {
	l := &Line{ends: to, stop: make(chan struct{})}
	for i := range l.socks {
		s, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("netem: %w", err)
		}
		_ = s.SetReadBuffer(4 << 20) // less is only slower
		_ = s.SetWriteBuffer(4 << 20)
		l.socks[i] = s
		l.lanes[i] = NewLane(p, seed+uint64(i)*1000)
		l.wake[i] = make(chan struct{}, 1)
	}
	for i := range l.socks {
		l.work.Go(func() { l.listen(i) })
		l.work.Go(func() { l.deliver(i) })
	}
	return l, nil
}

// Addr is where the program on side 0 or 1 finds the other one.
func (l *Line) Addr(side int) string { return l.socks[side].LocalAddr().String() }

// Lead says where the program on a side listens.
func (l *Line) Lead(side int, to netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends[side] = to
}

// Up lets packets through, for d or, when that is 0, until Down. It answers when
// that began.
func (l *Line) Up(d time.Duration) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.up, l.until = true, time.Time{}
	if d > 0 {
		l.until = now.Add(d)
	}
	return now
}

// Down turns the Line into a black hole. What is on its way is lost.
func (l *Line) Down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = false
}

func (l *Line) isUp(now time.Time) bool {
	return l.up && (l.until.IsZero() || now.Before(l.until))
}

// Set changes both directions.
func (l *Line) Set(p Params) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lane := range l.lanes {
		lane.Set(p)
	}
}

// Counts are those of what side 0 and side 1 sent.
func (l *Line) Counts() [2]Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	return [2]Count{l.lanes[0].Count(), l.lanes[1].Count()}
}

// Close frees the sockets.
func (l *Line) Close() {
	close(l.stop)
	for _, s := range l.socks {
		if s != nil {
			s.Close()
		}
	}
	l.work.Wait()
}

// listen admits what the program on one side sends.
func (l *Line) listen(side int) {
	b := make([]byte, 1<<16)
	for {
		n, from, err := l.socks[side].ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // nobody listens at the other program's port just now
		}
		l.mu.Lock()
		if !l.ends[side].IsValid() {
			l.ends[side] = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		}
		now := time.Now()
		fates := l.lanes[side].Admit(now, n, l.isUp(now))
		for _, f := range fates {
			p := packet{at: f.At, order: l.begun, data: append([]byte(nil), b[:n]...)}
			if f.Flip >= 0 {
				p.data[f.Flip/8] ^= 1 << (f.Flip % 8)
			}
			l.begun++
			heap.Push(&l.flight[side], p)
		}
		l.mu.Unlock()
		if len(fates) > 0 {
			select {
			case l.wake[side] <- struct{}{}:
			default:
			}
		}
	}
}

// deliver brings what side sent to the other one, each packet at its time.
func (l *Line) deliver(side int) {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		due, to, wait := l.due(side)
		for _, p := range due {
			_, _ = l.socks[1-side].WriteToUDPAddrPort(p.data, to) // as UDP does
		}
		t.Reset(wait)
		select {
		case <-l.stop:
			return
		case <-t.C:
		case <-l.wake[side]:
		}
	}
}

// due takes what arrives now and says how long the next is away.
func (l *Line) due(side int) (list []packet, to netip.AddrPort, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	f, lane := &l.flight[side], l.lanes[side]
	for f.Len() > 0 && !(*f)[0].at.After(now) {
		p := heap.Pop(f).(packet)
		if to = l.ends[1-side]; !l.isUp(p.at) || !to.IsValid() {
			lane.Darkened()
			continue
		}
		lane.Arrived(len(p.data))
		list = append(list, p)
	}
	if f.Len() == 0 {
		return list, to, time.Hour
	}
	return list, to, (*f)[0].at.Sub(now)
}

// packet is a datagram on its way.
type packet struct {
	at    time.Time
	order uint64
	data  []byte
}

// flight is a heap by arrival.
type flight []packet

func (f flight) Len() int { return len(f) }
func (f flight) Less(i, j int) bool {
	if f[i].at.Equal(f[j].at) {
		return f[i].order < f[j].order
	}
	return f[i].at.Before(f[j].at)
}
func (f flight) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flight) Push(x any)   { *f = append(*f, x.(packet)) }
func (f *flight) Pop() any {
	old := *f
	p := old[len(old)-1]
	*f = old[:len(old)-1]
	return p
}
