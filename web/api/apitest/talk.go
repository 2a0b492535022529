package apitest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// talk is what Fake keeps of drafts.
type talk struct {
	api.Drafted
	data map[uint32]api.SendFile
	next uint32
}

// Draft implements api.Backend. Photos stay as they are; one that is no
// picture is refused like one.
func (f *Fake) Draft(_ context.Context, a api.DraftAsk) (api.Drafted, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Draft"]; err != nil {
		return api.Drafted{}, err
	}
	p := f.find(a.With)
	if p == nil {
		return api.Drafted{}, unknown(a.With)
	}
	d := f.drafts[p.ID]
	if d == nil {
		d = &talk{data: map[uint32]api.SendFile{}}
		f.drafts[p.ID] = d
	}
	if a.Text != nil {
		if len(*a.Text) > 64<<10 {
			return api.Drafted{}, fmt.Errorf("%w: a text may have 64 KiB", api.ErrTooLarge)
		}
		at := f.now()
		d.Text, d.At = *a.Text, &at
	}
	for _, s := range a.Files {
		if s.Kind == api.Photo && !bytes.HasPrefix(s.Data, []byte("\xff\xd8")) {
			return api.Drafted{}, fmt.Errorf("%w: no picture of a known kind", api.ErrUsage)
		}
		k := api.Kept{Key: d.next, Name: s.Name, Bytes: int64(len(s.Data)), Kind: s.Kind, Held: s.Kind == api.Photo && !a.Whole, Seconds: s.Seconds}
		if s.Kind == api.Photo {
			k.Preview, k.Width, k.Height = tiny(), 16, 12
		}
		d.Files, d.data[d.next] = append(d.Files, k), s
		d.next++
	}
	if a.Drop != nil {
		d.Files = slices.DeleteFunc(d.Files, func(k api.Kept) bool { return k.Key == *a.Drop })
	}
	out := d.Drafted
	out.Files = append([]api.Kept{}, d.Files...)
	out.Cost = cost(out)
	return out, nil
}

func cost(d api.Drafted) (c api.Cost) {
	c.Bytes = int64(len(d.Text))
	for _, k := range d.Files {
		if k.Held {
			c.Held += k.Bytes
		} else {
			c.Bytes += k.Bytes
		}
	}
	c.Texts = int((c.Bytes + c.Held + 599) / 600)
	c.Seconds = int((c.Bytes + c.Held) / 1500)
	return c
}

// tiny is a small JPEG.
func tiny() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 16, 12))
	for i := range 16 * 12 {
		img.Set(i%16, i/16, color.RGBA{uint8(i), 90, uint8(255 - i), 255})
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, nil) // into memory, of a picture that is one
	return b.Bytes()
}

// take gives out the draft's files for a letter; the lock is held.
func (f *Fake) take(a *api.SendAsk, id string) {
	d := f.drafts[id]
	if !a.Draft || d == nil {
		return
	}
	if a.Text == "" {
		a.Text = d.Text
	}
	for _, k := range d.Files {
		a.Files = append(a.Files, d.data[k.Key])
	}
}

// Delete implements api.Backend.
func (f *Fake) Delete(_ context.Context, a api.DeleteAsk) (d api.Deleted, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.letters = slices.DeleteFunc(f.letters, func(l api.Letter) bool {
		if !slices.Contains(a.IDs, l.ID) {
			return false
		}
		d.Deleted++
		if l.From == "" && l.State == api.Saved {
			d.Withdrawn++
		} else if l.From == "" {
			d.Out++
		}
		return true
	})
	if d.Deleted == 0 {
		return d, fmt.Errorf("%w: no such letter", api.ErrNotFound)
	}
	f.bump()
	return d, f.fails["Delete"]
}

// Search implements api.Backend. It knows no twins of letters.
func (f *Fake) Search(_ context.Context, a api.SearchAsk) (list []api.Letter, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	who := ""
	if a.With != "" {
		p := f.find(a.With)
		if p == nil {
			return nil, unknown(a.With)
		}
		who = p.Name
	}
	for _, l := range slices.Backward(f.letters) {
		if strings.Contains(strings.ToLower(l.Text), strings.ToLower(a.Query)) && (who == "" || l.From == who || l.To == who) {
			list = append(list, l)
		}
	}
	return list, f.fails["Search"]
}

// Fetch implements api.Backend.
func (f *Fake) Fetch(_ context.Context, a api.FetchAsk) (api.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.letters {
		for j := range f.letters[i].Attachments {
			if at := &f.letters[i].Attachments[j]; at.ID == a.ID {
				at.Asked = true
				f.bump()
				return *at, f.fails["Fetch"]
			}
		}
	}
	return api.File{}, fmt.Errorf("%w: attachment %q", api.ErrNotFound, a.ID)
}

// Picture implements api.Backend.
func (f *Fake) Picture(_ context.Context, a api.PictureAsk) (api.Picture, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.letters {
		if slices.ContainsFunc(l.Attachments, func(at api.File) bool { return at.ID == a.ID && at.Kind == api.Photo }) {
			return api.Picture{JPEG: tiny(), Whole: !a.Preview}, f.fails["Picture"]
		}
	}
	return api.Picture{}, fmt.Errorf("%w: attachment %q", api.ErrNotFound, a.ID)
}

// Sound implements api.Backend.
func (f *Fake) Sound(_ context.Context, a api.SoundAsk) (api.Sound, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.files[a.ID]
	if !ok {
		return api.Sound{}, fmt.Errorf("%w: attachment %q", api.ErrNotFound, a.ID)
	}
	return api.Sound{Type: "audio/ogg", Data: s.data}, f.fails["Sound"]
}
