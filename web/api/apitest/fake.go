package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jauap/jauap/web/api"
)

// Fake is an api.Backend in memory. Its methods may be called by many
// goroutines.
type Fake struct {
	now func() time.Time

	mu      sync.Mutex
	me      api.Me
	people  []api.Person
	letters []api.Letter // of all conversations, in the order of arrival
	unread  map[string]bool
	files   map[string]file
	slips   []api.Slip
	groups  []api.Group
	boards  []api.Board
	opened  []uint64
	feed    string
	feeds   int
	notices map[string][]api.Notice
	team    []string
	status  api.Status
	safety
	mailroom
	sticks api.Sticks
	here   api.Here // what Here tells beside addresses
	relays api.Relays
	bureau
	witnesses
	fails   map[string]error
	lock    api.LockState
	phrases []api.PhraseAsk
	drafts  map[string]*talk // by the person's ID
	invites int
	codes   []api.Code
	looks   []api.Look
	intros  []api.Introduction
	made    int
	counter uint64
	change  chan struct{} // closed at the next change
}

type file struct {
	about api.File
	data  []byte
}

var _ api.Backend = (*Fake)(nil)
var _ api.Opener = (*Fake)(nil)

// New is a Fake of somebody called name, with nobody to write to and no way
// out. now is its clock.
func New(name string, now func() time.Time) *Fake {
	return &Fake{
		now:     now,
		me:      api.Me{Name: name, ID: idOf(name), Words: words(name), Digits: digits(name), Erasable: true},
		unread:  map[string]bool{},
		files:   map[string]file{},
		fails:   map[string]error{},
		notices: map[string][]api.Notice{},
		drafts:  map[string]*talk{},
		status:  api.Status{Network: api.Network{State: "dark"}},
		counter: 1,
		change:  make(chan struct{}),
	}
}

// idOf, words and digits are believable and different for different names.
func idOf(name string) string {
	sum := uint64(14695981039346656037)
	for _, c := range []byte(name) {
		sum = (sum ^ uint64(c)) * 1099511628211
	}
	return fmt.Sprintf("%016x%016x", sum, sum*0x9e3779b97f4a7c15)
}

func words(name string) []string {
	list := strings.Fields("apple bridge candle desert engine forest garden harbor island jacket kitten ladder mirror needle orange pepper")
	out := make([]string, 8)
	for i := range out {
		out[i] = list[strings.IndexByte("0123456789abcdef", idOf(name)[i])]
	}
	return out
}

func digits(name string) string {
	var b strings.Builder
	for i, c := range []byte(idOf(name))[:24] {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('0' + c%10)
	}
	return b.String()
}

// bump must be called with the lock held.
func (f *Fake) bump() {
	f.counter++
	close(f.change)
	f.change = make(chan struct{})
}

// Fail lets the method of that name answer err until it is told nil.
func (f *Fake) Fail(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails[method] = err
}

// AddPerson puts somebody into the address book. ID, words and digits are
// filled in when they are empty.
func (f *Fake) AddPerson(p api.Person) api.Person {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.ID == "" {
		p.ID = idOf(p.Name)
	}
	if p.Words == nil {
		p.Words, p.Digits = words(p.Name), digits(p.Name)
	}
	f.people = append(f.people, p)
	f.bump()
	return p
}

// SetStatus replaces the state of the network; Waiting counts by itself.
func (f *Fake) SetStatus(s api.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = s
	f.bump()
}

// Arrive delivers a letter of the person from, with files, and answers its ID.
func (f *Fake) Arrive(from string, l api.Letter, files ...api.SendFile) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.now()
	l.ID, l.From, l.ReceivedAt = f.nextID("in"), from, &at
	if l.SentAt.IsZero() {
		l.SentAt = at
	}
	l.Attachments = append(f.keep(l.ID, files), l.Attachments...)
	f.letters = append(f.letters, l)
	f.unread[l.ID] = true
	if p := f.find(from); p != nil {
		p.WroteAt = &l.SentAt
	}
	f.bump()
	return l.ID
}

// SetState moves one of my letters on.
func (f *Fake) SetState(id string, s api.State, at time.Time, carriers int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.letters {
		if l := &f.letters[i]; l.ID == id {
			l.State, l.At, l.Carriers = s, &at, carriers
			l.History = append(l.History, api.Change{State: s, At: at})
			f.bump()
		}
	}
}

func (f *Fake) nextID(kind string) string {
	f.made++
	return fmt.Sprintf("%s%030d", kind, f.made)
}

