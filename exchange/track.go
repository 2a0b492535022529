package exchange

import "github.com/jauap/jauap/envelope"

type id = envelope.ID

// track follows the units of one lane in the order of their sequence numbers
// and knows up to which one all are settled.
type track struct {
	mark  uint64 // everything of the lane up to here is settled; 0: unknown
	steps []*step
	stuck bool // too many were open: no more progress in this session
}

type step struct {
	seq  uint64
	done bool
}

// add follows one more unit; numbers must rise.
func (t *track) add(seq uint64) *step {
	p := &step{seq: seq}
	switch {
	case t.stuck:
	case len(t.steps) >= maxWindow:
		t.stuck, t.steps = true, nil
	default:
		t.steps = append(t.steps, p)
	}
	return p
}

// done settles a unit. p may be nil: a unit that nobody follows.
func (t *track) done(p *step) {
	if p == nil {
		return
	}
	p.done = true
	n := 0
	for n < len(t.steps) && t.steps[n].done {
		t.mark = t.steps[n].seq
		n++
	}
	if n == len(t.steps) {
		t.steps = nil
		return
	}
	t.steps = t.steps[n:]
}

// lanes are the tracks of a sequence: most meetings follow none.
type lanes struct{ all *[Lanes]track }

func (l *lanes) add(lane int, seq uint64) *step {
	if l.all == nil {
		l.all = new([Lanes]track)
	}
	return l.all[lane].add(seq)
}

func (l *lanes) done(lane int, p *step) {
	if l.all != nil {
		l.all[lane].done(p)
	}
}

// build makes the mark of a sequence from its tracks: base is where the
// session began, all (when not 0) says that everything up to it is settled.
func build(base Mark, epoch [8]byte, all uint64, tracks lanes) Mark {
	m := base
	m.Epoch = epoch
	m.Seq = max(m.Seq, all)
	for l := range m.Lane {
		if tracks.all != nil {
			m.Lane[l] = max(m.Lane[l], tracks.all[l].mark)
		}
		if m.Lane[l] <= m.Seq {
			m.Lane[l] = 0
		}
	}
	return m
}
