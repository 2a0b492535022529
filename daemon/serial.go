package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/serial"
	"github.com/jauap/jauap/web/api"
)

// radioTraits are those of every radio.
var radioTraits = link.Traits{Latency: time.Hour, Unit: serial.MaxUnit, Lossy: true, Metered: true, Exposure: link.Nearby}

const (
	radioEvery  = 5 * time.Second
	radioCalm   = 300 * time.Millisecond // between two looks at the shelf
	radioRetry  = 10 * time.Second
	radioListed = 8192 // units of which a digest may tell
)

// radiosOf reads the radios of the settings.
func radiosOf(list []string) (specs []serial.Spec, err error) {
	for _, text := range list {
		s, err := serial.Parse(text)
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return specs, nil
}

// keepRadio uses a modem for as long as the node runs, whenever it is plugged in.
func (d *Daemon) keepRadio(s serial.Spec) {
	b := &serial.Budget{Limit: s.Limit()}
	if saved, ok := d.airtime()[s.Port]; ok {
		if err := b.Restore(saved); err != nil {
			d.log.Warn("radio", "port", s.Port, "error", err)
		}
	}
	for d.ctx.Err() == nil {
		d.rowRadio(s, "trying", nil, serial.State{Limit: b.Limit})
		st, err := d.runRadio(s, b)
		if d.ctx.Err() != nil {
			err = nil
		}
		d.rowRadio(s, "down", err, st)
		d.rest(radioRetry)
	}
}

// runRadio uses a modem until it is gone.
func (d *Daemon) runRadio(s serial.Spec, b *serial.Budget) (st serial.State, err error) {
	ctx, stop := context.WithCancel(d.ctx)
	defer stop()
	p, err := serial.Open(ctx, s)
	if err != nil {
		return serial.State{Used: b.Used(time.Now()), Limit: b.Limit}, err
	}
	r := serial.NewRadio(p, b, d.radioUnit, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	d.countSmall(1)
	defer d.countSmall(-1)
	d.feedRadio(s, r)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		d.watchRadio(ctx, s, r)
	}()
	err = r.Run(ctx, func(unit []byte) {
		d.found([][]byte{unit})
		d.changes.bump()
	})
	stop()
	<-fed
	st = r.State()
	return st, errors.Join(err, d.saveAirtime(s.Port, st.Spent))
}

// watchRadio tells the radio what is held, whenever that may have changed, and the
// status how it does.
func (d *Daemon) watchRadio(ctx context.Context, s serial.Spec, r *serial.Radio) {
	saved := time.Now()
	for seen := uint64(0); ctx.Err() == nil; {
		wait, done := context.WithTimeout(ctx, radioEvery)
		next, err := d.changes.wait(wait, seen)
		done()
		if err == nil {
			seen = next
			d.rest(radioCalm)
		}
		d.settleIfNeeded()
		d.feedRadio(s, r)
		if st := r.State(); time.Since(saved) >= saveEvery {
			saved = time.Now()
			if err := d.saveAirtime(s.Port, st.Spent); err != nil {
				d.setTrouble("disk", err.Error())
			}
		}
	}
}

// feedRadio seals what is to leave by radio and lists what there is.
func (d *Daemon) feedRadio(s serial.Spec, r *serial.Radio) {
	st := r.State()
	d.stillUnsent(st.Pending)
	d.people.Lock()
	d.packSmall()
	if st.Pending == 0 {
		d.packTexts(envelope.S2.Size())
	}
	d.people.Unlock()
	d.courier.Lock()
	list := d.node.Offer(d.opts.Now(), radioTraits).Ranked()
	items := make([]serial.Item, 0, min(len(list), radioListed))
	for own := range 2 { // what is ours and nobody else holds goes first
		for _, u := range list[:min(len(list), radioListed)] {
			if _, alone := d.ahead[u.ID]; alone == (own == 0) {
				items = append(items, serial.Item{ID: serial.ID(u.ID), Size: u.Size, Own: alone})
			}
		}
	}
	d.courier.Unlock()
	r.Update(items)
	d.rowRadio(s, "up", nil, st)
}

// packTexts seals texts that are too long for S0, while no relay answers. people is
// held.
func (d *Daemon) packTexts(most int) bool {
	m, known := d.clock.moment()
	if !known || d.relayed() {
		return false
	}
	packed, err := d.acc.PackTexts(m, most)
	if err != nil {
		d.setTrouble("seal", err.Error())
	}
	return d.submit(packed) > 0
}

// radioUnit is one unit of the shelf.
func (d *Daemon) radioUnit(id serial.ID) ([]byte, bool) {
	d.courier.Lock()
	defer d.courier.Unlock()
	b, err := d.shelf.Get(envelope.ID(id))
	return b, err == nil
}

// rowRadio updates the status line of a radio.
func (d *Daemon) rowRadio(s serial.Spec, state string, err error, st serial.State) {
	d.rowAir("radio", s.Label(), state, err, st.In, st.Out)
	d.courier.Lock()
	defer d.courier.Unlock()
	d.row("radio", s.Label()).airtime = &api.Airtime{Used: st.Used, Limit: st.Limit, LastHeard: known(st.LastHeard)}
}

func (d *Daemon) airtimePath() string { return filepath.Join(d.opts.Dir, "airtime.json") }

// airtime is what was spent on the air, by port, as of the last save.
func (d *Daemon) airtime() map[string]json.RawMessage {
	d.courier.Lock()
	defer d.courier.Unlock()
	return d.readAirtime()
}

// readAirtime reads the file. courier is held.
func (d *Daemon) readAirtime() map[string]json.RawMessage {
	list := map[string]json.RawMessage{}
	b, err := os.ReadFile(d.airtimePath())
	if err == nil && json.Unmarshal(b, &list) != nil {
		return map[string]json.RawMessage{}
	}
	return list
}

// saveAirtime keeps what was spent, so that a restart gives no new budget.
func (d *Daemon) saveAirtime(port string, spent []byte) error {
	d.courier.Lock()
	defer d.courier.Unlock()
	list := d.readAirtime()
	list[port] = spent
	b, err := json.Marshal(list)
	if err == nil {
		err = replaceFile(d.airtimePath(), b)
	}
	if err != nil {
		return fmt.Errorf("airtime of %s: %w", port, err)
	}
	return nil
}
