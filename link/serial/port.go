package serial

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	bugst "go.bug.st/serial"
)

// Commands of KISS modems. The low four bits are the command; an RNode uses all
// eight.
const (
	cmdData    = 0x00
	cmdLead    = 0x01 // 10 ms each
	cmdPersist = 0x02
	cmdSlot    = 0x03
	cmdDuplex  = 0x05
	cmdHard    = 0x06 // MeshCore's extensions

	meshSetRadio = 0x09
	meshSetPower = 0x0a
	meshGetRadio = 0x0b
	meshRadio    = 0x8b
	meshError    = 0xf1
	meshBusy     = 0x07
	meshPreamble = 32 // of its firmware at most

	rnHz        = 0x01
	rnBandwidth = 0x02
	rnPower     = 0x03
	rnSpread    = 0x04
	rnCoding    = 0x05
	rnState     = 0x06
	rnDetect    = 0x08
	rnShort     = 0x0b // most airtime of 15 s, in hundredths of a per cent
	rnLong      = 0x0c // of an hour
	rnError     = 0x90
	rnAsk       = 0x73
	rnAnswer    = 0x46
)

// ErrModem: the modem does not answer as it should.
var ErrModem = errors.New("serial: the modem does not answer")

// How a plain TNC is to listen before it talks: at each slot, when nobody is heard,
// it talks with this chance of 256.
const (
	persist = 63
	slotMS  = 100
)

// heard is one frame of a modem.
type heard struct {
	command byte
	data    []byte
}

// Port is a modem that is ready.
type Port struct {
	spec Spec
	line io.ReadWriteCloser
	in   chan heard
	err  error // why in was closed
	lora *LoRa
}

// answerIn is how long a modem may take to answer; bootIn how long one may take
// that starts anew when its port is opened.
const (
	answerIn = 3 * time.Second
	bootIn   = 8 * time.Second
)

// Open opens a port of this device and gets its modem ready. ErrModem, or what the
// system says of the port.
func Open(ctx context.Context, s Spec) (*Port, error) {
	line, err := bugst.Open(s.Port, &bugst.Mode{BaudRate: s.Baud, DataBits: 8})
	if err != nil {
		return nil, fmt.Errorf("serial: %s: %w (is the modem plugged in, and may you use the port?)", s.Port, err)
	}
	return Attach(ctx, s, line)
}

