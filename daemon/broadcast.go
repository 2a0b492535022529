package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/broadcast"
	"github.com/jauap/jauap/link/fountain"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/web/api"
)

// airTraits are those of every broadcast.
var airTraits = link.Traits{Latency: time.Hour, Unit: fountain.MaxUnit, Way: link.Out, Lossy: true, Exposure: link.Open}

// Broadcast implements api.Air.
func (d *Daemon) Broadcast(ctx context.Context, ask api.BroadcastAsk) (api.Aired, error) {
	if ask.Rounds < 0 || ask.Max < 0 || ask.Loss < 0 || ask.Loss > broadcast.MaxLoss || ask.PID < 0 || ask.PID > 0x1ffe || ask.File != "" && ask.To != "" {
		return api.Aired{}, fmt.Errorf("%w: rounds and max are not negative, loss is 0 to %d, pid at most 8190, and a broadcast goes either to a file or to an address", api.ErrUsage, broadcast.MaxLoss)
	}
	if ask.File != "" {
		return d.airFile(ctx, ask)
	}
	a, err := broadcast.Dial(ask.To, ask.Rate)
	if err != nil {
		return api.Aired{}, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	defer a.Close()
	done, err := d.airLive(ctx, ask, a)
	done.Sent = a.Sent.Load()
	if ctx.Err() != nil && ask.Rounds == 0 {
		err = nil // to be interrupted is how it ends
	}
	d.rowAir("broadcast", airName(ask.To), "down", err, 0, done.Sent)
	return done, err
}

func airName(addr string) string {
	if addr == "" {
		return broadcast.DefaultGroup
	}
	return addr
}

// airPause is how long a programme of nothing waits for something.
const airPause = time.Second

// airLive sends round after round.
func (d *Daemon) airLive(ctx context.Context, ask api.BroadcastAsk, a *broadcast.Air) (done api.Aired, err error) {
	p := &broadcast.Programme{Loss: ask.Loss}
	told := time.Time{}
	for ask.Rounds == 0 || done.Rounds < ask.Rounds {
		list := d.airing(ask.Max)
		refs := make([]broadcast.Ref, len(list))
		done.Envelopes, done.Bytes = len(list), 0
		for i, u := range list {
			refs[i] = broadcast.Ref{Key: broadcast.Key(u.ID), Size: u.Size}
			done.Bytes += int64(u.Size)
		}
		p.Update(refs)
		_, err := p.Round(ctx, d.unit, func(packet []byte) error {
			if now := d.opts.Now(); now.Sub(told) >= time.Second {
				told = now
				d.rowAir("broadcast", airName(ask.To), "up", nil, 0, a.Sent.Load())
			}
			return a.Send(ctx, packet)
		})
		if err != nil {
			return done, err
		}
		done.Rounds++
		if len(list) == 0 {
			select {
			case <-ctx.Done():
				return done, ctx.Err()
			case <-time.After(airPause):
			}
		}
	}
	return done, nil
}

// unit is one unit of the shelf.
func (d *Daemon) unit(k broadcast.Key) ([]byte, bool) {
	d.courier.Lock()
	defer d.courier.Unlock()
	b, err := d.shelf.Get(envelope.ID(k))
	return b, err == nil
}

// airing seals what waits and lists what there is to send, of at most most
// bytes unless that is 0.
func (d *Daemon) airing(most int64) []node.Listed {
	d.people.Lock()
	d.settleLocked()
	for d.pack(packBytes) {
	}
	d.people.Unlock()
	d.courier.Lock()
	list := d.node.Offer(d.opts.Now(), airTraits).Rest()
	d.courier.Unlock()
	total := int64(0)
	for i, u := range list {
		if total += int64(u.Size); most > 0 && total > most {
			return list[:i]
		}
	}
	return list
}

// airFile appends rounds to a transport stream.
func (d *Daemon) airFile(ctx context.Context, ask api.BroadcastAsk) (done api.Aired, err error) {
	r, err := broadcast.Open(ask.File, broadcast.RecordOptions{PID: uint16(ask.PID), Loss: ask.Loss})
	if err != nil {
		return done, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	before := r.Size()
	for done.Rounds < max(ask.Rounds, 1) {
		list := d.airing(ask.Max)
		done.Envelopes = 0
		done.Bytes, err = r.Leave(ctx, func() ([]byte, bool) {
			for len(list) > 0 {
				u, ok := d.unit(broadcast.Key(list[0].ID))
				if list = list[1:]; ok {
					done.Envelopes++
					return u, true
				}
			}
			return nil, false
		})
		done.Sent = r.Size() - before
		if err != nil {
			return done, err
		}
		done.Rounds++
	}
	return done, nil
}

// Tune implements api.Air.
func (d *Daemon) Tune(ctx context.Context, ask api.TuneAsk) (haul api.Haul, err error) {
	if ask.Seconds < 0 || ask.File != "" && ask.From != "" {
		return haul, fmt.Errorf("%w: listen to an address or read a file, not both", api.ErrUsage)
	}
	newest, err := d.newestArrival()
	if err != nil {
		return haul, err
	}
	before := d.keptCount()
	if ask.File != "" {
		haul.Notes, err = d.tuneFile(ctx, ask.File)
	} else {
		err = d.tuneLive(ctx, ask.From, time.Duration(ask.Seconds)*time.Second)
	}
	d.settle()
	d.changes.bump()
	haul.Read = d.keptCount() - before
	if list, listErr := d.chat.Arrived(account.ContactID{}, newest, allLetters); listErr == nil {
		haul.Opened = len(list)
	}
	return haul, err
}

func (d *Daemon) tuneFile(ctx context.Context, path string) (notes []string, err error) {
	r, err := broadcast.Open(path, broadcast.RecordOptions{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	var batch [][]byte
	list, err := r.Each(ctx, func(u []byte) error {
		if batch = append(batch, u); len(batch) == foundAtOnce {
			d.found(batch)
			batch = nil
		}
		return nil
	})
	d.found(batch)
	for _, n := range list {
		notes = append(notes, n.Where+": "+n.What)
	}
	if errors.Is(err, broadcast.ErrRecording) {
		err = fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	return notes, err
}

// found puts units that a link without a far end brought on the shelf.
func (d *Daemon) found(units [][]byte) {
	evs := make([]node.Event, len(units))
	for i, u := range units {
		evs[i] = node.Found{Raw: u}
	}
	if len(evs) > 0 {
		d.step(evs...)
	}
}

// tuneLive listens for so long, or until ctx ends when that is 0.
func (d *Daemon) tuneLive(ctx context.Context, addr string, long time.Duration) error {
	t, err := broadcast.Listen(addr, func(units [][]byte) error {
		d.found(units)
		d.settleIfNeeded()
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	if long > 0 {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, long)
		defer done()
	}
	watched := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(watched)
		d.watchTuner(t, airName(addr), stop)
	}()
	err = t.Run(ctx)
	close(stop)
	<-watched
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// watchTuner keeps the status up to date: a way is up when packets of ours came
// within the last ten seconds.
func (d *Daemon) watchTuner(t *broadcast.Tuner, addr string, stop chan struct{}) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	last, heard := 0, time.Time{}
	for {
		s, _, bytes := t.Counts()
		if s.Packets != last {
			last, heard = s.Packets, d.opts.Now()
		}
		state := "trying"
		if !heard.IsZero() && d.opts.Now().Sub(heard) < 10*time.Second {
			state = "up"
		}
		d.rowAir("broadcast", addr, state, nil, bytes, 0)
		select {
		case <-stop:
			_, _, bytes = t.Counts()
			d.rowAir("broadcast", addr, "down", nil, bytes, 0)
			return
		case <-tick.C:
		}
	}
}

// keepTuned listens to one address for as long as the node runs.
func (d *Daemon) keepTuned(addr string) {
	for d.ctx.Err() == nil {
		if err := d.tuneLive(d.ctx, addr, 0); err != nil {
			d.log.Info("broadcast", "addr", addr, "error", err)
			d.rowAir("broadcast", addr, "down", err, 0, 0)
		}
		select {
		case <-d.ctx.Done():
		case <-time.After(airRetry):
		}
	}
}

const airRetry = 15 * time.Second

// rowAir updates the status line of a way that has no meetings. Counts of 0
// leave what is there.
func (d *Daemon) rowAir(kind, addr, state string, err error, in, out int64) {
	d.courier.Lock()
	defer d.courier.Unlock()
	r := d.row(kind, addr)
	if r.state != state {
		r.state, r.since = state, d.opts.Now()
	}
	r.because(err)
	r.in, r.out = max(r.in, in), max(r.out, out)
}
