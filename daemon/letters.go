package daemon

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

// never is a delay longer than any conversation lives without a letter.
const never = 10 * 365 * 24 * time.Hour

func (d *Daemon) accountConfig() account.Config {
	c := account.DefaultConfig()
	if d.opts.Prompt {
		c.ProofMin, c.ProofMax = 0, 0
	}
	// With receipts off an answer without content still leaves, late: who only
	// reads would otherwise stop whoever only writes.
	if d.opts.Config.Receipts == config.ReceiptsPrompt {
		c.AckMin, c.AckMax = 0, 0
	}
	return c
}

func (d *Daemon) chatConfig() chat.Config {
	c := chat.DefaultConfig()
	c.Heard = d.heard
	switch d.opts.Config.Receipts {
	case config.ReceiptsPrompt:
		c.ReceiptMin, c.ReceiptMax = 0, 0
	case config.ReceiptsOff:
		c.ReceiptMin, c.ReceiptMax = never, never
	}
	return c
}

// allLetters bounds one listing; a page of a conversation is smaller.
const allLetters = 100_000

// The door promises what a letter takes.
const _ = uint(chat.MaxText-api.MaxText) + uint(api.MaxText-chat.MaxText)

// Send implements api.Letters.
func (d *Daemon) Send(_ context.Context, ask api.SendAsk) (api.Sent, error) {
	to, err := d.conversation(ask.To)
	if err != nil {
		return api.Sent{}, doorError(err)
	}
	files, err := d.attachments(to, ask.Files, ask.Size, ask.Whole) // takes its time: before the lock
	if err != nil {
		return api.Sent{}, err
	}
	d.people.Lock()
	defer d.people.Unlock()
	post := chat.Post{Text: ask.Text, Files: files, Days: ask.Days, Vanish: time.Duration(ask.Vanish) * time.Second, Draft: ask.Draft}
	var going []chat.DraftFile
	if ask.Draft {
		draft, err := d.chat.Draft(to)
		if err != nil {
			return api.Sent{}, doorError(err)
		}
		if post.Text == "" {
			post.Text = draft.Text
		}
		going = draft.Files
	}
	for _, f := range files {
		going = append(going, chat.DraftFile{Bytes: int64(len(f.Data)), About: f.About})
	}
	id, err := d.chat.Post(d.moment(), to, post)
	if err != nil {
		return api.Sent{}, groupError(err)
	}
	d.changed()
	cost := d.cost(post.Text, going)
	return api.Sent{ID: id.String(), Cost: &cost}, nil
}

// Read implements api.Letters.
func (d *Daemon) Read(_ context.Context, ask api.ReadAsk) ([]api.Letter, error) {
	var from account.ContactID
	if ask.From != "" {
		var err error
		if from, err = d.conversation(ask.From); err != nil {
			return nil, doorError(err)
		}
	}
	after, err := letterID(ask.After)
	if err != nil {
		return nil, err
	}
	list, err := d.chat.Arrived(from, after, allLetters)
	if err != nil {
		return nil, doorError(err)
	}
	if !ask.Keep {
		if err := d.markRead(list); err != nil {
			return nil, err
		}
	}
	return d.letters(list)
}

// Conversation implements api.Letters.
func (d *Daemon) Conversation(_ context.Context, ask api.ConversationAsk) ([]api.Letter, error) {
	with, err := d.conversation(ask.With)
	if err != nil {
		return nil, doorError(err)
	}
	before, err := letterID(ask.Before)
	if err != nil {
		return nil, err
	}
	list, err := d.chat.Conversation(with, before, ask.Max)
	if err != nil {
		return nil, doorError(err)
	}
	if ask.Mark {
		if err := d.markRead(list); err != nil {
			return nil, err
		}
	}
	return d.letters(list)
}

func letterID(s string) (account.LetterID, error) {
	if s == "" {
		return account.LetterID{}, nil
	}
	id, err := account.ParseLetterID(s)
	if err != nil {
		return id, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	return id, nil
}

// markRead notes what the owner has now seen, and lets the receipts go.
func (d *Daemon) markRead(list []chat.Letter) error {
	var ids []account.LetterID
	for _, l := range list {
		if !l.Mine && l.ReadAt.IsZero() {
			ids = append(ids, l.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	d.people.Lock()
	defer d.people.Unlock()
	if err := d.chat.MarkRead(d.moment(), ids...); err != nil {
		return doorError(err)
	}
	d.changed()
	return nil
}

// letters words letters for the door.
func (d *Daemon) letters(list []chat.Letter) ([]api.Letter, error) {
	names := map[account.ContactID]string{}
	out := make([]api.Letter, len(list))
	for i, l := range list {
		name, ok := names[l.With]
		if _, held, in := d.acc.Held(l.With.String()); in {
			name, ok = held, true
		}
		if !ok {
			c, err := d.acc.ContactByID(l.With)
			if err != nil {
				return nil, err
			}
			name = c.Name
			names[l.With] = name
		}
		out[i] = letter(l, name)
	}
	return out, d.addGroups(list, out)
}

func letter(l chat.Letter, name string) api.Letter {
	a := api.Letter{ID: l.ID.String(), From: name, Text: l.Text, SentAt: l.SentAt.UTC(), ReceivedAt: known(l.ReceivedAt), Attachments: []api.File{}}
	for _, f := range l.Files {
		a.Attachments = append(a.Attachments, file(f))
	}
	a.Vanish, a.VanishesAt, a.Update = int64(l.Vanish/time.Second), known(l.VanishesAt), l.Update
	if l.Mine {
		a.From, a.To = "", name
		a.State, a.At, a.Carriers = api.State(l.State), known(l.At), l.Carriers
		for _, c := range l.History {
			a.History = append(a.History, api.Change{State: api.State(c.State), At: c.At.UTC()})
		}
	}
	return a
}

func file(f chat.File) api.File {
	return api.File{
		ID: f.ID, Name: f.Name, Bytes: f.Bytes, Have: f.Have, Kind: sortName(f.Sort), Held: f.Held, Asked: f.Asked, Sent: f.Sent,
		Width: f.Width, Height: f.Height, Seconds: f.Seconds, Preview: f.Sort == chat.Photo && (len(f.Preview) > 0 || f.Whole()),
	}
}

// outboxBegin is how much of a letter's text the outbox shows, in runes.
const outboxBegin = 60

// Outbox implements api.Letters.
func (d *Daemon) Outbox(context.Context) ([]api.Outgoing, error) {
	list, err := d.chat.Outbox(allLetters)
	if err != nil {
		return nil, doorError(err)
	}
	letters, err := d.letters(list)
	if err != nil {
		return nil, err
	}
	out := make([]api.Outgoing, len(list))
	for i, l := range list {
		text := []rune(l.Text)
		out[i] = api.Outgoing{
			ID: l.ID.String(), To: letters[i].To, State: api.State(l.State), At: l.At.UTC(),
			Bytes: int(l.Bytes), Carriers: l.Carriers, Text: string(text[:min(len(text), outboxBegin)]), Reach: letters[i].Reach,
		}
	}
	return out, nil
}

// Attachment implements api.Letters.
func (d *Daemon) Attachment(_ context.Context, id string) (api.File, io.ReadCloser, error) {
	f, r, err := d.chat.Attachment(id)
	if err != nil {
		return api.File{}, nil, doorError(err)
	}
	return file(f), r, nil
}
