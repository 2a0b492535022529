package daemon

import "github.com/jauap/jauap/envelope"

// packShort seals short letters as S0, at most most bytes of them, for a link that
// carries little else; it says whether anything moved. While a relay answers nothing
// is: it takes letters as they are, and proves what arrived. people is held.
func (d *Daemon) packShort(most int) bool {
	m, known := d.clock.moment()
	if !known || d.relayed() {
		return false
	}
	packed, err := d.acc.PackShort(m, most)
	why := ""
	if err != nil {
		why = err.Error()
	}
	d.setTrouble("seal", why)
	return d.submit(packed) > 0
}

// shortAhead is how many bytes of S0 are sealed before a link of small units sent them.
const shortAhead = 6 * envelope.S0MaxSize

// packSmall is packShort while a link is up that carries little more than S0, so
// far as these have not sent what was sealed before. people is held.
func (d *Daemon) packSmall() bool {
	d.courier.Lock()
	room := shortAhead - d.unsent
	up := d.smalls > 0
	before := d.submits
	d.courier.Unlock()
	if !up || room < envelope.S0MaxSize || !d.packShort(room) {
		return false
	}
	d.courier.Lock()
	d.unsent += (d.submits - before) * envelope.S0MaxSize
	d.courier.Unlock()
	return true
}

// stillUnsent says how many bytes of own units a small link has yet to send.
func (d *Daemon) stillUnsent(bytes int) {
	d.courier.Lock()
	defer d.courier.Unlock()
	d.unsent = bytes
}

// countSmall notes that such a link came up (1) or went (-1).
func (d *Daemon) countSmall(n int) {
	d.courier.Lock()
	defer d.courier.Unlock()
	d.smalls += n
}

// relayed reports whether a relay answers now.
func (d *Daemon) relayed() bool {
	d.courier.Lock()
	defer d.courier.Unlock()
	for _, m := range d.meetings {
		if m.conn != nil && m.conn.Peer().Relay {
			return true
		}
	}
	return false
}
