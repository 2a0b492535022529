package lan

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// middle stands between two Rooms on one port, passes UDP packets and TCP
// streams on, and can stop.
type middle struct {
	addr   string
	target *net.UDPAddr
	noUDP  atomic.Bool
	lossy  atomic.Bool // every 20th packet is lost
	count  atomic.Int64
	tap    func([]byte) // sees everything, if set before anything passes
	udp    *net.UDPConn
	tcp    *net.TCPListener
	work   sync.WaitGroup

	mu    sync.Mutex
	done  bool
	conns []io.Closer
}

// newMiddle leads to the Room that listens at target.
func newMiddle(t testing.TB, target string) *middle {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", target)
	if err != nil {
		t.Fatal(err)
	}
	m := &middle{target: to}
	for range 20 {
		m.udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		port := m.udp.LocalAddr().(*net.UDPAddr).Port
		if m.tcp, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err == nil {
			break
		}
		m.udp.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	m.addr = m.udp.LocalAddr().String()
	m.work.Go(m.passUDP)
	m.work.Go(m.passTCP)
	t.Cleanup(func() {
		_ = m.Cut()
		m.work.Wait()
	})
	return m
}

// hold registers something to close at the end; false when that has come.
func (m *middle) hold(c io.Closer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done {
		_ = c.Close()
		return false
	}
	m.conns = append(m.conns, c)
	return true
}

// Cut stops everything: packets vanish, streams end without a goodbye.
func (m *middle) Cut() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done = true
	_ = m.udp.Close()
	_ = m.tcp.Close()
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.conns = nil
	return nil
}

// loses says whether the next packet vanishes.
func (m *middle) loses() bool {
	return m.noUDP.Load() || m.lossy.Load() && m.count.Add(1)%20 == 0
}

func (m *middle) passUDP() {
	buf := make([]byte, 2000)
	far := make(map[string]*net.UDPConn)
	for {
		n, from, err := m.udp.ReadFromUDP(buf)
		if err != nil {
			return
		}
		if m.loses() {
			continue
		}
		m.see(buf[:n])
		c := far[from.String()]
		if c == nil {
			if c, err = net.DialUDP("udp4", nil, m.target); err != nil || !m.hold(c) {
				return
			}
			_ = c.SetReadBuffer(4 << 20)
			_ = c.SetWriteBuffer(4 << 20)
			far[from.String()] = c
			m.work.Go(func() {
				back := make([]byte, 2000)
				for {
					n, err := c.Read(back)
					if err != nil {
						return
					}
					if !m.loses() {
						m.see(back[:n])
						_, _ = m.udp.WriteToUDP(back[:n], from)
					}
				}
			})
		}
		_, _ = c.Write(buf[:n])
	}
}

func (m *middle) passTCP() {
	for {
		in, err := m.tcp.AcceptTCP()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp4", m.target.String())
		if err != nil {
			_ = in.Close()
			continue
		}
		if !m.hold(in) || !m.hold(out) {
			return
		}
		for _, way := range [][2]*net.TCPConn{{in, out.(*net.TCPConn)}, {out.(*net.TCPConn), in}} {
			m.work.Go(func() {
				if _, err := io.Copy(seeing{way[1], m}, way[0]); err != nil { // a reset stays one
					for _, c := range way {
						_ = c.SetLinger(0)
						_ = c.Close()
					}
					return
				}
				_ = way[1].CloseWrite()
			})
		}
	}
}

func (m *middle) see(b []byte) {
	if m.tap != nil {
		m.tap(b)
	}
}

// seeing shows the middle what is written.
type seeing struct {
	io.Writer
	m *middle
}

func (s seeing) Write(b []byte) (int, error) {
	s.m.see(b)
	return s.Writer.Write(b)
}
