package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/fountain"
)

const (
	batchPackets = 64 // written at one go, so that writers do not cut into each other
	readStep     = 256 << 10
)

// ErrRecording: the file cannot be used.
var ErrRecording = errors.New("broadcast: cannot use this recording")

// Recording is a link.Drop in one file: a transport stream that may be sent as
// it is, or a recording of one. Units that were left stay: the file only grows.
type Recording struct {
	path string
	pid  uint16
	loss int
}

var _ link.Drop = (*Recording)(nil)

// RecordOptions of a Recording. The zero value is right.
type RecordOptions struct {
	PID  uint16 // of our sections in what Leave writes; 0 for DefaultPID
	Loss int    // see Programme
}

// Open makes a link of the file at path. Leave creates it; Each wants it there.
func Open(path string, o RecordOptions) (*Recording, error) {
	if o.PID == 0 {
		o.PID = DefaultPID
	}
	if o.PID < 0x20 || o.PID >= nullPID || o.PID == pmtPID {
		return nil, fmt.Errorf("%w: a PID is 32 to 8190 and not %d", ErrRecording, pmtPID)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %q is not an ordinary file", ErrRecording, path)
	}
	return &Recording{path: path, pid: o.PID, loss: o.Loss}, nil
}

// Traits implements link.Drop.
func (r *Recording) Traits() link.Traits {
	return link.Traits{Latency: 24 * time.Hour, Unit: fountain.MaxUnit, Way: link.Both, Lossy: true, Exposure: link.Open}
}

// Size is how long the file is now, in bytes; 0 when there is none.
func (r *Recording) Size() int64 {
	info, err := os.Stat(r.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Leave implements link.Drop: it appends one round of the units.
func (r *Recording) Leave(ctx context.Context, next func() ([]byte, bool)) (bytes int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrRecording, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := &recorder{f: f, mux: newMux(r.pid)}
	counted := int64(0) // flushed
	for more := true; more; {
		p := Programme{Loss: r.loss}
		units := map[Key][]byte{}
		size := int64(0)
		if more, err = p.fill(ctx, units, &size, next); err != nil {
			return counted, err
		}
		get := func(k Key) ([]byte, bool) { u, ok := units[k]; return u, ok }
		if _, err := p.Round(ctx, get, w.emit); err != nil {
			return counted, err
		}
		if err := errors.Join(w.flush(), f.Sync()); err != nil {
			return counted, fmt.Errorf("%w: %w", ErrRecording, err)
		}
		counted += size
	}
	return counted, syncDir(filepath.Dir(r.path))
}

// fill takes as many units from next as one group of blocks holds.
func (p *Programme) fill(ctx context.Context, units map[Key][]byte, size *int64, next func() ([]byte, bool)) (more bool, err error) {
	var list []Ref
	for *size < (together-2)*blockSize {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		u, ok := next()
		if !ok {
			p.Update(list)
			return false, nil
		}
		if len(u) < 1 || len(u) > fountain.MaxUnit {
			return false, fmt.Errorf("broadcast: %w", fountain.ErrUnit)
		}
		k := KeyOf(u)
		units[k] = append([]byte(nil), u...)
		list = append(list, Ref{k, len(u)})
		*size += int64(len(u))
	}
	p.Update(list)
	return true, nil
}

// recorder writes packets in batches.
type recorder struct {
	f     io.Writer
	mux   *mux
	batch [][]byte
	buf   []byte
	total int64
}

func (w *recorder) emit(packet []byte) error {
	w.batch = append(w.batch, append([]byte(nil), packet...))
	if len(w.batch) < batchPackets {
		return nil
	}
	return w.flush()
}

func (w *recorder) flush() error {
	if len(w.batch) == 0 {
		return nil
	}
	w.buf = w.mux.batch(w.buf[:0], w.batch)
	w.batch = w.batch[:0]
	n, err := w.f.Write(w.buf)
	w.total += int64(n)
	return err
}

// syncDir makes a new file's name durable, where the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	_ = d.Sync() // Windows cannot, and needs not
	return nil
}

// Each implements link.Drop. What was lost on the way becomes a Note.
func (r *Recording) Each(ctx context.Context, take func(unit []byte) error) ([]link.Note, error) {
	f, err := os.Open(r.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecording, err)
	}
	defer f.Close()
	s := newSieve(func(units [][]byte) error {
		for _, u := range units {
			if err := take(u); err != nil {
				return err
			}
		}
		return nil
	})
	buf := make([]byte, readStep)
	for {
		if err := ctx.Err(); err != nil {
			return s.notes(r.path), err
		}
		n, err := f.Read(buf)
		if err := s.d.feed(buf[:n]); err != nil {
			return s.notes(r.path), err
		}
		if err == io.EOF {
			return s.notes(r.path), s.d.end()
		}
		if err != nil {
			return s.notes(r.path), fmt.Errorf("%w: %w", ErrRecording, err)
		}
	}
}

// sieve takes units out of cells or packets. It may be used by one goroutine,
// and counts for all.
type sieve struct {
	d    demux
	take func(units [][]byte) error

	mu sync.Mutex
	c  fountain.Collector
}

func newSieve(take func(units [][]byte) error) *sieve {
	s := &sieve{take: take}
	s.d.take = s.packet
	return s
}

// packet takes one packet; only take's errors end anything.
func (s *sieve) packet(b []byte) error {
	s.mu.Lock()
	units, _ := s.c.Add(b) // what was wrong is counted
	s.mu.Unlock()
	if len(units) == 0 {
		return nil
	}
	return s.take(units)
}

func (s *sieve) counts() (fountain.Stats, fountain.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c.Stats(), s.c.Progress()
}

func (s *sieve) notes(where string) (notes []link.Note) {
	st, p := s.counts()
	say := func(n int, format string, args ...any) {
		if n > 0 {
			notes = append(notes, link.Note{Where: where, What: fmt.Sprintf(format, args...)})
		}
	}
	say(p.Open, "%d blocks lack packets: record another round", p.Open)
	say(st.Forged+st.Foreign, "%d packets were forged or damaged and were left out", st.Forged+st.Foreign)
	say(st.Spoiled, "%d blocks were not what they promised: somebody sends false ones", st.Spoiled)
	say(st.Dropped, "%d blocks had to make room for others before they were complete", st.Dropped)
	if st.Packets == 0 {
		say(1, "no packet of Jauap was found")
	}
	return notes
}
