package sim

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// Traces in few bytes: traces/README.md says how.
const (
	walkMagic = "JWALK1\n"
	meetMagic = "JMEET1\n"
	maxPlace  = 1 << 40 // units from the origin
)

// varints reads numbers and remembers the first error.
type varints struct {
	r   *bufio.Reader
	err error
}

func (v *varints) magic(want string) {
	b := make([]byte, len(want))
	if _, v.err = io.ReadFull(v.r, b); v.err == nil && string(b) != want {
		v.err = fmt.Errorf("it does not begin with %q", want)
	}
}

// uint reads a number up to most.
func (v *varints) uint(most uint64) int64 {
	if v.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(v.r)
	if err == nil && n > most {
		err = fmt.Errorf("%d is too large", n)
	}
	v.err = err
	return int64(n)
}

func (v *varints) int() int64 {
	if v.err != nil {
		return 0
	}
	n, err := binary.ReadVarint(v.r)
	v.err = err
	return n
}

// ReadWalk reads packed positions, second by second, in metres.
func ReadWalk(r io.Reader) (at [][][2]float64, err error) {
	v := &varints{r: bufio.NewReader(r)}
	v.magic(walkMagic)
	people, count, unit := v.uint(maxPeople), v.uint(maxSamples), v.uint(1e6)
	if v.err != nil || people < 1 || count < 1 || unit < 1 || count > maxSamples/people {
		return nil, fmt.Errorf("sim: walk: no head, or too many: %w", orCut(v.err))
	}
	places := func() []int64 {
		row := make([]int64, 0, min(count, 4096))
		var here, before int64
		for s := range count {
			next := 2*here - before + v.int()
			if before = here; s == 0 {
				before = next
			}
			if here = next; here > maxPlace || here < -maxPlace {
				v.err = fmt.Errorf("a place is too far away")
			}
			if v.err != nil {
				break
			}
			row = append(row, here)
		}
		return row
	}
	for p := range people {
		for k := range 2 {
			row := places()
			if v.err != nil {
				return nil, fmt.Errorf("sim: walk: %w", v.err)
			}
			for s, place := range row {
				if p == 0 && k == 0 {
					at = append(at, nil)
				}
				if k == 0 {
					at[s] = append(at[s], [2]float64{})
				}
				at[s][p][k] = float64(place) / float64(unit)
			}
		}
	}
	return at, nil
}

func orCut(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ReadMeet reads packed contacts, in order.
func ReadMeet(r io.Reader) (contacts []Contact, people int, err error) {
	v := &varints{r: bufio.NewReader(r)}
	v.magic(meetMagic)
	n, unit := v.uint(maxPeople), time.Duration(v.uint(86400))*time.Second
	if v.err != nil || n < 2 || unit < 1 {
		return nil, 0, fmt.Errorf("sim: meetings: no head: %w", orCut(v.err))
	}
	for at := int64(0); ; {
		if _, err := v.r.Peek(1); err == io.EOF {
			return contacts, int(n), nil
		}
		at += v.uint(maxTime)
		a, apart, length := v.uint(maxPeople), v.uint(maxPeople), v.uint(maxTime)
		if v.err != nil {
			return nil, 0, fmt.Errorf("sim: meetings: %w", v.err)
		}
		if to := (at + length) * int64(unit/time.Second); apart < 1 || length < 1 || a+apart >= n || to > maxTime {
			return nil, 0, fmt.Errorf("sim: meetings: people or times that cannot be")
		}
		contacts = append(contacts, Contact{int(a), int(a + apart), time.Duration(at) * unit, time.Duration(at+length) * unit})
	}
}
