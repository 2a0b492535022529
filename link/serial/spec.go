package serial

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ErrSpec: a radio is written in another way.
var ErrSpec = errors.New("serial: a radio is PORT,kiss or PORT,rnode or PORT,meshcore, then key=value: rate, baud, lead, call (kiss); freq, bw, sf, cr, power (rnode, meshcore); frame, duty")

// Dialects of KISS.
const (
	KISS     = "kiss"     // any terminal node controller
	RNode    = "rnode"    // of the Reticulum project
	MeshCore = "meshcore" // its KISS modem firmware
)

// Spec says which modem is where and what it may do.
type Spec struct {
	Port    string
	Dialect string
	Baud    int // of the serial line
	Frame   int
	Duty    float64 // per cent of an hour on the air
	Tone    Tone
	Call    string // of an AX.25 station; empty: frames stand alone
	LoRa    LoRa   // for an RNode, and for MeshCore when Hz is set
	Power   int    // dBm
}

// Parse reads a Spec such as /dev/ttyUSB0,rnode,freq=868.1,sf=8 or COM3,kiss,rate=1200.
func Parse(text string) (Spec, error) {
	words := strings.Split(text, ",")
	s := Spec{
		Port: strings.TrimSpace(words[0]), Dialect: KISS, Baud: 115200, Frame: MaxFrame, Duty: 1,
		Tone: Tone{Rate: 1200, Lead: 350 * time.Millisecond}, Power: 14,
	}
	if s.Port == "" {
		return s, fmt.Errorf("%w: no port", ErrSpec)
	}
	words = words[1:]
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		s.Dialect, words = strings.ToLower(strings.TrimSpace(words[0])), words[1:]
	}
	switch s.Dialect {
	case KISS, MeshCore:
	case RNode:
		s.Frame = MaxFrame - 1 // the modem puts a byte before
		s.LoRa = LoRa{868_100_000, 125_000, 8, 5, 18}
	default:
		return s, fmt.Errorf("%w: %q", ErrSpec, s.Dialect)
	}
	for _, w := range words {
		key, v, ok := strings.Cut(strings.TrimSpace(w), "=")
		if !ok {
			return s, fmt.Errorf("%w: %q", ErrSpec, w)
		}
		if err := s.set(strings.TrimSpace(key), strings.TrimSpace(v)); err != nil {
			return s, err
		}
	}
	return s, s.check()
}

// set takes one key.
func (s *Spec) set(key, v string) (err error) {
	lora := s.Dialect != KISS
	number := func(low, high float64) float64 {
		f, e := strconv.ParseFloat(v, 64)
		if e != nil || math.IsNaN(f) || f < low || f > high {
			err = fmt.Errorf("%w: %s is %v to %v, not %q", ErrSpec, key, low, high, v)
			return low
		}
		return f
	}
	switch {
	case key == "baud":
		s.Baud = int(number(300, 4_000_000))
	case key == "frame":
		s.Frame = int(number(MinFrame, MaxFrame))
	case key == "duty":
		s.Duty = number(0.01, 100)
	case key == "rate" && !lora:
		s.Tone.Rate = int(number(50, 1_000_000))
	case key == "lead" && !lora:
		s.Tone.Lead = time.Duration(number(0, 5000)) * time.Millisecond
	case key == "call" && !lora:
		s.Call = strings.ToUpper(v)
		if _, e := address(s.Call, true); e != nil {
			err = e
		}
	case key == "freq" && lora:
		s.LoRa.Hz = int(math.Round(number(30, 3000) * 1e6))
	case key == "bw" && lora:
		s.LoRa.Bandwidth = int(math.Round(number(7, 1700) * 1e3))
	case key == "sf" && lora:
		s.LoRa.Spread = int(number(5, 12))
	case key == "cr" && lora:
		s.LoRa.Coding = int(number(5, 8))
	case key == "power" && lora:
		s.Power = int(number(0, 30))
	default:
		err = fmt.Errorf("%w: %s=%s", ErrSpec, key, v)
	}
	return err
}

// check looks at what belongs together.
func (s *Spec) check() error {
	switch {
	case s.Dialect == RNode && s.Frame >= MaxFrame:
		return fmt.Errorf("%w: an RNode takes frames of at most %d bytes", ErrSpec, MaxFrame-1)
	case s.Dialect == MeshCore && s.LoRa != (LoRa{}):
		if s.LoRa.Hz == 0 || s.LoRa.Bandwidth == 0 || s.LoRa.Spread == 0 || s.LoRa.Coding == 0 {
			return fmt.Errorf("%w: for meshcore freq, bw, sf and cr go together; without them the modem's own are used", ErrSpec)
		}
		s.LoRa.Preamble = meshPreamble
	}
	return nil
}

// Limit is the airtime in an hour.
func (s Spec) Limit() time.Duration {
	return time.Duration(s.Duty / 100 * float64(time.Hour))
}

// Label is the modem as the status calls it.
func (s Spec) Label() string { return s.Port + " (" + s.Dialect + ")" }

// AX.25 v2.2, 3: an unnumbered information frame to nobody in particular, without
// layer 3. Some modems pass on nothing else.
const (
	axSize = 16
	axUI   = 0x03
	axNone = 0xf0
)

// address is a station's name in an AX.25 header.
func address(call string, last bool) (a [7]byte, err error) {
	base, number, _ := strings.Cut(call, "-")
	n := 0
	if number != "" {
		n, err = strconv.Atoi(number)
	}
	if err != nil || n < 0 || n > 15 || len(base) < 1 || len(base) > 6 || strings.Trim(base, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return a, fmt.Errorf("%w: call is a call sign such as UN7ABC-5, not %q", ErrSpec, call)
	}
	copy(a[:], fmt.Sprintf("%-6s", base))
	for i := range 6 {
		a[i] <<= 1
	}
	a[6] = 0x60 | byte(n)<<1
	if last {
		a[6] |= 1
	}
	return a, nil
}

// wrap puts an AX.25 header before a frame.
func wrap(call string, frame []byte) []byte {
	to, _ := address("JAUAP", false)
	from, _ := address(call, true)
	return append(append(append(append([]byte(nil), to[:]...), from[:]...), axUI, axNone), frame...)
}

// unwrap takes an AX.25 header off, if there is one, with up to eight repeaters.
func unwrap(b []byte) []byte {
	if len(b) > 0 && b[0] == magic {
		return b
	}
	for end := 13; end < 7*10 && end+2 < len(b); end += 7 {
		if b[end]&1 == 1 {
			if b[end+1]&^0x10 == axUI && b[end+2] == axNone {
				return b[end+3:]
			}
			return b
		}
	}
	return b
}