func (f *Fake) keep(letter string, files []api.SendFile) []api.File {
	list := []api.File{}
	for i, s := range files {
		n := int64(len(s.Data))
		a := api.File{ID: fmt.Sprintf("%s-%d", letter, i), Name: s.Name, Bytes: n, Have: n, Kind: s.Kind, Seconds: s.Seconds, Preview: s.Kind == api.Photo}
		f.files[a.ID] = file{a, s.Data}
		list = append(list, a)
	}
	return list
}

// find looks for an ID first: see api.Backend.
func (f *Fake) find(who string) *api.Person {
	byID := func(p api.Person) bool { return p.ID == who }
	byName := func(p api.Person) bool { return p.Name == who }
	for _, is := range []func(api.Person) bool{byID, byName} {
		if i := slices.IndexFunc(f.people, is); i >= 0 {
			return &f.people[i]
		}
	}
	if g := f.inGroup(who); g != nil {
		return &api.Person{Name: g.Name, ID: g.ID}
	}
	return nil
}

func unknown(who string) error { return fmt.Errorf("%w: %q", api.ErrUnknownPerson, who) }

// Me implements api.Backend.
func (f *Fake) Me(context.Context) (api.Me, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.me, f.fails["Me"]
}

// People implements api.Backend.
func (f *Fake) People(context.Context) ([]api.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.people)
	for i := range out {
		p := &out[i]
		for _, l := range f.letters {
			switch {
			case l.From == p.Name:
				p.LastText, p.LastAt, p.LastMine = l.Text, l.ReceivedAt, false
			case l.To == p.Name:
				p.LastText, p.LastAt, p.LastMine = l.Text, &l.SentAt, true
			}
			if l.From == p.Name && f.unread[l.ID] {
				p.Unread++
			}
			if l.To == p.Name && l.State == api.Saved {
				p.Waiting++
			}
		}
	}
	return out, f.fails["People"]
}

// Invite implements api.Backend.
func (f *Fake) Invite(context.Context) (api.Invite, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.invites++
	code := fmt.Sprintf("%s.%d", idOf(f.me.Name), f.invites)
	return api.Invite{
		Link:   "jauap:1:" + strings.Repeat("Ab3_", 480) + code,
		QR:     "JAUAP:1:" + strings.ToUpper(strings.Repeat("0A1B2C", 40)+code),
		Digits: f.me.Digits,
	}, f.fails["Invite"]
}

// Accept implements api.Backend. Every code that starts with "jauap:1:"
// brings somebody new.
func (f *Fake) Accept(_ context.Context, a api.AcceptAsk) (api.Person, error) {
	f.mu.Lock()
	err := f.fails["Accept"]
	code, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(a.Code)), "jauap:1:")
	f.mu.Unlock()
	if err != nil {
		return api.Person{}, err
	}
	if !ok || code == "" {
		return api.Person{}, fmt.Errorf("%w: it starts with jauap:1", api.ErrBadInvite)
	}
	p := api.Person{Name: a.Name, ID: idOf(code)}
	if p.Name == "" {
		p.Name = "Friend " + p.ID[:4]
	}
	f.mu.Lock()
	for _, old := range f.people { // as the node does, a code of somebody known renames nobody
		if old.ID == p.ID {
			p.Name = old.Name
		}
	}
	f.mu.Unlock()
	if a.InPerson {
		at := f.now()
		p.Verified, p.VerifiedAt = "in person", &at
	}
	return f.AddPerson(p), nil
}

// Verify implements api.Backend.
func (f *Fake) Verify(_ context.Context, a api.VerifyAsk) (api.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Verify"]; err != nil {
		return api.Person{}, err
	}
	p := f.find(a.Name)
	if p == nil {
		return api.Person{}, unknown(a.Name)
	}
	if a.Code == "" && !a.Compared {
		return api.Person{}, fmt.Errorf("%w: give the words or say that they were compared", api.ErrUsage)
	}
	squeeze := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }
	c := squeeze(a.Code)
	if c != "" && c != squeeze(strings.Join(p.Words, "")) && c != squeeze(p.Digits) {
		return api.Person{}, api.ErrMismatch
	}
	at := f.now()
	p.Verified, p.VerifiedAt, p.KeyChanged = "by voice", &at, false
	if c == "" {
		p.Verified = "in person"
	}
	f.bump()
	return *p, nil
}

