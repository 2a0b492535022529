package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

func npy(rows ...[][2]float64) []byte {
	head := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d, 2), }\n", len(rows), len(rows[0]))
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head)))
	b = append(b, head...)
	for _, row := range rows {
		for _, p := range row {
			for _, v := range p {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
			}
		}
	}
	return b
}

func TestPositions(t *testing.T) {
	near, far := [][2]float64{{0, 0}, {3, 4}}, [][2]float64{{0, 0}, {30, 4}}
	at, err := ReadPositions(bytes.NewReader(npy(near, near, near, near, far, far)))
	if err != nil || len(at) != 6 || at[0][1] != [2]float64{3, 4} {
		t.Fatalf("%v %v", at, err)
	}
	// They look around each second third second: 0 at 0 and 3, 1 at 2.
	if got, want := Meet(at[1:], 5, 3), []Contact{{0, 1, 0, 3 * time.Second}}; !slices.Equal(got, want) {
		t.Fatalf("contacts %v, want %v", got, want)
	}
	if got := Meet(at, 4.9, 1); len(got) != 0 {
		t.Fatalf("out of reach: %v", got)
	}
	whole := npy(near, far)
	for n := range len(whole) {
		if _, err := ReadPositions(bytes.NewReader(whole[:n])); err == nil {
			t.Fatalf("%d bytes of %d were read", n, len(whole))
		}
	}
}

func TestConnections(t *testing.T) {
	contacts, people, err := ReadConnections(strings.NewReader("# one\n0.5 CONN 3 1 up\n2 CONN p1 p2 up\n4 CONN 1 3 down\n9 CONN 1 2 down\n10 CONN 0 1 up\n11 CONN 3 0 up\n"))
	want := []Contact{{1, 3, 500 * time.Millisecond, 4 * time.Second}, {1, 2, 2 * time.Second, 9 * time.Second}, {0, 1, 10 * time.Second, 11 * time.Second}}
	if err != nil || people != 4 || !slices.Equal(contacts, want) {
		t.Fatalf("%v %d %v", contacts, people, err)
	}
	for _, bad := range []string{"1 CONN 1 1 up", "1 CONN 1 2 side", "x CONN 1 2 up", "1 CONN 1 up", "2 CONN 1 2 up\n1 CONN 1 2 down", "NaN CONN 1 2 up"} {
		if _, _, err := ReadConnections(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzTraces(f *testing.F) {
	f.Add(npy([][2]float64{{0, 0}, {1, 1}}, [][2]float64{{0, 0}, {9, 9}}))
	f.Add([]byte("1 CONN 1 2 up\n3 CONN 1 2 down\n"))
	f.Add(packWalk([][][2]float64{{{0, 0}, {1, 1}}, {{0, 0}, {9, 9}}}, 10))
	f.Add(packMeet([]Contact{{0, 1, 0, step}, {1, 2, step, 3 * step}}, 3, step))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if at, err := ReadPositions(bytes.NewReader(b)); err == nil && len(at)*len(at[0]) > len(b) {
			t.Fatal("more places than bytes")
		}
		if at, err := ReadWalk(bytes.NewReader(b)); err == nil && len(at)*len(at[0]) > len(b) {
			t.Fatal("more places than bytes")
		}
		contacts, people, err := ReadConnections(bytes.NewReader(b))
		if err != nil {
			contacts, people, err = ReadMeet(bytes.NewReader(b))
		}
		if err != nil {
			return
		}
		for _, c := range contacts {
			if c.A < 0 || c.B >= people || c.A >= c.B || c.To <= c.From {
				t.Fatalf("contact %v of %d people", c, people)
			}
		}
	})
}
