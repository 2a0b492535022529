package daemon

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jauap/jauap/bulletin"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/web/api"
)

// boardError turns errors of the room into those of the door.
func boardError(err error) error {
	switch {
	case errors.Is(err, bulletin.ErrUnknown):
		return fmt.Errorf("%w: %w", api.ErrNotFound, err)
	case errors.Is(err, bulletin.ErrCard), errors.Is(err, bulletin.ErrNotice), errors.Is(err, bulletin.ErrEditors), errors.Is(err, bulletin.ErrNotMine), errors.Is(err, bulletin.ErrFull):
		return fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	return doorError(err)
}

// openBoards lets contacts say with their letters which notices they saw.
func (d *Daemon) openBoards() (err error) {
	if d.boards, err = bulletin.Open(d.vault); err != nil {
		return err
	}
	d.acc.Also(d.boards, bulletin.Claim())
	return d.boards.Share(d.acc, d.opts.Config.Receipts != config.ReceiptsOff)
}

// takeNotices offers envelopes to the boards that are followed.
func (d *Daemon) takeNotices(list []arrival) {
	m, _ := d.clock.moment()
	taken := false
	for _, a := range list {
		e, err := envelope.Parse(a.raw)
		if err != nil || !d.boards.Knows(e.Tag()) {
			continue
		}
		ok, err := d.boards.Take(m, a.raw)
		if err != nil {
			d.unopened = true
			d.setTrouble("boards", "public notices: "+err.Error())
			return
		}
		d.setTrouble("boards", "")
		taken = taken || ok
	}
	if taken { // what it names may have come before it
		d.searchShelf()
	}
}

// searchShelf takes the notices that were here before somebody followed their
// board, until a whole round finds no more.
func (d *Daemon) searchShelf() {
	for found := true; found; {
		found = false
		for seq := uint64(0); ; {
			d.courier.Lock()
			list := d.shelf.Since(seq, 4096)
			var hits []arrival
			for _, e := range list {
				seq = e.Seq
				if !d.boards.Knows(e.Tag) {
					continue
				}
				raw, err := d.shelf.Get(e.ID)
				if err != nil {
					d.unread(err)
					continue
				}
				hits = append(hits, arrival{e.ID, raw})
			}
			d.courier.Unlock()
			if len(list) == 0 {
				break
			}
			m, _ := d.clock.moment()
			for _, h := range hits {
				ok, err := d.boards.Take(m, h.raw)
				if err != nil {
					d.unopened = true
					d.setTrouble("boards", "public notices: "+err.Error())
					return
				}
				found = found || ok
			}
		}
	}
}

// submitNotices puts own notices on the shelf.
func (d *Daemon) submitNotices() error {
	list, err := d.boards.Outbox()
	if err != nil || len(list) == 0 {
		return err
	}
	d.step(d.paid(submits(list))...)
	var ids []envelope.ID
	d.courier.Lock()
	for _, raw := range list {
		if id := envelope.IDOf(raw); d.shelf.Has(id) {
			ids = append(ids, id)
		}
	}
	d.courier.Unlock()
	return d.boards.Submitted(ids...)
}

// findBoard finds one by id, its beginning, or name.
func (d *Daemon) findBoard(name string) (bulletin.Info, error) {
	list, err := d.boards.List()
	if err != nil {
		return bulletin.Info{}, boardError(err)
	}
	var hits []bulletin.Info
	for _, b := range list {
		if b.ID.String() == name {
			return b, nil
		}
		if strings.EqualFold(b.Name, name) || len(name) >= 4 && strings.HasPrefix(b.ID.String(), name) {
			hits = append(hits, b)
		}
	}
	switch len(hits) {
	case 0:
		return bulletin.Info{}, fmt.Errorf("%w: no board is called %q; `jauap board` lists them", api.ErrNotFound, name)
	case 1:
		return hits[0], nil
	}
	return bulletin.Info{}, fmt.Errorf("%w: %d boards are called %q; take the beginning of the id that `jauap board` shows", api.ErrNotFound, len(hits), name)
}

func boardOf(b bulletin.Info) api.Board {
	return api.Board{ID: b.ID.String(), Name: b.Name, Card: b.Card.Link(), Mine: b.Mine, Muted: b.Muted, Pinned: b.Pinned, Plain: b.Plain, Need: b.Card.Need,
		Editors: len(b.Card.Editors), Forks: b.Forks, Notices: b.Notices, Newest: known(b.Newest)}
}

// Boards implements api.Boards.
func (d *Daemon) Boards(context.Context) ([]api.Board, error) {
	list, err := d.boards.List()
	out := []api.Board{}
	for _, b := range list {
		out = append(out, boardOf(b))
	}
	return out, boardError(err)
}

// Board implements api.Boards.
func (d *Daemon) Board(_ context.Context, a api.BoardAsk) (api.Board, error) {
	d.people.Lock()
	defer d.people.Unlock()
	id, err := d.changeBoard(a)
	if err != nil || a.Do == "seen" { // of which nothing shows here
		return api.Board{ID: id}, err
	}
	d.changes.bump()
	b, err := d.findBoard(id)
	if a.Do == "leave" {
		return api.Board{ID: id}, nil
	}
	return boardOf(b), err
}

func (d *Daemon) changeBoard(a api.BoardAsk) (id string, err error) {
	switch a.Do {
	case "create":
		var editors [][32]byte
		for _, e := range a.Editors {
			k, err := hex.DecodeString(strings.TrimSpace(e))
			if err != nil || len(k) != ed25519.PublicKeySize {
				return "", fmt.Errorf("%w: %.20q is no editor's key: 64 hexadecimal digits, as `jauap board editor` prints", api.ErrUsage, e)
			}
			editors = append(editors, [32]byte(k))
		}
		c, err := d.boards.Create(a.Name, editors, max(a.Need, 1))
		if err != nil {
			return "", boardError(err)
		}
		return c.ID().String(), nil
	case "follow":
		c, err := bulletin.ParseCard(a.Card)
		if err == nil {
			err = d.boards.Follow(c)
		}
		if err != nil {
			return "", boardError(err)
		}
		d.searchShelf()
		return c.ID().String(), nil
	case "set", "leave", "seen":
		b, err := d.findBoard(a.ID)
		if err != nil {
			return "", err
		}
		switch a.Do {
		case "set":
			err = d.boards.Set(b.ID, bulletin.Look{Name: a.Name, Muted: a.Muted, Pinned: a.Pinned, Plain: a.Plain})
			d.searchShelf()
		case "seen":
			err = d.boards.Opened(d.moment(), b.ID, a.Seqs)
		default:
			if b.Mine && !a.Sure {
				return "", fmt.Errorf("%w: this device publishes that board; leaving it ends it for good, so be sure", api.ErrUsage)
			}
			err = d.boards.Leave(b.ID)
		}
		return b.ID.String(), boardError(err)
	}
	return "", fmt.Errorf("%w: a board is created, followed, set, seen or left", api.ErrUsage)
}

// Notices implements api.Boards.
func (d *Daemon) Notices(_ context.Context, name string) ([]api.Notice, error) {
	b, err := d.findBoard(name)
	if err != nil {
		return nil, err
	}
	now := d.moment().Wall
	if d.clock.doubt() != "" {
		now = now.AddDate(-1000, 0, 0) // a wrong clock hides nothing
	}
	list, err := d.boards.Notices(b.ID, now)
	out := []api.Notice{}
	for _, n := range list {
		x := api.Notice{Seq: n.Seq, At: n.At, Until: n.Until, Came: n.Came.UTC(), Pinned: n.Pinned, Text: n.Text, Missing: n.Missing, Forked: n.Forked, SeenBy: n.SeenBy}
		if n.Media != nil {
			x.Files = append(x.Files, noticeFile(n.Media.Sort, n.Media.Size, n.Media.Data))
		}
		for _, f := range n.Attached() {
			x.Files = append(x.Files, api.NoticeFile{Name: f.Name, Type: f.Type, Bytes: len(f.Data), Here: true, Data: f.Data})
		}
		out = append(out, x)
	}
	return out, boardError(err)
}

// Post implements api.Boards.
func (d *Daemon) Post(_ context.Context, a api.PostAsk) (api.Posted, error) {
	b, err := d.findBoard(a.Board)
	if err != nil {
		return api.Posted{}, err
	}
	d.people.Lock()
	defer d.people.Unlock()
	draft := bulletin.Draft{}
	if len(a.Draft) > 0 {
		if draft, err = bulletin.ParseDraft(a.Draft); err == nil && draft.Board != b.ID {
			err = cause.ErrBoard
		}
	} else {
		p := bulletin.Saying{Text: a.Text, Days: a.Days, Pinned: a.Pinned}
		if p.Days == 0 {
			p.Days = usualDays
		}
		if p.Sort, p.Media, err = mediaToPost(a.Files); err != nil {
			return api.Posted{}, err
		}
		draft, err = d.boards.Draft(d.moment(), b.ID, p)
	}
	if err != nil {
		return api.Posted{}, boardError(err)
	}
	if a.Only {
		p := api.Posted{Seq: draft.Notice.Seq, Draft: draft.Bytes()}
		if draft.Shows() != nil {
			p.Bare = draft.Bare().Bytes()
		}
		return p, nil
	}
	if err := d.boards.Publish(d.moment(), draft, a.Signed); err != nil {
		return api.Posted{}, boardError(err)
	}
	d.changed()
	return api.Posted{Seq: draft.Notice.Seq}, nil
}

// Editor implements api.Boards.
func (d *Daemon) Editor(_ context.Context, a api.EditorAsk) (api.Editor, error) {
	key, err := d.boards.Editor()
	if err != nil {
		return api.Editor{}, boardError(err)
	}
	e := api.Editor{Key: hex.EncodeToString(key.Public().(ed25519.PublicKey))}
	if len(a.Draft) == 0 {
		return e, nil
	}
	draft, err := bulletin.ParseDraft(a.Draft)
	if err != nil {
		return e, boardError(err)
	}
	if err := d.lookAtDraft(&e, draft); err != nil {
		return api.Editor{}, err
	}
	if !a.Sign {
		return e, nil
	}
	if draft.Lacks() && !a.Unseen { // nobody signs by mistake what they cannot look at
		return api.Editor{}, fmt.Errorf("%w: not signed: the %s did not come with the draft; ask for the whole draft, or sign it unseen", api.ErrUsage, e.Media.Sort)
	}
	e.Signed = draft.Cosign(key)
	return e, nil
}
