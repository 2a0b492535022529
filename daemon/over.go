package daemon

// eraseOver erases what is over: whom slips of others were about, and what
// public notices said; once a minute.
func (d *Daemon) eraseOver() {
	m, known := d.clock.moment()
	if !known || d.clock.doubt() != "" {
		return // a wrong clock erases nothing
	}
	d.people.Lock()
	defer d.people.Unlock()
	if err := d.inquiry.Tend(m); err != nil {
		d.setTrouble("slips", err.Error())
	}
	n, err := d.boards.Expire(m.Wall)
	if err != nil {
		d.setTrouble("boards", "public notices: "+err.Error())
	}
	if n > 0 {
		d.changes.bump()
	}
	if d.inquiry.Erased() || n > 0 {
		if err := d.scrub(); err != nil {
			d.setTrouble("vault", err.Error())
		}
	}
}
