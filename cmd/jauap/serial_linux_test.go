package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jauap/jauap/web/api"
)

// modem is the far end of a serial line: a radio without a radio.
type modem struct {
	t      *testing.T
	line   *os.File // the master of a pty
	port   string
	others []*modem
	ether  *sync.Mutex // who holds it is on the air
	rate   int         // bits per second
	loss   float64
	rnode  bool
	write  sync.Mutex

	mu   sync.Mutex
	sent int
	most int
}

func newModem(t *testing.T, ether *sync.Mutex, rnode bool) *modem {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(m.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(m.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprintf("/dev/pts/%d", n)
	// Held open, so that the line stays when a node closes it.
	slave, err := os.OpenFile(port, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); slave.Close() })
	return &modem{t: t, line: m, port: port, ether: ether, rate: 5000, loss: 0.2, rnode: rnode}
}

// run does what the node says, until the line ends.
func (m *modem) run() {
	var frame []byte
	esc := false
	buf := make([]byte, 256)
	for {
		n, err := m.line.Read(buf)
		if err != nil {
			return
		}
		for _, b := range buf[:n] {
			switch {
			case b == 0xc0:
				if len(frame) > 0 {
					m.take(frame[0], frame[1:])
				}
				frame = nil
			case b == 0xdb:
				esc = true
			case esc:
				frame, esc = append(frame, map[byte]byte{0xdc: 0xc0, 0xdd: 0xdb}[b]), false
			default:
				frame = append(frame, b)
			}
		}
	}
}

func (m *modem) take(command byte, data []byte) {
	switch {
	case command == 0 && len(data) > 0:
		m.ether.Lock() // it listens before it talks
		time.Sleep(time.Duration(len(data)) * 8 * time.Second / time.Duration(m.rate))
		m.ether.Unlock()
		m.mu.Lock()
		m.sent, m.most = m.sent+1, max(m.most, len(data))
		m.mu.Unlock()
		for _, o := range m.others {
			if rand.Float64() >= m.loss {
				o.tell(0, data)
			}
		}
	case m.rnode && command == 0x08:
		m.tell(0x08, []byte{0x46})
	case m.rnode && command == 0x06:
		m.tell(0x06, data)
	}
}

func (m *modem) tell(command byte, data []byte) {
	b := []byte{0xc0, command}
	for _, c := range data {
		switch c {
		case 0xc0:
			b = append(b, 0xdb, 0xdc)
		case 0xdb:
			b = append(b, 0xdb, 0xdd)
		default:
			b = append(b, c)
		}
	}
	m.write.Lock()
	defer m.write.Unlock()
	m.line.Write(append(b, 0xc0))
}

// TestRadio: two nodes with modems of two kinds on serial lines, 5,000 bit/s and a
// fifth of the frames lost, tell each other that they are safe, in S0 alone.
func TestRadio(t *testing.T) {
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("a letter by radio takes half a minute; JAUAP_TEST=all runs it")
	}
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	aigerim.send("Dana", "We have a stick once.")
	stick := t.TempDir()
	for range 2 {
		aigerim.ok("carry", stick)
		dana.ok("carry", stick)
	}
	ether := &sync.Mutex{}
	a, b := newModem(t, ether, false), newModem(t, ether, true)
	a.others, b.others = []*modem{b}, []*modem{a}
	go a.run()
	go b.run()
	one := up(aigerim, "--listen", "off", "--serial", a.port+",kiss,rate=5000,lead=0,duty=100")
	two := up(dana, "--listen", "off", "--serial", b.port+",rnode,sf=7,duty=100")
	begin := time.Now()
	aigerim.ok("safe", "--note", "at Saule's")
	id := dana.send("Aigerim", "I am safe")
	aigerim.await("Dana", "I am safe")
	t.Logf("a letter took %v", time.Since(begin).Round(time.Millisecond))
	word := func() string {
		var list []api.Person
		dana.json(&list, "people", "--json")
		for _, p := range list {
			if p.Name == "Aigerim" && p.Word != nil {
				return p.Word.Kind
			}
		}
		return ""
	}
	for word() != "safe" {
		if time.Since(begin) > 2*time.Minute {
			t.Fatalf("the word did not arrive: %q", word())
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("both are there after %v", time.Since(begin).Round(time.Millisecond))
	dana.awaitState(id, api.Delivered, api.Read)
	t.Logf("and confirmed after %v", time.Since(begin).Round(time.Millisecond))
	if s := aigerim.ok("status"); !strings.Contains(s, a.port) || !strings.Contains(s, "on the air") {
		t.Errorf("the status does not tell of the radio:\n%s", s)
	}
	for _, m := range []*modem{a, b} {
		m.mu.Lock()
		t.Logf("%s: %d frames, the longest %d bytes", m.port, m.sent, m.most)
		if m.sent == 0 || m.most > 255 {
			t.Errorf("%d frames of up to %d bytes", m.sent, m.most)
		}
		m.mu.Unlock()
	}
	one.stop()
	two.stop()
}
