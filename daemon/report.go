package daemon

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/jauap/jauap/bulletin"
	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/web/api"
)

// anchorNotices is how many of the newest public notices a report names, to
// show that it is not older.
const anchorNotices = 3

// reportOf makes the room's report of the door's.
func (d *Daemon) reportOf(f api.ReportForm) evidence.Report {
	r := evidence.Report{
		What: strings.TrimSpace(f.What), From: f.From, To: f.Till, Place: evidence.Place{Name: strings.TrimSpace(f.Place), Lat: f.Lat, Lon: f.Lon, PrecisionM: f.Near},
		Basis: f.Basis, Actors: f.Actors, Source: f.Source, Consent: f.Consent,
		Made: d.opts.Now().Format(time.RFC3339), Clock: d.clock.doubt(), Tool: "jauap",
	}
	for _, n := range f.Numbers {
		r.Numbers = append(r.Numbers, evidence.Numbers{What: n.What, Min: n.Min, Max: n.Max})
	}
	return r
}

// Report implements api.Inboxes.
func (d *Daemon) Report(_ context.Context, a api.ReportAsk) (out api.SentReport, err error) {
	card, err := d.cardTo(a.To)
	if err != nil {
		return out, err
	}
	r := d.reportOf(a.ReportForm)
	if err := r.Check(); err != nil {
		return out, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	if len(a.Erase) > 0 && (len(a.Erase) != len(a.Files) || a.Forget < 1) {
		return out, fmt.Errorf("%w: files are erased after a number of receipts, each that was sent", api.ErrUsage)
	}
	p := inbox.Post{Kind: inbox.Report, Forget: a.Forget}
	for i, path := range a.Erase {
		if !filepath.IsAbs(path) {
			return out, fmt.Errorf("%w: a file to erase is named by its whole path", api.ErrUsage)
		}
		sum := sha256.Sum256(a.Files[i].Data)
		p.Files = append(p.Files, hex.EncodeToString(sum[:])+" "+path)
	}
	var by evidence.Author
	if a.Claim {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		rand.Read(by.Salt[:])
		by.Key = ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		p.Ticket = append(seed, by.Salt[:]...)
		if err := d.inboxes.Save(card); err != nil { // a claim must find the way
			return out, inboxError(err)
		}
	}
	var after []evidence.Anchor
	if !a.Bare {
		if after, err = d.anchors(); err != nil {
			return out, err
		}
	}
	var b bytes.Buffer
	w, err := evidence.Write(&b, r, untouched(a.Files), after, by)
	if err != nil {
		return out, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	p.Content, p.Root = b.Bytes(), w.Root
	return d.postTo(a.To, p)
}

// untouched are uploads as originals of a package: numbered, for a name may
// tell who took a photo.
func untouched(files []api.SendFile) (list []evidence.Original) {
	for i, f := range files {
		ext := strings.ToLower(filepath.Ext(f.Name))
		kind := cmp.Or(mime.TypeByExtension(ext), http.DetectContentType(f.Data))
		if len(ext) < 2 || len(ext) > 8 || strings.Trim(ext[1:], "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			ext = ".bin"
		}
		list = append(list, evidence.Original{Name: fmt.Sprintf("original-%d%s", i+1, ext), Type: kind,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.Data)), nil }})
	}
	return list
}

// anchors are the newest notices of the boards that are followed, by hash.
func (d *Daemon) anchors() (list []evidence.Anchor, err error) {
	boards, err := d.boards.List()
	if err != nil {
		return nil, boardError(err)
	}
	type seen struct {
		at time.Time
		evidence.Anchor
	}
	var all []seen
	for _, b := range boards {
		notices, err := d.boards.Notices(b.ID, time.Time{})
		if err != nil {
			return nil, boardError(err)
		}
		for _, n := range notices {
			all = append(all, seen{n.At, anchor(b, n)})
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[j].at.Before(all[i].at) })
	for _, s := range all[:min(len(all), anchorNotices)] {
		list = append(list, s.Anchor)
	}
	return list, nil
}

func anchor(b bulletin.Info, n bulletin.Shown) evidence.Anchor {
	h := n.Hash()
	return evidence.Anchor{Kind: "bulletin", SHA256: hex.EncodeToString(h[:]), Note: fmt.Sprintf("board %s, notice %d of %s", b.ID, n.Seq, n.At.UTC().Format(time.RFC3339))}
}

// forgetRipe erases what was to leave this device after so many receipts.
// people is held.
func (d *Daemon) forgetRipe() {
	for _, s := range d.inboxes.Ripe() {
		var failed error
		for _, f := range s.Files {
			sum, path, _ := strings.Cut(f, " ")
			failed = errors.Join(failed, eraseOriginal(path, sum))
		}
		if failed != nil {
			d.setTrouble("report", "an original could not be erased: "+failed.Error())
			continue
		}
		d.setTrouble("report", "")
		if err := errors.Join(d.forgetStamps(s.Root), d.inboxes.Forget(s.ID), d.scrub()); err != nil {
			d.setTrouble("inbox", err.Error())
		}
		d.changes.bump()
	}
}

// eraseOriginal removes a file if it still is what was sent. One that is gone
// or has become another is left as it is.
func eraseOriginal(path, sum string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err = errors.Join(err, f.Close()); err != nil || hex.EncodeToString(h.Sum(nil)) != sum {
		return err
	}
	return os.Remove(path)
}

// ActSent implements api.Inboxes.
func (d *Daemon) ActSent(_ context.Context, a api.SentAct) (out api.SentReport, err error) {
	var hits []inbox.Sent
	for _, s := range d.inboxes.SentAll() {
		if s.ID.String() == a.ID || len(a.ID) >= 4 && strings.HasPrefix(s.ID.String(), a.ID) {
			hits = append(hits, s)
		}
	}
	if len(hits) != 1 {
		return out, fmt.Errorf("%w: nothing with the id %.40q was sent", api.ErrNotFound, a.ID)
	}
	s := hits[0]
	switch a.Do {
	case "forget":
		d.people.Lock()
		defer d.people.Unlock()
		err = errors.Join(d.forgetStamps(s.Root), d.inboxes.Forget(s.ID), d.scrub())
		d.changes.bump()
		return sentReport(s), inboxError(err)
	case "claim":
		return d.claimReport(s)
	}
	return out, fmt.Errorf("%w: a report that was sent is claimed or forgotten", api.ErrUsage)
}

// claimReport tells the inbox who made a report: the holder of a key that was
// made for it.
func (d *Daemon) claimReport(s inbox.Sent) (out api.SentReport, err error) {
	if len(s.Ticket) != ed25519.SeedSize+32 {
		return out, cause.ErrNoSecret
	}
	claim := evidence.Claiming(evidence.Root(s.Root), ed25519.NewKeyFromSeed(s.Ticket[:ed25519.SeedSize]), [32]byte(s.Ticket[ed25519.SeedSize:]))
	b, err := claim.Line()
	if err != nil {
		return out, err
	}
	if out, err = d.postTo(s.ToID.String(), inbox.Post{Kind: inbox.Claim, Content: b, Root: s.Root}); err != nil {
		return out, err
	}
	d.people.Lock()
	defer d.people.Unlock()
	return out, inboxError(d.inboxes.MarkClaimed(s.ID))
}
