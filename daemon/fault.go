package daemon

import (
	"slices"

	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/web/api"
)

// faulty is what the status tells that a relay did wrong; what a good minute followed is
// over. courier is held.
func (d *Daemon) faulty(r *row) string {
	switch {
	case r == nil || r.state == "up" && d.opts.Now().Sub(r.since) > foreignFor:
		return ""
	case r.state != "up" && slices.ContainsFunc(r.tries.list, func(x tried) bool { return x.saw == api.FaultKey }):
		return api.FaultKey
	}
	return r.fault
}

// faults tells of the relays in a list what they did wrong.
func (d *Daemon) faults(list []api.Relay) {
	d.courier.Lock()
	defer d.courier.Unlock()
	for i := range list {
		a, _ := relay.ParseAddr(list[i].Addr) // what is none has no row
		list[i].Fault = d.faulty(d.rows["relay "+a.HostPort()])
	}
}
