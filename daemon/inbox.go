package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/desk"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/web/api"
)

// trialsAtOnce is how many units are tried for public inboxes before others
// have their turn: 10 ms of work, once a second or when something arrives.
const trialsAtOnce = 64

// shelfEvery is after how many minutes the whole shelf is tried anew.
const shelfEvery = 60

// inboxError turns errors of the room into those of the door.
func inboxError(err error) error {
	switch {
	case errors.Is(err, inbox.ErrUnknown):
		return fmt.Errorf("%w: %w", api.ErrNotFound, err)
	case errors.Is(err, inbox.ErrCard), errors.Is(err, inbox.ErrContent), errors.Is(err, inbox.ErrFull), errors.Is(err, inbox.ErrWhole):
		return fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	return doorError(err)
}

func (d *Daemon) openInboxes() (err error) {
	d.desk = desk.New(d.vault)
	if d.inboxes, err = inbox.Open(d.vault, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))); err == nil {
		d.joinSlips()
	}
	return err
}

// takeMail tries units of the shelf, in the order in which they came, for the
// own public inboxes. It says whether it stopped before the end. people is
// held.
func (d *Daemon) takeMail(most int) (more bool) {
	m, _ := d.clock.moment()
	for most > 0 {
		d.courier.Lock()
		list := d.shelf.Since(d.mailSeq, 1024)
		var hits [][]byte
		for _, e := range list {
			if len(hits) == most {
				break
			}
			d.mailSeq = e.Seq
			if !d.inboxes.Wants(e.Class, e.Shard, e.Tag) {
				continue
			}
			if raw, err := d.shelf.Get(e.ID); err == nil {
				hits = append(hits, raw)
			}
		}
		d.courier.Unlock()
		if len(list) == 0 {
			return false
		}
		most -= len(hits)
		for _, raw := range hits {
			if err := d.takeUnit(m, raw); err != nil {
				d.setTrouble("inbox", "letters to a public inbox wait: "+err.Error())
				d.mailSeq = 0 // nothing is lost: they are tried again
				return false
			}
		}
	}
	return true
}

func (d *Daemon) takeUnit(m account.Moment, raw []byte) error {
	t, err := d.inboxes.Take(m, raw)
	came := t.Whole != (inbox.ID{})
	for _, tag := range t.Tags { // pieces that came before their head
		d.courier.Lock()
		e, ok := d.shelf.ByTag(tag)
		var piece []byte
		if ok {
			piece, _ = d.shelf.Get(e.ID)
		}
		d.courier.Unlock()
		if piece != nil && err == nil {
			var p inbox.Taken
			p, err = d.inboxes.Take(m, piece)
			came = came || p.Whole != (inbox.ID{})
		}
	}
	if came && err == nil {
		err = errors.Join(d.fileReports(), d.fileSlips(d.inboxes.Messages()))
	}
	if t.Used {
		d.changes.bump()
	}
	return err
}

// allMail tries everything that is here: for a visit with a stick.
func (d *Daemon) allMail() {
	for d.takeMail(trialsAtOnce) {
	}
}

// postMail puts own letters to inboxes, and proofs of those that came, on the
// shelf. people is held.
func (d *Daemon) postMail() error {
	list, err := d.inboxes.Outbox()
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := min(len(list), foundAtOnce)
		d.step(d.paid(submits(list[:n]))...)
		if err := d.inboxes.Submitted(d.shelved(list[:n])...); err != nil {
			return err
		}
		list = list[n:]
	}
	m, known := d.clock.moment()
	if !known {
		return nil
	}
	proofs, err := d.inboxes.Proofs(m, d.opts.Prompt)
	if err != nil || len(proofs) == 0 {
		return err
	}
	evs := make([]node.Event, len(proofs))
	for i, p := range proofs {
		evs[i] = node.Blend{Raw: p} // not as our own: nobody is to see which inbox is here
	}
	d.step(evs...)
	return d.inboxes.Proved(proofs...)
}

