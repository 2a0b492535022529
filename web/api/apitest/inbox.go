package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// mailroom is the part of a Fake for public inboxes.
type mailroom struct {
	boxes    []api.Inbox
	posted   []api.SentReport
	reports  []api.ReportAsk
	received []api.Received
}

// Reports are those that were sent.
func (f *Fake) Reports() []api.ReportAsk {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.reports)
}

// Receive lets something come to an inbox.
func (f *Fake) Receive(r api.Received) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.ID, r.Came = f.nextID("came"), f.now()
	f.received = append(f.received, r)
	f.bump()
}

// SetSent changes what is known of a sent one.
func (f *Fake) SetSent(id string, relays int, arrived bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.posted {
		if f.posted[i].ID == id {
			f.posted[i].Relays, f.posted[i].Arrived = relays, arrived
		}
	}
	f.bump()
}

// Inboxes implements api.Backend.
func (f *Fake) Inboxes(context.Context) ([]api.Inbox, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.boxes), f.fails["Inboxes"]
}

// Inbox implements api.Backend. Every text that begins like a card is one.
func (f *Fake) Inbox(_ context.Context, a api.InboxAsk) (api.Inbox, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.bump()
	switch a.Do {
	case "open", "save":
		name, mine := a.Name, a.Do == "open"
		if !mine {
			var ok bool
			if name, ok = strings.CutPrefix(strings.TrimSpace(a.Card), "jauap-inbox:1:"); !ok {
				return api.Inbox{}, fmt.Errorf("%w: this is not an inbox's card", api.ErrUsage)
			}
		}
		if name == "" {
			return api.Inbox{}, fmt.Errorf("%w: it needs a name", api.ErrUsage)
		}
		b := api.Inbox{ID: f.nextID("inbox"), Name: name, Card: "jauap-inbox:1:" + name, QR: "JAUAP-INBOX:1:" + strings.ToUpper(name), Mine: mine, Keys: 26, Until: f.now().AddDate(0, 6, 0)}
		f.boxes = append(f.boxes, b)
		return b, nil
	case "close":
		i := slices.IndexFunc(f.boxes, func(b api.Inbox) bool { return b.ID == a.ID || b.Name == a.ID })
		if i < 0 {
			return api.Inbox{}, api.ErrNotFound
		}
		if f.boxes[i].Closed = true; !f.boxes[i].Mine {
			b := f.boxes[i]
			f.boxes = slices.Delete(f.boxes, i, i+1)
			return b, nil
		}
		return f.boxes[i], nil
	}
	return api.Inbox{}, api.ErrUsage
}

func (f *Fake) post(to, kind string, n int, forget int) (api.SentReport, error) {
	i := slices.IndexFunc(f.boxes, func(b api.Inbox) bool { return b.ID == to || b.Name == to || b.Card == to })
	if i < 0 {
		return api.SentReport{}, fmt.Errorf("%w: no such inbox", api.ErrNotFound)
	}
	s := api.SentReport{ID: f.nextID("sent"), To: f.boxes[i].Name, Kind: kind, At: f.now(), Bytes: n, Pieces: 1 + n/260_000, Forget: forget}
	f.posted = append([]api.SentReport{s}, f.posted...)
	f.bump()
	return s, nil
}

// WriteInbox implements api.Backend.
func (f *Fake) WriteInbox(_ context.Context, a api.InboxLetter) (api.SentReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.Text == "" {
		return api.SentReport{}, fmt.Errorf("%w: nothing to send", api.ErrUsage)
	}
	return f.post(a.To, "letter", len(a.Text), 0)
}

// Report implements api.Backend.
func (f *Fake) Report(_ context.Context, a api.ReportAsk) (api.SentReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.What == "" || a.Place == "" || a.Consent == "" || a.Basis == "" {
		return api.SentReport{}, fmt.Errorf("%w: say what happened, where, how it is known and who may have it", api.ErrUsage)
	}
	n := len(a.What)
	for _, x := range a.Files {
		n += len(x.Data)
	}
	s, err := f.post(a.To, "report", n, a.Forget)
	if err == nil {
		f.posted[0].CanClaim, s.CanClaim = a.Claim, a.Claim
		f.reports = append(f.reports, a)
	}
	return s, err
}

// SentReports implements api.Backend.
func (f *Fake) SentReports(context.Context) ([]api.SentReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.posted), nil
}

// ActSent implements api.Backend.
func (f *Fake) ActSent(_ context.Context, a api.SentAct) (api.SentReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.posted, func(s api.SentReport) bool { return s.ID == a.ID })
	if i < 0 {
		return api.SentReport{}, api.ErrNotFound
	}
	s := f.posted[i]
	if a.Do == "forget" {
		f.posted = slices.Delete(f.posted, i, i+1)
	} else {
		f.posted[i].Claimed = true
	}
	f.bump()
	return s, nil
}

// Received implements api.Backend.
func (f *Fake) Received(context.Context) ([]api.Received, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.received), nil
}

// ReceivedFile implements api.Backend.
func (f *Fake) ReceivedFile(_ context.Context, id string) (api.File, io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.received {
		if r.ID == id {
			return api.File{ID: id, Name: r.Kind + ".zip", Bytes: 5, Have: 5}, io.NopCloser(bytes.NewReader([]byte("bytes"))), nil
		}
	}
	return api.File{}, nil, api.ErrNotFound
}

// DeleteReceived implements api.Backend.
func (f *Fake) DeleteReceived(_ context.Context, id string) (api.Received, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.received, func(r api.Received) bool { return r.ID == id })
	if i < 0 {
		return api.Received{}, api.ErrNotFound
	}
	r := f.received[i]
	f.received = slices.Delete(f.received, i, i+1)
	f.bump()
	return r, nil
}
