package daemon

import (
	"context"
	"fmt"

	"github.com/jauap/jauap/bulletin"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/media"
	"github.com/jauap/jauap/web/api"
)

// noticeFile tells what a notice shows beside its text, without its bytes.
func noticeFile(s bulletin.Sort, size int, data []byte) api.NoticeFile {
	f := api.NoticeFile{Name: "photo.jpg", Type: "image/jpeg", Sort: "photo", Bytes: size, Here: data != nil}
	if s == bulletin.Voice {
		f.Name, f.Type, f.Sort = "voice", "", "voice"
		if data != nil {
			f.Type = media.Sound(data)
		}
	}
	return f
}

// mediaToPost makes a file fit to go to everybody: a photo is made small and
// loses what the camera wrote into it, a recording must be small already.
// Everything else is refused: nobody knows what hides in it.
func mediaToPost(files []api.NoticeFile) (bulletin.Sort, []byte, error) {
	if len(files) == 0 {
		return 0, nil, nil
	}
	f := files[0]
	if len(files) > 1 {
		return 0, nil, fmt.Errorf("%w, not %d files", cause.ErrMedia, len(files))
	}
	if media.Sound(f.Data) != "" {
		if len(f.Data) > bulletin.MaxMedia {
			return 0, nil, fmt.Errorf("%w: it has %d bytes, at most %d", cause.ErrVoice, len(f.Data), bulletin.MaxMedia)
		}
		return bulletin.Voice, f.Data, nil
	}
	p, err := media.Fit(f.Data, bulletin.MaxMedia)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %q: %v", cause.ErrNoMedia, api.CleanName(f.Name), err)
	}
	return bulletin.Photo, p.JPEG, nil
}

// fitToShow gives bytes that a browser may see: a stranger's photo is drawn anew,
// and what is no sound is not played.
func fitToShow(s bulletin.Sort, data []byte) (f api.NoticeFile, err error) {
	f = noticeFile(s, len(data), data)
	f.Data = data
	if s == bulletin.Photo {
		if f.Data, err = media.RedrawSmall(data, media.NoticeSide); err != nil {
			return f, fmt.Errorf("%w: %v", cause.ErrUnshown, err)
		}
	} else if f.Type == "" {
		return f, cause.ErrUnheard
	}
	return f, nil
}

// lookAtDraft tells what a draft says and shows.
func (d *Daemon) lookAtDraft(e *api.Editor, draft bulletin.Draft) error {
	n := draft.Notice
	e.Text, e.Until, e.Pinned, e.Files = n.Text, known(n.Until), n.Pinned, len(n.Attached())
	if b, err := d.findBoard(draft.Board.String()); err == nil {
		e.Board = b.Name
	}
	m := draft.Shows()
	if m == nil {
		return nil
	}
	f := noticeFile(m.Sort, m.Size, nil)
	if !draft.Lacks() {
		var err error
		if f, err = fitToShow(m.Sort, m.Data); err != nil {
			return fmt.Errorf("%w: not to be signed: %w", api.ErrUsage, err)
		}
		f.Bytes = m.Size
	}
	e.Media = &f
	return nil
}

// NoticeMedia implements api.Boards.
func (d *Daemon) NoticeMedia(_ context.Context, a api.NoticeMediaAsk) (api.NoticeFile, error) {
	b, err := d.findBoard(a.Board)
	if err != nil {
		return api.NoticeFile{}, err
	}
	m, err := d.boards.MediaOf(b.ID, a.Seq)
	if err != nil {
		return api.NoticeFile{}, boardError(err)
	}
	return fitToShow(m.Sort, m.Data)
}
