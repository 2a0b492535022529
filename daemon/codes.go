package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/link/broadcast"
	"github.com/jauap/jauap/link/fountain"
	"github.com/jauap/jauap/link/qr"
	"github.com/jauap/jauap/web/api"
)

// eyes gather what pictures of codes held.
type eyes struct {
	mu   sync.Mutex
	c    *fountain.Collector
	last time.Time
}

const (
	eyesBytes  = 8 << 20
	eyesForget = time.Hour
)

// ShowCodes implements api.Screen.
func (d *Daemon) ShowCodes(_ context.Context, ask api.CodesAsk) (api.Codes, error) {
	if ask.Max < 0 || ask.Max > qr.MaxBytes {
		return api.Codes{}, fmt.Errorf("%w: codes hold at most %d bytes", api.ErrUsage, qr.MaxBytes)
	}
	if ask.Max == 0 {
		ask.Max = qr.MaxBytes
	}
	room := qr.Fine
	if ask.Coarse {
		room = qr.Coarse
	}
	fill := qr.Make
	if ask.Still {
		fill = qr.MakeStill
	}
	if ask.Coarse || ask.Still {
		// A code of so few modules holds one or two S0, and less than half an S1.
		d.people.Lock()
		d.packShort(int(ask.Max))
		d.people.Unlock()
	}
	list := d.airing(ask.Max)
	s, err := fill(func() ([]byte, bool) {
		for len(list) > 0 {
			u, ok := d.unit(broadcast.Key(list[0].ID))
			if list = list[1:]; ok {
				return u, true
			}
		}
		return nil, false
	}, room)
	if errors.Is(err, qr.ErrEmpty) {
		return api.Codes{}, cause.ErrNoCode
	}
	if err != nil {
		return api.Codes{}, err
	}
	c := api.Codes{Envelopes: s.Units, Bytes: s.Bytes, Frames: s.Frames(), Needed: s.Needed, PerSecond: qr.PerSecond}
	c.Picture, err = s.GIF(1)
	return c, err
}

// LookAt implements api.Screen.
func (d *Daemon) LookAt(ctx context.Context, picture []byte) (seen api.CodesSeen, err error) {
	var packets [][]byte
	s, err := qr.Look(ctx, picture, func(b []byte) error {
		packets = append(packets, slices.Clone(b))
		return nil
	})
	seen.Frames, seen.Codes = s.Frames, s.Codes
	if err != nil {
		return seen, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	units := d.gather(packets, &seen)
	if len(units) == 0 {
		return seen, nil
	}
	newest, err := d.newestArrival()
	if err != nil {
		return seen, err
	}
	before := d.keptCount()
	d.found(units)
	d.settle()
	d.changes.bump()
	seen.Read = d.keptCount() - before
	if list, listErr := d.chat.Arrived(account.ContactID{}, newest, allLetters); listErr == nil {
		seen.Opened = len(list)
	}
	return seen, nil
}

// gather adds packets to those of earlier pictures.
func (d *Daemon) gather(packets [][]byte, seen *api.CodesSeen) (units [][]byte) {
	e := &d.eyes
	e.mu.Lock()
	defer e.mu.Unlock()
	now := d.opts.Now()
	if e.c == nil || now.Sub(e.last) > eyesForget {
		e.c = &fountain.Collector{MaxBytes: eyesBytes}
	}
	for _, p := range packets {
		e.last = now
		got, _ := e.c.Add(p) // what is wrong helps nobody and harms nobody
		units = append(units, got...)
	}
	p := e.c.Progress()
	seen.Have, seen.Need = p.Have, p.Need
	return units
}
