package daemon

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
