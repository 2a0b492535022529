package bench

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/internal/netem"
	"github.com/jauap/jauap/store"
	"github.com/jauap/jauap/web/api"
)

// pair is two real nodes, of a person inside and one outside, and the link
// between them.
type pair struct {
	line *netem.Line
	node [2]*daemon.Daemon
	seen [2]string // the last letter that each read before the window
}

var people = [2]string{"Inside", "Outside"}

// newPair makes two profiles that hold the same old envelopes, befriends them and
// starts both nodes. The inside one calls the outside one.
func newPair(ctx context.Context, dir string, shared int, seed uint64) (p *pair, err error) {
	p = &pair{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.line, err = netem.New(netem.Params{}, seed, [2]netip.AddrPort{}); err != nil {
		return p, err
	}
	for i, name := range people {
		home := filepath.Join(dir, name)
		if err := daemon.Init(home, name, nil, nil); err != nil {
			return p, err
		}
		if err := OldEnvelopes(filepath.Join(home, "shelf"), shared); err != nil {
			return p, err
		}
		c := config.Default()
		c.Listen, c.Multicast, c.Receipts, c.Power = "127.0.0.1:0", false, config.ReceiptsLate, config.PowerMains
		if i == 0 {
			c.Links = []string{p.line.Addr(0)}
		}
		o := daemon.Options{Dir: home, Config: c}
		if level, ok := os.LookupEnv("JAUAP_BENCH_LOG"); ok && level != "" {
			o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", name)
		}
		if p.node[i], err = daemon.Open(o); err != nil {
			return p, err
		}
	}
	for i := range p.node {
		invite, err := p.node[i].Invite(ctx)
		if err != nil {
			return p, err
		}
		if _, err := p.node[1-i].Accept(ctx, api.AcceptAsk{Code: invite.Link, Name: people[i]}); err != nil {
			return p, err
		}
	}
	for i := range p.node {
		if err := p.node[i].Start(); err != nil {
			return p, err
		}
		to, err := netip.ParseAddrPort(p.node[i].ListenAddr())
		if err != nil {
			return p, err
		}
		p.line.Lead(i, to)
	}
	return p, nil
}

func (p *pair) close() {
	for _, d := range p.node {
		if d != nil {
			d.Close()
		}
	}
	if p.line != nil {
		p.line.Close()
	}
}

// OldEnvelopes puts n S1 envelopes of strangers on a shelf, the same for each
// shelf.
func OldEnvelopes(dir string, n int) error {
	fsys, err := durable.OS(dir)
	if err != nil {
		return err
	}
	today := envelope.DayOf(time.Now())
	sh, _, err := store.Open(fsys, store.Options{Quota: config.Default().Quota, Today: today})
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(7, 7))
	body := make([]byte, envelope.S1.BodySize()+ed25519.SignatureSize)
	var key [32]byte
	for i := range n {
		// Nobody fetches them, so nobody looks at their signatures.
		binary.LittleEndian.PutUint64(key[:], uint64(i)+1)
		binary.LittleEndian.PutUint64(body, rng.Uint64())
		e, err := envelope.Parse(append(envelope.Head(envelope.S1, 0, today.Add(10+i%10), key), body...))
		if err != nil {
			return errors.Join(err, sh.Close())
		}
		if _, err := sh.Put(e, store.Meta{Today: today, Rank: 2}); err != nil {
			return errors.Join(err, sh.Close())
		}
	}
	return errors.Join(sh.Sync(), sh.Close())
}

// prepare lets the two meet over a perfect link, cuts it, waits until both have
// noticed, and lets them write what the window is to carry.
func (p *pair) prepare(ctx context.Context, o WindowOptions) error {
	if !o.Fresh {
		if err := p.meet(ctx); err != nil {
			return err
		}
		if err := p.apart(ctx); err != nil {
			return err
		}
	}
	rng := rand.New(rand.NewPCG(o.Seed, 3))
	for i := range o.Texts {
		for side := range p.node {
			text := fmt.Sprintf("%s %s %d ", textName, people[side], i)
			text += randomWords(rng, textBytes-len(text))
			if err := p.send(ctx, side, text, "", 0, rng); err != nil {
				return err
			}
		}
	}
	for range o.Photos {
		if err := p.send(ctx, 0, "", photoName, photoBytes, rng); err != nil {
			return err
		}
	}
	for range o.Videos {
		if err := p.send(ctx, 0, "", videoName, videoBytes, rng); err != nil {
			return err
		}
	}
	return nil
}

func (p *pair) send(ctx context.Context, side int, text, name string, size int, rng *rand.Rand) error {
	ask := api.SendAsk{To: people[1-side], Text: text}
	if size > 0 {
		b := make([]byte, size)
		for i := 0; i+8 <= size; i += 8 {
			binary.LittleEndian.PutUint64(b[i:], rng.Uint64())
		}
		ask.Files = []api.SendFile{{Name: name, Data: b}}
	}
	_, err := p.node[side].Send(ctx, ask)
	return err
}

func randomWords(rng *rand.Rand, n int) string {
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteByte("aeiou bcdfghjklmnprstvz"[rng.IntN(23)])
	}
	return b.String()
}

// meetTime bounds the meeting over a perfect link.
const meetTime = 30 * time.Second

// meet opens the link until each has read a first letter of the other.
func (p *pair) meet(ctx context.Context) error {
	p.line.Up(0)
	ctx, cancel := context.WithTimeout(ctx, meetTime)
	defer cancel()
	// Twice, so that a session of each is in use when the window opens.
	for range 2 {
		for side := range p.node {
			if _, err := p.node[side].Send(ctx, api.SendAsk{To: people[1-side], Text: "before"}); err != nil {
				return err
			}
		}
		for side, d := range p.node {
			for seen := uint64(0); ; {
				list, err := d.Read(ctx, api.ReadAsk{After: p.seen[side]})
				if err != nil {
					return err
				}
				if len(list) > 0 {
					p.seen[side] = list[len(list)-1].ID
					break
				}
				if seen, err = d.Wait(ctx, seen); err != nil {
					return errors.Join(errHalf, err)
				}
			}
		}
	}
	// Answers without content go now, not in the window.
	return sleep(ctx, time.Second)
}

// apart cuts the link and waits until both ends know.
func (p *pair) apart(ctx context.Context) error {
	p.line.Down()
	for _, d := range p.node {
		for {
			st, err := d.Status(ctx)
			if err != nil {
				return err
			}
			up := false
			for _, l := range st.Links {
				up = up || l.State == "up"
			}
			if !up {
				break
			}
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrived counts bytes of envelopes that the outside node got over its links, and those
// of them that it holds.
type arrived struct{ came, held int64 }

func (p *pair) arrivedBytes() (a arrived) {
	a.came, a.held = p.node[1].Carried()
	return a
}

// twice is how much more came over the links than the shelf gained, as a share of
// the latter.
func (p *pair) twice(before arrived) float64 {
	now := p.arrivedBytes()
	came, held := now.came-before.came, now.held-before.held
	if held <= 0 {
		return 0
	}
	return max(float64(came)/float64(held)-1, 0)
}
