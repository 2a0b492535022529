package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/media"
	"github.com/jauap/jauap/web/api"
)

// textBytes is what a short letter takes on its way, about: two sentences and
// their share of an envelope.
const textBytes = 600

// attachments makes the files of a letter fit to leave: photos are encoded
// anew, and neither they nor voice notes keep a name that tells a time.
//
// A group gets photos whole: nobody answers for the others when one asks.
func (d *Daemon) attachments(to account.ContactID, files []api.SendFile, size string, whole bool) ([]chat.Attachment, error) {
	if _, err := d.acc.ContactByID(to); err != nil {
		whole = true
	}
	out := make([]chat.Attachment, len(files))
	for i, f := range files {
		a := chat.Attachment{Name: f.Name, Data: f.Data}
		switch f.Kind {
		case "":
		case api.Photo:
			if size == "" {
				size = string(media.Small)
			}
			p, err := media.Shrink(f.Data, media.Size(size))
			if err != nil {
				return nil, doorError(err)
			}
			a = chat.Attachment{Name: "photo.jpg", Data: p.JPEG, About: chat.About{
				Sort: chat.Photo, Held: !whole, Width: p.Width, Height: p.Height, Preview: p.Preview,
			}}
		case api.Voice:
			kind := media.Sound(f.Data)
			if kind == "" {
				return nil, cause.ErrNoSound
			}
			a.Name, a.About = "voice."+path.Base(kind), chat.About{Sort: chat.Voice, Seconds: f.Seconds}
		default:
			return nil, fmt.Errorf("%w: a file is of the kind photo, voice or none, not %q", api.ErrUsage, f.Kind)
		}
		out[i] = a
	}
	return out, nil
}

// cost says what sending takes.
func (d *Daemon) cost(text string, files []chat.DraftFile) api.Cost {
	c := api.Cost{Bytes: int64(len(text))}
	for _, f := range files {
		if f.Held {
			c.Held += f.Bytes
			c.Bytes += int64(len(f.Preview))
		} else {
			c.Bytes += f.Bytes
		}
	}
	all := c.Bytes + c.Held
	c.Texts = int((all + textBytes - 1) / textBytes)
	d.courier.Lock()
	defer d.courier.Unlock()
	windows := d.watch.Windows()
	for i := len(windows) - 1; i >= 0; i-- {
		w := windows[i]
		end := w.To
		if end.IsZero() {
			end = d.opts.Now()
		}
		if span := end.Sub(w.From); w.Out > 0 && span > 0 {
			p := &api.Pace{Bytes: w.Out, Seconds: max(int(span/time.Second), 1), From: w.From.UTC()}
			c.Pace, c.Seconds = p, int(float64(all)/float64(w.Out)*span.Seconds()+1)
			break
		}
	}
	return c
}

// Draft implements api.Talk.
func (d *Daemon) Draft(_ context.Context, ask api.DraftAsk) (api.Drafted, error) {
	with, err := d.conversation(ask.With)
	if err != nil {
		return api.Drafted{}, doorError(err)
	}
	files, err := d.attachments(with, ask.Files, ask.Size, ask.Whole) // takes its time: before the lock
	if err != nil {
		return api.Drafted{}, err
	}
	d.people.Lock()
	defer d.people.Unlock()
	if ask.Text != nil {
		err = d.chat.KeepText(d.moment(), with, *ask.Text)
	}
	if err == nil && len(files) > 0 {
		err = d.chat.KeepFiles(d.moment(), with, files...)
	}
	if err == nil && ask.Drop != nil {
		err = d.chat.DropFile(d.moment(), with, *ask.Drop)
	}
	if err != nil {
		return api.Drafted{}, doorError(err)
	}
	draft, err := d.chat.Draft(with)
	if err != nil {
		return api.Drafted{}, doorError(err)
	}
	out := api.Drafted{Text: draft.Text, At: known(draft.At), Files: []api.Kept{}, Cost: d.cost(draft.Text, draft.Files)}
	for _, f := range draft.Files {
		k := api.Kept{Key: f.Key, Name: f.Name, Bytes: f.Bytes, Kind: sortName(f.Sort), Held: f.Held, Width: f.Width, Height: f.Height, Seconds: f.Seconds}
		if len(f.Preview) > 0 {
			if k.Preview, err = media.Picture(f.Preview); err != nil {
				return out, err
			}
		}
		out.Files = append(out.Files, k)
	}
	return out, nil
}

func sortName(s chat.Sort) string {
	switch s {
	case chat.Photo:
		return api.Photo
	case chat.Voice:
		return api.Voice
	}
	return ""
}

