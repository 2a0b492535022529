package store

import (
	"bytes"
	"errors"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// TestPartialLeftByAFailingDisk: a beginning whose file a failing disk did not
// remove does not stand in the way of the next.
func TestPartialLeftByAFailingDisk(t *testing.T) {
	e := fake(envelope.S3, 1, testDay+9)
	id, b := e.ID(), e.Bytes()
	m := durable.NewMem()
	s := open(t, m, plain)
	must(t, s.AddPartial(id, len(b), 0, b[:3000]))
	m.FailAt(1, errors.New("input/output error"), true)
	if err := s.AddPartial(id, len(b), 0, b[:2000]); err == nil {
		t.Fatal("a disk that fails wrote")
	}
	m.FailAt(0, nil, false)
	must(t, s.AddPartial(id, len(b), 0, b[:1000]))
	must(t, s.AddPartial(id, len(b), 1000, b[1000:]))
	got, err := s.TakePartial(id)
	must(t, err)
	if !bytes.Equal(got, b) {
		t.Fatal("other bytes")
	}
}
