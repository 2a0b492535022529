package daemon

import (
	"context"
	"fmt"

	"github.com/jauap/jauap/web/api"
)

// Feed implements api.Feeds.
func (d *Daemon) Feed(_ context.Context, a api.FeedAsk) (api.Feed, error) {
	d.people.Lock()
	defer d.people.Unlock()
	var err error
	switch a.Do {
	case "":
	case "new":
		err = d.boards.NewFeed()
	case "off":
		err = d.boards.EndFeed()
	default:
		err = fmt.Errorf("%w: a feed's address is told, made anew or ended", api.ErrUsage)
	}
	if err != nil {
		return api.Feed{}, boardError(err)
	}
	id, key, err := d.boards.Feed()
	at := d.opts.Config.Page
	if d.opts.Keeper != nil {
		at = d.opts.Keeper.Addr()
	}
	return api.Feed{Key: key, ID: id, At: at}, boardError(err)
}
