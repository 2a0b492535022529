package daemon

import (
	"net"
	"net/netip"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/observe"
)

// tellNear says to the devices on this LAN that the network is open, if it is.
func (d *Daemon) tellNear() {
	var list []*meeting
	d.courier.Lock()
	for _, m := range d.meetings {
		if m.conn != nil {
			list = append(list, m)
		}
	}
	d.courier.Unlock()
	for _, m := range list {
		d.tell(m)
	}
}

// tell says in one meeting that the network is open, if it is: to a contact, and
// to a stranger who would find it by trying, too. spec/lan.md, 6.
func (d *Daemon) tell(m *meeting) {
	if _, bound := m.conn.(link.Bound); !bound {
		return
	}
	now := d.opts.Now()
	d.courier.Lock()
	w, ok := d.watch.Word(now)
	known := d.row(m.kind, m.addr).who != ""
	var hosts []string
	for _, r := range d.rows {
		for _, x := range r.tries.list {
			if x.answers && x.abroad {
				hosts = append(hosts, x.way.Addr.Host)
			}
		}
	}
	d.courier.Unlock()
	if !ok || !known && (d.opts.Config.Proxy != "" || !sharesWay(m.conn.Peer().Addr, hosts)) {
		return
	}
	m.pushSecond(w.Frame())
}

// sharesWay reports whether this device goes to one of the hosts by the network
// in which it meets a neighbour. Hosts without an address are not looked up.
func sharesWay(neighbour string, hosts []string) bool {
	at, err := netip.ParseAddrPort(neighbour)
	if err != nil {
		return false
	}
	var shared []netip.Prefix
	for _, n := range ownNets() {
		if n.Contains(at.Addr().Unmap().WithZone("")) {
			shared = append(shared, n)
		}
	}
	for _, host := range hosts {
		if net.ParseIP(host) == nil {
			continue
		}
		c, err := net.Dial("udp", net.JoinHostPort(host, "9")) // sends nothing
		if err != nil {
			continue
		}
		from, err := netip.ParseAddrPort(c.LocalAddr().String())
		c.Close()
		for _, n := range shared {
			if err == nil && n.Addr() == from.Addr().Unmap().WithZone("") {
				return true
			}
		}
	}
	return false
}

// hear takes a neighbour's word that the network is open. It changes when to
// look, and nothing that is shown.
func (d *Daemon) hear(m *meeting, frame []byte) node.Event {
	w, err := observe.ParseWord(frame)
	if err != nil {
		d.log.Debug("neighbour", "error", err)
		return node.Tick{}
	}
	now := d.opts.Now()
	d.courier.Lock()
	state, _ := d.watch.Verdict(now)
	heed := !state.Answers() && d.ear.Hear(now, d.row(m.kind, m.addr).who != "", w)
	d.courier.Unlock()
	if heed {
		d.log.Info("a neighbour says that the network is open", "addr", m.addr)
		d.notice.try.ring()
	}
	return node.Tick{}
}
