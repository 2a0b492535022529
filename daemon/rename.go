package daemon

import (
	"context"

	"github.com/jauap/jauap/web/api"
)

// Rename implements api.Renamer.
func (d *Daemon) Rename(_ context.Context, ask api.RenameAsk) (api.Person, error) {
	d.people.Lock()
	defer d.people.Unlock()
	c, err := d.acc.Contact(ask.Name)
	if err == nil {
		c, err = d.acc.Rename(d.moment(), c.ID, ask.As)
	}
	if err != nil {
		return api.Person{}, doorError(err)
	}
	d.changed()
	return d.person(c)
}
