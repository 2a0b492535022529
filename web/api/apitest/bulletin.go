package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// AddNotice lets a followed board say something.
func (f *Fake) AddNotice(board string, n api.Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notices[board] = slices.Insert(f.notices[board], 0, n)
	f.bump()
}

func (f *Fake) board(id string) int {
	return slices.IndexFunc(f.boards, func(b api.Board) bool { return b.ID == id || b.Name == id })
}

// Boards implements api.Backend.
func (f *Fake) Boards(context.Context) ([]api.Board, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.boards), f.fails["Boards"]
}

// Board implements api.Backend. Every text that begins like a card is one.
func (f *Fake) Board(_ context.Context, a api.BoardAsk) (api.Board, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.bump()
	i := f.board(a.ID)
	switch a.Do {
	case "create", "follow":
		name := a.Name
		if a.Do == "follow" {
			ok := false
			if name, ok = strings.CutPrefix(strings.TrimSpace(a.Card), "jauap-board:1:"); !ok {
				return api.Board{}, fmt.Errorf("%w: this is not a board's card", api.ErrUsage)
			}
		}
		b := api.Board{ID: f.nextID("board"), Name: name, Card: "jauap-board:1:" + name, Mine: a.Do == "create", Need: max(a.Need, 1), Editors: max(len(a.Editors), 1)}
		f.boards = append(f.boards, b)
		return b, nil
	case "set":
		if i < 0 {
			return api.Board{}, api.ErrNotFound
		}
		f.boards[i].Muted, f.boards[i].Pinned, f.boards[i].Plain = a.Muted, a.Pinned, a.Plain
		return f.boards[i], nil
	case "leave":
		if i < 0 {
			return api.Board{}, api.ErrNotFound
		}
		b := f.boards[i]
		if b.Mine && !a.Sure {
			return api.Board{}, fmt.Errorf("%w: it is an own board", api.ErrUsage)
		}
		f.boards = slices.Delete(f.boards, i, i+1)
		return b, nil
	}
	if a.Do == "seen" && i >= 0 {
		f.opened = append(f.opened, a.Seqs...)
		return api.Board{ID: f.boards[i].ID}, nil
	}
	return api.Board{}, api.ErrUsage
}

// Opened are the notices that were opened, in this order.
func (f *Fake) Opened() []uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.opened)
}

// Notices implements api.Backend.
func (f *Fake) Notices(_ context.Context, board string) ([]api.Notice, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.board(board)
	if i < 0 {
		return nil, api.ErrNotFound
	}
	return slices.Clone(f.notices[f.boards[i].ID]), nil
}

// NoticeMedia implements api.Backend.
func (f *Fake) NoticeMedia(_ context.Context, a api.NoticeMediaAsk) (api.NoticeFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.board(a.Board); i >= 0 {
		for _, n := range f.notices[f.boards[i].ID] {
			if n.Seq == a.Seq && len(n.Files) > 0 && n.Files[0].Sort != "" && n.Files[0].Here {
				return n.Files[0], nil
			}
		}
	}
	return api.NoticeFile{}, api.ErrNotFound
}

// A draft of the Fake is what was asked for.
func readDraft(b []byte) (a api.PostAsk, err error) {
	if err := json.Unmarshal(b, &a); err != nil || a.Text == "" && len(a.Files) == 0 {
		return a, fmt.Errorf("%w: this is not a draft", api.ErrUsage)
	}
	return a, nil
}

// made is a file of a notice as it goes out.
func made(f api.NoticeFile) api.NoticeFile {
	if f.Type, f.Sort = "audio/webm", "voice"; bytes.HasPrefix(f.Data, []byte("\xff\xd8")) {
		f.Type, f.Sort = "image/jpeg", "photo"
	}
	f.Bytes, f.Here = len(f.Data), len(f.Data) > 0
	return f
}

// Post implements api.Backend.
func (f *Fake) Post(_ context.Context, a api.PostAsk) (api.Posted, error) {
	f.mu.Lock()
	if err := f.fails["Post"]; err != nil {
		f.mu.Unlock()
		return api.Posted{}, err
	}
	i := f.board(a.Board)
	if len(a.Draft) > 0 {
		d, err := readDraft(a.Draft)
		if err != nil {
			f.mu.Unlock()
			return api.Posted{}, err
		}
		a.Text, a.Files, a.Pinned = d.Text, d.Files, d.Pinned
	} else {
		for i, x := range a.Files {
			a.Files[i] = made(x)
		}
	}
	if i < 0 || !f.boards[i].Mine || a.Text == "" && len(a.Files) == 0 || len(a.Files) > 1 {
		f.mu.Unlock()
		return api.Posted{}, fmt.Errorf("%w: nothing to post, or not my board", api.ErrUsage)
	}
	if a.Only {
		f.mu.Unlock()
		p, d := api.Posted{}, api.PostAsk{Text: a.Text, Files: a.Files, Pinned: a.Pinned}
		if p.Draft, _ = json.Marshal(d); len(a.Files) > 0 {
			bare := a.Files[0]
			bare.Data, bare.Here = nil, false
			d.Files = []api.NoticeFile{bare}
			p.Bare, _ = json.Marshal(d)
		}
		return p, nil
	}
	if need := f.boards[i].Need; len(a.Signed)+1 < need {
		f.mu.Unlock()
		return api.Posted{}, fmt.Errorf("%w: not enough editors have signed", api.ErrUsage)
	}
	id, seq, now := f.boards[i].ID, uint64(len(f.notices[f.boards[i].ID])), f.now()
	f.mu.Unlock()
	f.AddNotice(id, api.Notice{Seq: seq, At: now, Until: now.AddDate(0, 0, 14), Came: now, Pinned: a.Pinned, Text: a.Text, Files: a.Files})
	return api.Posted{Seq: seq}, nil
}

// Editor implements api.Backend.
func (f *Fake) Editor(_ context.Context, a api.EditorAsk) (api.Editor, error) {
	e := api.Editor{Key: strings.Repeat("ab", 32)}
	if len(a.Draft) == 0 {
		return e, nil
	}
	d, err := readDraft(a.Draft)
	if err != nil {
		return api.Editor{}, err
	}
	f.mu.Lock()
	until := f.now().AddDate(0, 0, 14)
	f.mu.Unlock()
	if e.Text, e.Until, e.Pinned = d.Text, &until, d.Pinned; len(d.Files) > 0 {
		e.Media = &d.Files[0]
	}
	if e.Media != nil && !e.Media.Here && a.Sign && !a.Unseen {
		return api.Editor{}, fmt.Errorf("%w: not signed: it did not come with the draft", api.ErrUsage)
	}
	if a.Sign {
		e.Signed = e.Key + ":" + strings.Repeat("cd", 64)
	}
	return e, nil
}
