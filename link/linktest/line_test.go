package linktest_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLinePasses(t *testing.T) {
	linktest.RunConn(t, func(*testing.T) (link.Conn, link.Conn) { return linktest.Pipe() })
}

func TestSlowLinePasses(t *testing.T) {
	l := linktest.Line{Rate: 200 << 20, Delay: time.Millisecond, Buffer: 1 << 20}
	linktest.RunConn(t, func(*testing.T) (link.Conn, link.Conn) { return l.Pipe() })
}

func TestRateAndDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := linktest.Line{Rate: 8000, Delay: 300 * time.Millisecond}.Pipe()
		start := time.Now()
		go func() { _, _ = a.Write(make([]byte, 80_000)) }()
		one := make([]byte, 1)
		if _, err := io.ReadFull(b, one); err != nil {
			t.Fatal(err)
		}
		if first := time.Since(start); first < 300*time.Millisecond || first > 350*time.Millisecond {
			t.Errorf("the first byte took %v, want little over 300 ms", first)
		}
		if _, err := io.ReadFull(b, make([]byte, 79_999)); err != nil {
			t.Fatal(err)
		}
		if all := time.Since(start); all < 10300*time.Millisecond || all > 10301*time.Millisecond {
			t.Errorf("80 kB at 8 kB/s over 300 ms took %v, want 10.3 s", all)
		}
	})
}

func TestBothWaysHaveTheirOwnRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := linktest.Line{Rate: 1000}.Pipe()
		start := time.Now()
		done := make(chan error, 2)
		go func() { _, err := io.ReadFull(a, make([]byte, 5000)); done <- err }()
		go func() { _, err := io.ReadFull(b, make([]byte, 5000)); done <- err }()
		go func() { _, _ = a.Write(make([]byte, 5000)) }()
		_, _ = b.Write(make([]byte, 5000))
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("5 kB each way at 1 kB/s took %v, want 5 s", d)
		}
	})
}

func TestCutAfterEveryByte(t *testing.T) {
	data := []byte("twenty bytes of data")
	for n := int64(1); n <= int64(len(data)); n++ {
		a, b := linktest.Line{CutAfter: n}.Pipe()
		wrote, err := a.Write(data)
		if int64(wrote) != n || (err == nil) != (n == int64(len(data))) {
			t.Fatalf("cut after %d: wrote %d, %v", n, wrote, err)
		}
		got, err := io.ReadAll(b)
		if !errors.Is(err, linktest.ErrCut) || !bytes.Equal(got, data[:n]) {
			t.Fatalf("cut after %d: read %q, %v", n, got, err)
		}
		if _, err := b.Write(data); !errors.Is(err, linktest.ErrCut) {
			t.Fatalf("the way back still works after the cut: %v", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, linktest.ErrCut) {
			t.Fatalf("the way back still reads after the cut: %v", err)
		}
	}
}