func (d *Daemon) shelved(list [][]byte) (ids []envelope.ID) {
	d.courier.Lock()
	defer d.courier.Unlock()
	for _, raw := range list {
		if id := envelope.IDOf(raw); d.shelf.Has(id) || d.shelf.Done(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// noteMail learns from relays' confirmations and desks' proofs how far own
// letters to inboxes have come. people is held.
func (d *Daemon) noteMail(list []arrival, handed []node.Handed) {
	fresh := false
	for _, a := range list {
		if e, err := envelope.Parse(a.raw); err == nil && e.Class() == envelope.Done {
			ok, err := d.inboxes.Proven(a.raw)
			fresh = fresh || ok || err != nil
		}
	}
	for _, h := range handed {
		if h.Peer.Relay && h.Peer.Key != "" {
			ok, err := d.inboxes.Handed(h.ID, h.Peer.Key)
			fresh = fresh || ok || err != nil
		}
	}
	if fresh {
		d.forgetRipe()
	}
}

// tendInboxes erases keys whose time is over, once a minute.
func (d *Daemon) tendInboxes(minute int) {
	d.people.Lock()
	defer d.people.Unlock()
	if minute%shelfEvery == 0 {
		d.mailSeq = 0
	}
	d.forgetRipe()
	if err := errors.Join(d.fileReports(), d.fileSlips(d.inboxes.Messages())); err != nil {
		d.setTrouble("inbox", "reports and slips wait for the desk: "+err.Error())
	}
	if m, known := d.clock.moment(); known && d.clock.doubt() == "" {
		if _, err := d.inboxes.Tend(m); err != nil {
			d.setTrouble("inbox", err.Error())
		}
	}
}

func inboxOf(i inbox.Info) api.Inbox {
	return api.Inbox{ID: i.ID.String(), Name: i.Name, Card: i.Card.Link(), QR: i.Card.QRText(), Mine: i.Mine, Closed: i.Closed, Until: i.Until, Keys: i.Keys, Late: i.Late}
}

// Inboxes implements api.Inboxes.
func (d *Daemon) Inboxes(context.Context) ([]api.Inbox, error) {
	out := []api.Inbox{}
	for _, i := range d.inboxes.List() {
		x := inboxOf(i)
		if err := d.slipsOf(i, &x); err != nil {
			return nil, inboxError(err)
		}
		out = append(out, x)
	}
	return out, nil
}

func (d *Daemon) findInbox(name string) (inbox.Info, error) {
	var hits []inbox.Info
	for _, i := range d.inboxes.List() {
		if i.ID.String() == name {
			return i, nil
		}
		if strings.EqualFold(i.Name, name) || len(name) >= 4 && strings.HasPrefix(i.ID.String(), name) {
			hits = append(hits, i)
		}
	}
	if len(hits) != 1 {
		return inbox.Info{}, fmt.Errorf("%w: %d inboxes are called %q; `jauap inbox` lists them", api.ErrNotFound, len(hits), name)
	}
	return hits[0], nil
}

// cardTo is the card of an inbox that is given by its card or kept by name.
func (d *Daemon) cardTo(to string) (*inbox.Card, error) {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(to)), "jauap-inbox:") {
		c, err := inbox.ParseCard(to)
		return c, inboxError(err)
	}
	i, err := d.findInbox(to)
	return i.Card, err
}

// Inbox implements api.Inboxes.
func (d *Daemon) Inbox(_ context.Context, a api.InboxAsk) (out api.Inbox, err error) {
	d.people.Lock()
	defer d.people.Unlock()
	var c *inbox.Card
	switch a.Do {
	case "open":
		m, known := d.clock.moment()
		if !known {
			return out, fmt.Errorf("%w: %s", api.ErrClock, d.clock.doubt())
		}
		c, err = d.inboxes.Create(m, a.Name)
	case "save":
		if c, err = inbox.ParseCard(a.Card); err == nil {
			err = d.inboxes.Save(c)
		}
	case "close":
		i, err := d.findInbox(a.ID)
		if err == nil {
			err = inboxError(d.inboxes.Close(i.ID))
		}
		d.changes.bump()
		return inboxOf(i), err
	default:
		return out, fmt.Errorf("%w: an inbox is opened, saved or closed", api.ErrUsage)
	}
	if err != nil {
		return out, inboxError(err)
	}
	d.mailSeq = 0 // what was here before
	d.changed()
	i, err := d.findInbox(c.ID().String())
	return inboxOf(i), err
}

// WriteInbox implements api.Inboxes.
func (d *Daemon) WriteInbox(_ context.Context, a api.InboxLetter) (api.SentReport, error) {
	return d.postTo(a.To, inbox.Post{Kind: inbox.Letter, Content: []byte(strings.TrimSpace(a.Text))})
}

func (d *Daemon) postTo(to string, p inbox.Post) (out api.SentReport, err error) {
	c, err := d.cardTo(to)
	if err != nil {
		return out, err
	}
	d.people.Lock()
	defer d.people.Unlock()
	m, known := d.clock.moment()
	if !known {
		return out, fmt.Errorf("%w: %s", api.ErrClock, d.clock.doubt())
	}
	s, err := d.inboxes.Send(m, c, p)
	if err != nil {
		return out, inboxError(err)
	}
	d.changed()
	return sentReport(s), nil
}

func kindName(k inbox.Kind) string {
	switch k {
	case inbox.Report:
		return "report"
	case inbox.Claim:
		return "claim"
	case inbox.Slip:
		return "slip"
	case inbox.Stamps:
		return "stamps"
	}
	return "letter"
}

func sentReport(s inbox.Sent) api.SentReport {
	out := api.SentReport{ID: s.ID.String(), To: s.To, Kind: kindName(s.Kind), At: s.At.UTC(), Bytes: s.Bytes, Pieces: s.Pieces, Relays: s.Relays, Arrived: s.Arrived,
		Forget: s.Forget, CanClaim: len(s.Ticket) > 0, Claimed: s.Claimed}
	if s.Root != ([32]byte{}) {
		out.Root = hex.EncodeToString(s.Root[:])
	}
	for _, f := range s.Files {
		if _, path, ok := strings.Cut(f, " "); ok {
			out.Erase = append(out.Erase, path)
		}
	}
	return out
}

// SentReports implements api.Inboxes.
func (d *Daemon) SentReports(context.Context) ([]api.SentReport, error) {
	out := []api.SentReport{}
	for _, s := range d.inboxes.SentAll() {
		out = append(out, sentReport(s))
	}
	return out, nil
}

// Received implements api.Inboxes.
func (d *Daemon) Received(context.Context) ([]api.Received, error) {
	names := map[inbox.ID]string{}
	for _, i := range d.inboxes.List() {
		names[i.ID] = i.Name
	}
	out := []api.Received{}
	for _, m := range d.inboxes.Messages() {
		r := api.Received{ID: m.ID.String(), Inbox: names[m.Box], Kind: kindName(m.Kind), Came: m.Came.UTC(), Bytes: m.Bytes, Here: m.Here, All: m.All}
		if m.Whole && m.Kind == inbox.Letter {
			c, _, err := d.inboxes.Content(m.ID)
			if err != nil {
				return nil, inboxError(err)
			}
			b := make([]byte, c.Size())
			if _, err := io.ReadFull(io.NewSectionReader(c, 0, c.Size()), b); err != nil {
				return nil, inboxError(err)
			}
			r.Text = string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
		}
		out = append(out, r)
	}
	return out, nil
}

// message finds one by its id or the beginning.
func (d *Daemon) message(id string) (inbox.Message, error) {
	var hits []inbox.Message
	for _, m := range d.inboxes.Messages() {
		if m.ID.String() == id || len(id) >= 4 && strings.HasPrefix(m.ID.String(), id) {
			hits = append(hits, m)
		}
	}
	if len(hits) != 1 {
		return inbox.Message{}, fmt.Errorf("%w: nothing with the id %.40q came", api.ErrNotFound, id)
	}
	return hits[0], nil
}

// ReceivedFile implements api.Inboxes.
func (d *Daemon) ReceivedFile(_ context.Context, id string) (api.File, io.ReadCloser, error) {
	m, err := d.message(id)
	if err != nil {
		return api.File{}, nil, err
	}
	c, _, err := d.inboxes.Content(m.ID)
	if err != nil {
		return api.File{}, nil, inboxError(err)
	}
	name := map[inbox.Kind]string{inbox.Letter: ".txt", inbox.Report: ".jauap-evidence.zip", inbox.Claim: ".json", inbox.Slip: ".slip"}[m.Kind]
	f := api.File{ID: m.ID.String(), Name: m.ID.String()[:12] + name, Bytes: c.Size(), Have: c.Size()}
	return f, io.NopCloser(io.NewSectionReader(c, 0, c.Size())), nil
}

// DeleteReceived implements api.Inboxes.
func (d *Daemon) DeleteReceived(_ context.Context, id string) (out api.Received, err error) {
	m, err := d.message(id)
	if err != nil {
		return out, err
	}
	d.people.Lock()
	defer d.people.Unlock()
	if err := d.inboxes.Delete(m.ID); err != nil {
		return out, inboxError(err)
	}
	if err := d.desk.Forget(m.ID.String()); err != nil {
		return out, deskError(err)
	}
	d.changes.bump()
	if err := d.scrub(); err != nil {
		return out, doorError(err)
	}
	return api.Received{ID: m.ID.String(), Kind: kindName(m.Kind), Came: m.Came.UTC(), Bytes: m.Bytes, Here: m.Here, All: m.All}, nil
}
