package daemon

// Carried says how many bytes of envelopes came over links since the start, and how
// many of those are held: what was kept whole and, now, beginnings. Their difference
// came twice, or in vain.
func (d *Daemon) Carried() (came, held int64) {
	d.courier.Lock()
	defer d.courier.Unlock()
	held = d.keptBytes
	for _, p := range d.shelf.Partials() {
		held += int64(p.Have)
	}
	return d.node.Came(), held
}
