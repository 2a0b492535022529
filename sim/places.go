package sim

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a trace may say.
const (
	maxPeople  = 1 << 20
	maxSamples = 1 << 24 // positions in a file
)

var npyShape = regexp.MustCompile(`'shape': \((\d+), (\d+), 2\)`)

// ReadPositions reads a NumPy file (version 1, little-endian float64) of the
// shape (seconds, people, 2): where everybody is in metres, second by second.
func ReadPositions(r io.Reader) (at [][][2]float64, err error) {
	bad := func(why string) error { return fmt.Errorf("sim: positions: %s", why) }
	b := bufio.NewReader(r)
	head := make([]byte, 10)
	if _, err := io.ReadFull(b, head); err != nil || !bytes.HasPrefix(head, []byte("\x93NUMPY\x01\x00")) {
		return nil, bad("not a NumPy file of version 1")
	}
	text := make([]byte, binary.LittleEndian.Uint16(head[8:]))
	if _, err := io.ReadFull(b, text); err != nil {
		return nil, bad("the head is cut")
	}
	m := npyShape.FindSubmatch(text)
	if m == nil || !bytes.Contains(text, []byte("'<f8'")) || !bytes.Contains(text, []byte("'fortran_order': False")) {
		return nil, bad("want '<f8' of the shape (T, N, 2) in C order")
	}
	seconds, _ := strconv.Atoi(string(m[1]))
	people, _ := strconv.Atoi(string(m[2]))
	if seconds < 1 || people < 1 || people > maxPeople || seconds > maxSamples/people {
		return nil, bad("too many")
	}
	row := make([]byte, 16*people)
	for range seconds {
		if _, err := io.ReadFull(b, row); err != nil {
			return nil, bad("cut short")
		}
		places := make([][2]float64, people)
		for p := range places {
			for k := range 2 {
				v := math.Float64frombits(binary.LittleEndian.Uint64(row[16*p+8*k:]))
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return nil, bad("a place is no number")
				}
				places[p][k] = v
			}
		}
		at = append(at, places)
	}
	return at, nil
}

// Meet makes contacts of positions: two people are in contact while they are
// within reach metres of each other, from their next look around on; they look
// every so many seconds, each at its own second.
func Meet(at [][][2]float64, reach float64, look int) (contacts []Contact) {
	if len(at) == 0 {
		return nil
	}
	people := len(at[0])
	type pair struct{ a, b int }
	since := make(map[pair]int)
	for t := range at {
		for a := range people {
			for b := a + 1; b < people; b++ {
				d := math.Hypot(at[t][a][0]-at[t][b][0], at[t][a][1]-at[t][b][1])
				p := pair{a, b}
				from, met := since[p]
				switch {
				case d <= reach && !met && ((t+7*a)%look == 0 || (t+7*b)%look == 0):
					since[p] = t
				case d > reach && met:
					contacts = append(contacts, Contact{a, b, seconds(from), seconds(t)})
					delete(since, p)
				}
			}
		}
	}
	for p, from := range since {
		if from < len(at) {
			contacts = append(contacts, Contact{p.a, p.b, seconds(from), seconds(len(at))})
		}
	}
	sortContacts(contacts)
	return contacts
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// sortContacts uses sort.Slice, as do others who sort structs of their own: each shape
// that package slices sorts costs the program some ten kilobytes.
func sortContacts(list []Contact) {
	sort.Slice(list, func(i, j int) bool {
		x, y := list[i], list[j]
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B), cmp.Compare(x.To, y.To)) < 0
	})
}

// ReadConnections reads connection events of the ONE simulator: rows
// `time CONN a b up` and `time CONN a b down`, in order.
func ReadConnections(r io.Reader) (contacts []Contact, people int, err error) {
	since := make(map[[2]int]time.Duration)
	last := time.Duration(0)
	for lines := bufio.NewScanner(r); ; {
		if !lines.Scan() {
			if lines.Err() != nil {
				return nil, 0, fmt.Errorf("sim: connections: %w", lines.Err())
			}
			break
		}
		f := strings.Fields(lines.Text())
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		at, a, b, err := connection(f)
		if err != nil || at < last {
			return nil, 0, fmt.Errorf("sim: connections: not a row `time CONN a b up` in order: %q", lines.Text())
		}
		last, people = at, max(people, a+1, b+1)
		pair := [2]int{min(a, b), max(a, b)}
		from, up := since[pair]
		if f[4] == "up" && !up {
			since[pair] = at
		} else if f[4] == "down" && up {
			delete(since, pair)
			if at > from {
				contacts = append(contacts, Contact{pair[0], pair[1], from, at})
			}
		}
	}
	for pair, from := range since {
		if last > from {
			contacts = append(contacts, Contact{pair[0], pair[1], from, last})
		}
	}
	sortContacts(contacts)
	return contacts, people, nil
}

var errRow = errors.New("sim: not a connection event")

func connection(f []string) (at time.Duration, a, b int, err error) {
	if len(f) != 5 || f[1] != "CONN" || f[4] != "up" && f[4] != "down" {
		return 0, 0, 0, errRow
	}
	s, err1 := strconv.ParseFloat(f[0], 64)
	a, err2 := strconv.Atoi(strings.TrimLeft(f[2], "cpwtn"))
	b, err3 := strconv.Atoi(strings.TrimLeft(f[3], "cpwtn"))
	if errors.Join(err1, err2, err3) != nil || !(s >= 0 && s < maxTime) || a == b || min(a, b) < 0 || max(a, b) >= maxPeople {
		return 0, 0, 0, errRow
	}
	return time.Duration(s * float64(time.Second)), a, b, nil
}
