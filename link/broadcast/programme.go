package broadcast

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"

	"github.com/jauap/jauap/link/fountain"
)

const (
	symbolSize = 1200 // a packet with its IP and UDP heads stays below 1,400 bytes
	blockSize  = 256 * symbolSize
	firstBlock = 16 << 10 // what matters most is whole soonest
	together   = 8        // blocks whose packets take turns, against bursts of loss
)

// MaxLoss is the largest loss, in per cent, that a round can be made for.
const MaxLoss = 40

// DefaultLoss is what a round survives unless told otherwise, in per cent.
const DefaultLoss = 30

// Key names a unit: a hash of its bytes.
type Key [16]byte

// KeyOf names a unit.
func KeyOf(unit []byte) (k Key) {
	h := sha256.Sum256(unit)
	copy(k[:], h[:])
	return k
}

// Ref is a unit that could be sent.
type Ref struct {
	Key  Key
	Size int
}

// Programme is what is sent, round after round. It is not safe for concurrent
// use.
type Programme struct {
	Loss   int // per cent of packets that may be lost in each round; 0 for DefaultLoss
	blocks []*plan
	in     map[Key]bool
}

// plan is a block by the names of its units; its packets are made when it is
// its turn.
type plan struct {
	keys []Key
	size int
	at   int // the packet that follows the last one sent
}

// Update sets what the next round sends, most urgent first. Blocks of which
// every unit is still offered stay as they are; new units make new blocks.
func (p *Programme) Update(list []Ref) {
	offered := make(map[Key]bool, len(list))
	for _, r := range list {
		offered[r.Key] = true
	}
	kept := p.blocks[:0]
	p.in = map[Key]bool{}
	for _, b := range p.blocks {
		whole := true
		for _, k := range b.keys {
			whole = whole && offered[k]
		}
		if !whole {
			continue
		}
		for _, k := range b.keys {
			p.in[k] = true
		}
		kept = append(kept, b)
	}
	var fresh []*plan
	room := firstBlock
	for _, r := range list {
		if p.in[r.Key] || r.Size < 1 || r.Size > fountain.MaxUnit {
			continue
		}
		p.in[r.Key] = true
		n := fountain.PackedSize(r.Size)
		if len(fresh) == 0 || fresh[len(fresh)-1].size+n > room && fresh[len(fresh)-1].size > 0 {
			if len(fresh) > 0 {
				room = blockSize
			}
			fresh = append(fresh, &plan{})
		}
		last := fresh[len(fresh)-1]
		last.keys = append(last.keys, r.Key)
		last.size += n
	}
	// What is new goes first: the others were sent before.
	p.blocks = append(fresh, kept...)
}

// Blocks is how many blocks a round has.
func (p *Programme) Blocks() int { return len(p.blocks) }

// Round sends one round: of each block so many packets that it comes through
// the loss. get answers a unit; when one is gone its block waits for Update. It
// answers how many units' bytes were sent.
func (p *Programme) Round(ctx context.Context, get func(Key) ([]byte, bool), emit func(packet []byte) error) (bytes int64, err error) {
	for i := 0; i < len(p.blocks); i += together {
		group := p.blocks[i:min(i+together, len(p.blocks))]
		var turns []*turn
		for _, b := range group {
			data, ok, err := b.data(get)
			if err != nil {
				return bytes, err
			}
			if !ok {
				continue
			}
			blk, err := fountain.Encode(data, symbolSize)
			if err != nil {
				return bytes, fmt.Errorf("broadcast: %w", err)
			}
			turns = append(turns, &turn{plan: b, block: blk, left: needed(blk.Needed(), p.Loss)})
			bytes += int64(b.size)
		}
		if err := takeTurns(ctx, turns, emit); err != nil {
			return bytes, err
		}
	}
	return bytes, nil
}

func (b *plan) data(get func(Key) ([]byte, bool)) (data []byte, ok bool, err error) {
	for _, k := range b.keys {
		unit, ok := get(k)
		if !ok {
			return nil, false, nil
		}
		if data, err = fountain.Pack(data, unit); err != nil {
			return nil, false, fmt.Errorf("broadcast: %w", err)
		}
	}
	return data, len(data) > 0, nil
}

// needed is how many packets of a block of k go out, so that about 999 of 1,000
// listeners who lose so many per cent at random get k of them and two more: the
// mean and three deviations.
func needed(k, loss int) int {
	if loss <= 0 {
		loss = DefaultLoss
	}
	p := float64(min(loss, MaxLoss)) / 100
	n := float64(k+2) / (1 - p)
	return int(math.Ceil(n + 3*math.Sqrt(n*p/(1-p)) + 1))
}

// turn is a block on air.
type turn struct {
	*plan
	block *fountain.Block
	left  int
}

// takeTurns sends packets of all blocks in turn.
func takeTurns(ctx context.Context, turns []*turn, emit func([]byte) error) error {
	var buf []byte
	for left := len(turns); left > 0; {
		left = 0
		for _, t := range turns {
			if t.left == 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			buf = t.block.Append(buf[:0], t.at)
			if err := emit(buf); err != nil {
				return err
			}
			t.at = (t.at + 1) % t.block.Packets()
			t.left--
			left += t.left
		}
	}
	return nil
}