// Attach gets the modem at the other end of a line ready. The line is closed when
// that fails.
func Attach(ctx context.Context, s Spec, line io.ReadWriteCloser) (*Port, error) {
	p := &Port{spec: s, line: line, in: make(chan heard, 64)}
	go p.read()
	if err := p.ready(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close ends the link.
func (p *Port) Close() error {
	err := p.line.Close()
	go func() { // so that the reader ends, when the system lets it
		for range p.in {
		}
	}()
	return err
}

// Frame is the longest frame that goes on the air.
func (p *Port) Frame() int {
	if p.spec.Call != "" {
		return min(p.spec.Frame, MaxFrame-axSize)
	}
	return p.spec.Frame
}

// Airtime is how long a frame is on the air.
func (p *Port) Airtime(n int) time.Duration {
	switch {
	case p.lora != nil && p.spec.Dialect == RNode:
		return p.lora.Airtime(n + 1)
	case p.lora != nil:
		return p.lora.Airtime(n)
	case p.spec.Call != "":
		return p.spec.Tone.Airtime(n + axSize)
	}
	return p.spec.Tone.Airtime(n)
}

// read takes the modem's frames off the line.
func (p *Port) read() {
	defer close(p.in)
	var u unkiss
	buf := make([]byte, 1024)
	for {
		n, err := p.line.Read(buf)
		u.feed(buf[:n], func(c byte, data []byte) {
			p.in <- heard{c, append([]byte(nil), data...)}
		})
		if err == nil && n == 0 {
			err = io.EOF // the library says so when the port is gone
		}
		if err != nil {
			p.err = fmt.Errorf("serial: %s: %w", p.spec.Port, err)
			return
		}
	}
}

func (p *Port) command(c byte, data ...byte) error {
	if _, err := p.line.Write(appendKISS(nil, c, data)); err != nil {
		return fmt.Errorf("serial: %s: %w", p.spec.Port, err)
	}
	return nil
}

// Send gives a frame to the modem, which sends it as soon as it hears nobody.
func (p *Port) Send(frame []byte) error {
	if p.spec.Call != "" {
		frame = wrap(p.spec.Call, frame)
	}
	return p.command(cmdData, frame...)
}

// ready says to the modem what it needs to know.
func (p *Port) ready(ctx context.Context) error {
	switch p.spec.Dialect {
	case RNode:
		return p.readyRNode(ctx)
	case MeshCore:
		return p.readyMesh(ctx)
	}
	return p.readyTNC(byte(p.spec.Tone.Lead / (10 * time.Millisecond)))
}

func (p *Port) readyTNC(lead byte) error {
	return errors.Join(p.command(cmdLead, lead), p.command(cmdPersist, persist), p.command(cmdSlot, slotMS/10), p.command(cmdDuplex, 0))
}

func (p *Port) readyMesh(ctx context.Context) error {
	if err := p.readyTNC(5); err != nil {
		return err
	}
	if l := p.spec.LoRa; l.Hz > 0 {
		b := binary.LittleEndian.AppendUint32([]byte{meshSetRadio}, uint32(l.Hz))
		b = append(binary.LittleEndian.AppendUint32(b, uint32(l.Bandwidth)), byte(l.Spread), byte(l.Coding))
		if err := errors.Join(p.command(cmdHard, b...), p.command(cmdHard, meshSetPower, byte(p.spec.Power))); err != nil {
			return err
		}
	}
	// What it answers counts: airtime is reckoned by it.
	data, err := p.ask(ctx, cmdHard, []byte{meshGetRadio}, func(h heard) bool {
		return h.command == cmdHard && len(h.data) == 11 && h.data[0] == meshRadio
	})
	if err != nil {
		return fmt.Errorf("%w as a MeshCore KISS modem: %w", ErrModem, err)
	}
	l := LoRa{int(binary.LittleEndian.Uint32(data[1:])), int(binary.LittleEndian.Uint32(data[5:])), int(data[9]), int(data[10]), meshPreamble}
	if l.Bandwidth < 7000 || l.Bandwidth > 2_000_000 || l.Spread < 5 || l.Spread > 12 || l.Coding < 5 || l.Coding > 8 {
		return fmt.Errorf("%w: it says %+v of its radio", ErrModem, l)
	}
	p.lora = &l
	return nil
}

func (p *Port) readyRNode(ctx context.Context) error {
	_, err := p.ask(ctx, rnDetect, []byte{rnAsk}, func(h heard) bool {
		return h.command == rnDetect && len(h.data) == 1 && h.data[0] == rnAnswer
	})
	if err != nil {
		return fmt.Errorf("%w as an RNode: %w", ErrModem, err)
	}
	l := p.spec.LoRa
	part := uint16(math.Round(p.spec.Duty * 100))
	if p.spec.Duty >= 100 {
		part = 0 // no lock
	}
	err = errors.Join(
		p.command(rnHz, binary.BigEndian.AppendUint32(nil, uint32(l.Hz))...),
		p.command(rnBandwidth, binary.BigEndian.AppendUint32(nil, uint32(l.Bandwidth))...),
		p.command(rnPower, byte(p.spec.Power)), p.command(rnSpread, byte(l.Spread)), p.command(rnCoding, byte(l.Coding)),
		p.command(rnLong, byte(part>>8), byte(part)),
	)
	if err != nil {
		return err
	}
	_, err = p.ask(ctx, rnState, []byte{1}, func(h heard) bool {
		return h.command == rnState && len(h.data) == 1 && h.data[0] == 1
	})
	if err != nil {
		return fmt.Errorf("%w: the RNode does not switch its radio on; is it set up, and are freq, bw and power what it can do? %w", ErrModem, err)
	}
	p.lora = &l
	return nil
}

// ask sends a command every second until an answer comes.
func (p *Port) ask(ctx context.Context, c byte, data []byte, answers func(heard) bool) ([]byte, error) {
	end := time.NewTimer(bootIn)
	defer end.Stop()
	again := time.NewTicker(answerIn / 3)
	defer again.Stop()
	if err := p.command(c, data...); err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-end.C:
			return nil, fmt.Errorf("nothing in %v", bootIn)
		case <-again.C:
			if err := p.command(c, data...); err != nil {
				return nil, err
			}
		case h, ok := <-p.in:
			if !ok {
				return nil, p.err
			}
			if h.command == rnError && p.spec.Dialect == RNode && len(h.data) == 1 {
				return nil, fmt.Errorf("it reports error %#x", h.data[0])
			}
			if answers(h) {
				return h.data, nil
			}
		}
	}
}

// data is the frame from the air in what the modem says; busy tells that it could
// not send ours.
func (p *Port) data(h heard) (frame []byte, busy bool) {
	switch {
	case h.command == cmdData || p.spec.Dialect == KISS && h.command&0x0f == cmdData:
		return unwrap(h.data), false
	case p.spec.Dialect == MeshCore && h.command == cmdHard && len(h.data) == 2:
		return nil, h.data[0] == meshError && h.data[1] == meshBusy
	case p.spec.Dialect == RNode && h.command == rnError:
		return nil, true
	}
	return nil, false
}