// Send implements api.Backend. Letters of more than 64 KiB are too large.
func (f *Fake) Send(_ context.Context, a api.SendAsk) (api.Sent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Send"]; err != nil {
		return api.Sent{}, err
	}
	p := f.find(a.To)
	if p == nil {
		return api.Sent{}, unknown(a.To)
	}
	f.take(&a, p.ID)
	switch {
	case strings.TrimSpace(a.Text) == "" && len(a.Files) == 0:
		return api.Sent{}, fmt.Errorf("%w: an empty letter", api.ErrUsage)
	case len(a.Text) > 64<<10:
		return api.Sent{}, fmt.Errorf("%w: a text may have 64 KiB", api.ErrTooLarge)
	case a.Days < 0 || a.Days > 120:
		return api.Sent{}, fmt.Errorf("%w: 1 to 120 days", api.ErrUsage)
	}
	at, id := f.now(), f.nextID("out")
	f.letters = append(f.letters, api.Letter{
		ID: id, To: p.Name, Text: a.Text, SentAt: at, State: api.Saved, At: &at,
		Attachments: f.keep(id, a.Files), Vanish: a.Vanish, History: []api.Change{{State: api.Saved, At: at}},
	})
	if a.Draft {
		delete(f.drafts, p.ID)
	}
	f.bump()
	return api.Sent{ID: id}, nil
}

// Read implements api.Backend.
func (f *Fake) Read(_ context.Context, a api.ReadAsk) ([]api.Letter, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	who := ""
	if a.From != "" {
		p := f.find(a.From)
		if p == nil {
			return nil, unknown(a.From)
		}
		who = p.Name
	}
	var out []api.Letter
	past := a.After == ""
	for _, l := range f.letters {
		if past && l.From != "" && (who == "" || l.From == who) {
			out = append(out, l)
			if !a.Keep && f.unread[l.ID] {
				delete(f.unread, l.ID)
				f.bump()
			}
		}
		past = past || l.ID == a.After
	}
	return out, f.fails["Read"]
}

// Conversation implements api.Backend.
func (f *Fake) Conversation(_ context.Context, a api.ConversationAsk) ([]api.Letter, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.find(a.With)
	if p == nil {
		return nil, unknown(a.With)
	}
	if a.Max < 0 || a.Max > 500 {
		return nil, fmt.Errorf("%w: max is 1 to 500", api.ErrUsage)
	}
	if a.Max == 0 {
		a.Max = 50
	}
	var out []api.Letter
	for _, l := range f.letters {
		if a.Before != "" && l.ID == a.Before {
			break
		}
		if l.From == p.Name || l.To == p.Name {
			out = append(out, l)
		}
	}
	out = out[max(0, len(out)-a.Max):]
	for _, l := range out {
		if a.Mark && f.unread[l.ID] {
			delete(f.unread, l.ID)
			f.bump()
		}
	}
	return out, f.fails["Conversation"]
}

// Outbox implements api.Backend.
func (f *Fake) Outbox(context.Context) ([]api.Outgoing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []api.Outgoing
	for _, l := range f.letters {
		if l.From == "" {
			out = append(out, api.Outgoing{ID: l.ID, To: l.To, State: l.State, At: *l.At, Bytes: len(l.Text), Carriers: l.Carriers, Text: l.Text})
		}
	}
	return out, f.fails["Outbox"]
}

// Attachment implements api.Backend.
func (f *Fake) Attachment(_ context.Context, id string) (api.File, io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Attachment"]; err != nil {
		return api.File{}, nil, err
	}
	a, ok := f.files[id]
	if !ok {
		return api.File{}, nil, fmt.Errorf("%w: attachment %q", api.ErrNotFound, id)
	}
	return a.about, io.NopCloser(bytes.NewReader(a.data)), nil
}

// Tear lets an attachment break off in the middle.
func (f *Fake) Tear(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.files[id]
	a.data = a.data[:len(a.data)/2]
	f.files[id] = a
}

// Status implements api.Backend.
func (f *Fake) Status(context.Context) (api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status
	s.Waiting = 0
	for _, l := range f.letters {
		if l.From == "" && l.State == api.Saved {
			s.Waiting++
		}
	}
	lock := f.lock
	s.Lock = &lock
	return s, f.fails["Status"]
}

// Carry implements api.Backend. Only paths below /media exist.
func (f *Fake) Carry(_ context.Context, a api.CarryAsk) (api.Haul, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Carry"]; err != nil {
		return api.Haul{}, err
	}
	if !strings.HasPrefix(a.Path, "/media") {
		return api.Haul{}, fmt.Errorf("%w: no folder %s", api.ErrNotFound, a.Path)
	}
	return api.Haul{Written: 3, Read: 2, Bytes: 12288, Opened: 1, Notes: []string{"one file was not ours: left alone"}}, nil
}

// Wait implements api.Backend.
func (f *Fake) Wait(ctx context.Context, seen uint64) (uint64, error) {
	for {
		f.mu.Lock()
		n, change, err := f.counter, f.change, f.fails["Wait"]
		f.mu.Unlock()
		if err != nil || n > seen {
			return n, err
		}
		select {
		case <-change:
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
}

// Page implements api.Opener.
func (f *Fake) Page(context.Context) (string, error) {
	return "http://127.0.0.1:1/enter?t=once", nil
}
