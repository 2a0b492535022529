package fountain

import (
	"errors"
)

// Limits of a Collector. spec/fountain.md, 6.
const (
	defaultBytes = 64 << 20
	maxOpen      = 1024  // blocks begun
	maxDone      = 65536 // blocks remembered as done
	eagerTries   = 5     // at K, K+1 … K+4 symbols; then at every eighth
)

// Collector gathers packets of many blocks. The zero value is ready. It is not
// safe for concurrent use.
type Collector struct {
	// MaxBytes bounds the symbols held; 0 means 64 MiB. The block that has the
	// fewest symbols makes room first: whoever floods a Collector with beginnings
	// throws out mostly other beginnings.
	MaxBytes int

	open  map[key]*partial
	bytes int
	clock uint64
	done  map[key]bool
	ring  []key // done, oldest first
	stats Stats
}

// Stats count what a Collector saw.
type Stats struct {
	Packets int // that belong to some block, repeats included
	Forged  int // packets that do not belong to the block that they name
	Foreign int // no packets at all
	Blocks  int // brought back
	Spoiled int // blocks that were complete and wrong: whoever sent them lied
	Dropped int // blocks begun that had to make room
}

// partial is a block of which some symbols are here.
type partial struct {
	shape
	have  map[int][]byte
	used  uint64 // when it last grew
	next  int    // symbols at which decoding is tried next
	tries int
}

// Progress of the block that came furthest and is not whole.
type Progress struct {
	Have, Need int // packets
	Bytes      int // of the block
	Open       int // blocks begun
}

// Stats tells what was seen so far.
func (c *Collector) Stats() Stats { return c.stats }

// Progress tells how far the most complete open block is.
func (c *Collector) Progress() (p Progress) {
	for _, b := range c.open {
		if p.Need == 0 || len(b.have)*p.Need > p.Have*b.k {
			p = Progress{Have: len(b.have), Need: b.k, Bytes: b.size}
		}
	}
	p.Open = len(c.open)
	return p
}

// Add takes one packet and answers the units of the block that it completes, if
// any: they belong to the caller. The packet is copied. ErrPacket and ErrForged
// say that it was none; ErrBlock that a complete block was not what it promised,
// and was thrown away.
func (c *Collector) Add(b []byte) (units [][]byte, err error) {
	p, err := parse(b)
	if err != nil {
		if errors.Is(err, ErrForged) {
			c.stats.Forged++
		} else {
			c.stats.Foreign++
		}
		return nil, err
	}
	c.stats.Packets++
	if c.done[p.key()] {
		return nil, nil
	}
	part := c.partialOf(p)
	if part.have[p.esi] != nil {
		return nil, nil
	}
	part.have[p.esi] = append([]byte(nil), p.data...)
	c.clock++
	part.used = c.clock
	c.bytes += len(p.data)
	data, ok, err := part.try(p.sum)
	if ok || err != nil {
		c.finish(p.key(), part)
	}
	switch {
	case err != nil:
		c.stats.Spoiled++
		return nil, err
	case ok:
		c.stats.Blocks++
		return Cut(data), nil
	}
	c.makeRoom(p.key())
	return nil, nil
}

func (c *Collector) partialOf(p packet) *partial {
	if c.open == nil {
		c.open, c.done = map[key]*partial{}, map[key]bool{}
	}
	part := c.open[p.key()]
	if part == nil {
		part = &partial{shape: p.shape, have: map[int][]byte{}, next: p.k}
		c.open[p.key()] = part
	}
	return part
}

// try decodes when there are enough symbols.
func (p *partial) try(sum hash) (data []byte, ok bool, err error) {
	if len(p.have) < p.next {
		return nil, false, nil
	}
	data, ok, err = p.decode(p.have)
	if err != nil {
		return nil, false, err
	}
	if !ok {
		if len(p.have) == p.leaves() {
			return nil, false, ErrBlock
		}
		p.tries++
		if p.next = len(p.have) + 1; p.tries >= eagerTries {
			p.next = min(len(p.have)+8, p.leaves())
		}
		return nil, false, nil
	}
	if sumOf(data) != sum {
		return nil, false, ErrBlock
	}
	return data, true, nil
}

// finish forgets a block's symbols and remembers that no more are needed.
func (c *Collector) finish(k key, part *partial) {
	delete(c.open, k)
	c.bytes -= len(part.have) * part.symbol
	c.done[k] = true
	if c.ring = append(c.ring, k); len(c.ring) > maxDone {
		delete(c.done, c.ring[0])
		c.ring = c.ring[1:]
	}
}

// makeRoom throws out blocks until the limits hold, never the one just fed
// while another is there.
func (c *Collector) makeRoom(fed key) {
	most := c.MaxBytes
	if most <= 0 {
		most = defaultBytes
	}
	for len(c.open) > 1 && (c.bytes > most || len(c.open) > maxOpen) {
		var worst key
		var found *partial
		for k, p := range c.open {
			if k == fed {
				continue
			}
			if found == nil || len(p.have) < len(found.have) || len(p.have) == len(found.have) && p.used < found.used {
				worst, found = k, p
			}
		}
		delete(c.open, worst)
		c.bytes -= len(found.have) * found.symbol
		c.stats.Dropped++
	}
}