// Delete implements api.Talk.
func (d *Daemon) Delete(_ context.Context, ask api.DeleteAsk) (api.Deleted, error) {
	var ids []account.LetterID
	for _, s := range ask.IDs {
		id, err := letterID(s)
		if err != nil {
			return api.Deleted{}, err
		}
		ids = append(ids, id)
	}
	d.people.Lock()
	defer d.people.Unlock()
	r, err := d.chat.Delete(d.moment(), ids...)
	if err != nil {
		return api.Deleted{}, doorError(err)
	}
	if r.Deleted == 0 {
		return api.Deleted{}, fmt.Errorf("%w: no such letter", api.ErrNotFound)
	}
	d.changed()
	return api.Deleted{Deleted: r.Deleted, Withdrawn: r.Withdrawn, Out: r.Out}, d.scrub()
}

// scrub overwrites what the vault's log still holds of deleted records.
func (d *Daemon) scrub() error {
	if s, ok := d.vault.(interface{ Scrub() error }); ok {
		return s.Scrub()
	}
	return nil
}

// sweepEvery is how late a letter may vanish.
const sweepEvery = 10 * time.Second

// clear deletes letters whose time has come until the daemon ends.
func (d *Daemon) clear() {
	for d.ctx.Err() == nil {
		if err := d.sweepNow(); err != nil && !errors.Is(err, account.ErrClosed) {
			d.setTrouble("vanish", "letters that should vanish could not be deleted: "+err.Error())
		}
		d.rest(sweepEvery)
	}
}

func (d *Daemon) sweepNow() error {
	believed := d.clock.doubt() == ""
	d.people.Lock()
	defer d.people.Unlock()
	n, err := d.chat.Sweep(d.moment(), believed)
	if err != nil || n == 0 {
		return err
	}
	d.changed()
	return d.scrub()
}

// Search implements api.Talk.
func (d *Daemon) Search(_ context.Context, ask api.SearchAsk) ([]api.Letter, error) {
	var with account.ContactID
	if ask.With != "" {
		var err error
		if with, err = d.conversation(ask.With); err != nil {
			return nil, doorError(err)
		}
	}
	list, err := d.chat.Search(with, ask.Query, ask.Max)
	if err != nil {
		return nil, doorError(err)
	}
	return d.letters(list)
}

// Fetch implements api.Talk.
func (d *Daemon) Fetch(_ context.Context, ask api.FetchAsk) (api.File, error) {
	d.people.Lock()
	defer d.people.Unlock()
	f, err := d.chat.Ask(d.moment(), ask.ID)
	if err != nil {
		return api.File{}, doorError(err)
	}
	d.changed()
	return file(f), nil
}

// Picture implements api.Talk.
func (d *Daemon) Picture(_ context.Context, ask api.PictureAsk) (api.Picture, error) {
	f, err := d.chat.File(ask.ID)
	if err != nil {
		return api.Picture{}, doorError(err)
	}
	if f.Sort != chat.Photo {
		return api.Picture{}, fmt.Errorf("%w: this file is no photo", api.ErrNotFound)
	}
	if f.Whole() && !ask.Preview {
		b, err := d.whole(ask.ID)
		if err != nil {
			return api.Picture{}, err
		}
		// What cannot be opened may still have a preview.
		if b, err = media.Redraw(b); err == nil {
			return api.Picture{JPEG: b, Whole: true}, nil
		}
	}
	if len(f.Preview) == 0 {
		return api.Picture{}, fmt.Errorf("%w: the photo has not arrived, and it has no preview", api.ErrNotFound)
	}
	b, err := media.Picture(f.Preview)
	if err != nil {
		return api.Picture{}, fmt.Errorf("%w: the preview cannot be opened", api.ErrNotFound)
	}
	return api.Picture{JPEG: b}, nil
}

// Sound implements api.Talk.
func (d *Daemon) Sound(_ context.Context, ask api.SoundAsk) (api.Sound, error) {
	b, err := d.whole(ask.ID)
	if err != nil {
		return api.Sound{}, err
	}
	kind := media.Sound(b)
	if kind == "" {
		return api.Sound{}, fmt.Errorf("%w: this file is no sound that is known here", api.ErrNotFound)
	}
	return api.Sound{Type: kind, Data: b}, nil
}

func (d *Daemon) whole(id string) ([]byte, error) {
	_, r, err := d.chat.Attachment(id)
	if err != nil {
		return nil, doorError(err)
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, chat.MaxBytes))
}
