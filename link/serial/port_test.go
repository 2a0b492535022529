package serial

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// firmware is a modem at the other end of a line.
type firmware struct {
	line net.Conn
	air  func(data []byte) // what goes on the air
	said []heard
	// answer gives the firmware's answers to a command.
	answer func(h heard) []heard
}

func (f *firmware) run() {
	var u unkiss
	buf := make([]byte, 512)
	for {
		n, err := f.line.Read(buf)
		if err != nil {
			return
		}
		u.feed(buf[:n], func(c byte, data []byte) {
			h := heard{c, append([]byte(nil), data...)}
			f.said = append(f.said, h)
			if c == cmdData && f.air != nil {
				f.air(h.data)
			}
			if f.answer != nil {
				for _, a := range f.answer(h) {
					f.tell(a)
				}
			}
		})
	}
}

func (f *firmware) tell(h heard) { f.line.Write(appendKISS(nil, h.command, h.data)) }

func rnode(h heard) []heard {
	switch h.command {
	case rnDetect:
		return []heard{{rnDetect, []byte{rnAnswer}}}
	case rnState:
		return []heard{{rnState, []byte{1}}}
	case rnHz, rnBandwidth, rnPower, rnSpread, rnCoding:
		return []heard{h} // it repeats what it took
	}
	return nil
}

func meshcore(h heard) []heard {
	if h.command == cmdHard && len(h.data) == 1 && h.data[0] == meshGetRadio {
		b := binary.LittleEndian.AppendUint32([]byte{meshRadio}, 869_618_000)
		return []heard{{cmdHard, append(binary.LittleEndian.AppendUint32(b, 62_500), 8, 8)}}
	}
	return nil
}

func mustParse(t *testing.T, text string) Spec {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestModems: three kinds of firmware are made ready, and letters go between all of
// them in both directions, an S0 and an S1, with a fifth of the frames lost.
func TestModems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		rng := rand.New(rand.NewPCG(2, 2))
		kinds := []struct {
			spec   string
			answer func(heard) []heard
		}{{"a,kiss,rate=5000,duty=100,call=UN7ABC", nil}, {"b,rnode,duty=100", rnode}, {"c,meshcore,duty=100,frame=184", meshcore}}
		var all []*firmware
		var radios []*Radio
		got := make(chan []byte, 64)
		units := map[ID][]byte{}
		for _, k := range kinds {
			here, there := net.Pipe()
			f := &firmware{line: there, answer: k.answer}
			all = append(all, f)
			f.air = func(data []byte) {
				time.Sleep(300 * time.Millisecond)
				for _, o := range all {
					if o != f && rand.Float64() > 0.2 {
						o.tell(heard{cmdData, data})
					}
				}
			}
			go f.run()
			p, err := Attach(ctx, mustParse(t, k.spec), here)
			if err != nil {
				t.Fatal(err)
			}
			mine := map[ID][]byte{}
			var items []Item
			r := NewRadio(p, &Budget{Limit: time.Hour}, func(id ID) ([]byte, bool) { u, ok := mine[id]; return u, ok }, rand.New(rand.NewPCG(rng.Uint64(), 1)))
			for _, n := range []int{96, 1024} {
				u := bytesOf(n, rng)
				units[IDOf(u)], mine[IDOf(u)] = u, u
				items = append(items, Item{IDOf(u), n, true})
			}
			radios = append(radios, r)
			r.Update(items)
		}
		done := make(chan error, 3)
		for _, r := range radios {
			go func() { done <- r.Run(ctx, func(u []byte) { got <- u }) }()
		}
		copies := map[ID]int{}
		end := time.After(4 * time.Hour)
		for whole := 0; whole < 6; {
			select {
			case u := <-got:
				if !bytes.Equal(units[IDOf(u)], u) {
					t.Fatal("a unit that nobody sent")
				}
				if copies[IDOf(u)]++; copies[IDOf(u)] == 2 {
					whole++
				}
			case <-end:
				t.Fatalf("after four hours: %v", copies)
			}
		}
		for _, r := range radios {
			if s := r.State(); s.Used == 0 || s.Sent == 0 || s.Heard == 0 || s.Limit != time.Hour {
				t.Errorf("%+v", s)
			}
		}
		stop()
		for range radios {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		for _, f := range all {
			f.line.Close()
		}
		time.Sleep(time.Minute) // what is on the air comes down
		synctest.Wait()
		var lock []byte
		for _, h := range all[1].said {
			if h.command == rnLong {
				lock = h.data
			}
		}
		if !bytes.Equal(lock, []byte{0, 0}) {
			t.Errorf("the RNode's own lock: % x", lock)
		}
	})
}

// TestDeadModem: what does not answer is said, with what to look at.
func TestDeadModem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for spec, want := range map[string]string{"x,rnode": "RNode", "x,meshcore": "MeshCore"} {
			here, there := net.Pipe()
			go io.Copy(io.Discard, there)
			_, err := Attach(t.Context(), mustParse(t, spec), here)
			if !errors.Is(err, ErrModem) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", spec, err)
			}
			there.Close()
		}
		here, there := net.Pipe()
		f := &firmware{line: there, answer: func(h heard) []heard {
			if h.command == rnState {
				return []heard{{rnError, []byte{1}}}
			}
			return rnode(h)
		}}
		go f.run()
		if _, err := Attach(t.Context(), mustParse(t, "x,rnode"), here); !errors.Is(err, ErrModem) || !strings.Contains(err.Error(), "0x1") {
			t.Errorf("an error of the modem: %v", err)
		}
		there.Close()
		synctest.Wait()
	})
}
