package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/bulletin/evidence/ask"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/desk"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/web/api"
)

// witnessPatience is how long all witnesses together may take: a person waits.
const witnessPatience = 40 * time.Second

// maxWitnesses is how many are asked at once.
const maxWitnesses = 8

// Witnesses implements api.Witnessing.
func (d *Daemon) Witnesses(context.Context) (api.Witnesses, error) {
	c := d.opts.Config
	w := api.Witnesses{Authorities: append([]string{}, c.TSA...), Calendars: append([]string{}, c.Calendars...), Way: "straight"}
	switch {
	case c.Tor:
		w.Way = "tor"
	case c.Proxy != "":
		w.Way = "proxy"
	}
	return w, nil
}

// rootOf finds a report that was sent from here or is at the desk.
func (d *Daemon) rootOf(name string) (root evidence.Root, err error) {
	whole, bad := evidence.ParseRoot(name)
	for _, s := range d.inboxes.SentAll() {
		if s.Root != root && (bad == nil && s.Root == whole || len(name) >= 6 && strings.HasPrefix(s.ID.String(), name)) {
			return s.Root, nil
		}
	}
	v, err := d.desk.View()
	if err != nil {
		return root, deskError(err)
	}
	full, err := deskName(v, name)
	if err != nil {
		return root, err
	}
	if v.Report(full) == nil {
		return root, fmt.Errorf("%w: %.64s is no report", api.ErrNotFound, name)
	}
	return evidence.ParseRoot(full)
}

// AskWitnesses implements api.Witnessing.
func (d *Daemon) AskWitnesses(ctx context.Context, a api.WitnessAsk) (out api.Witnessed, err error) {
	root, err := d.rootOf(a.Report)
	if err != nil {
		return out, err
	}
	out.Root = root.String()
	list, err := d.desk.Stamps(root)
	if err != nil {
		return out, deskError(err)
	}
	if !a.Look {
		had := slices.Clone(list)
		if list, err = d.askWitnesses(ctx, a, root, list, &out); err != nil {
			return out, err
		}
		if err = d.sendStamps(root, had, list, &out); err != nil {
			return out, err
		}
	}
	for _, f := range list {
		out.Stamps = append(out.Stamps, api.WitnessFile{Name: f.Name, Data: f.Data})
	}
	out.Findings = deskFindings(evidence.Witnessed(root, list))
	for _, f := range out.Findings {
		out.Waits = out.Waits || f.Code == "waiting"
	}
	return out, nil
}

// sendStamps brings what is new of an own report's stamps to the inbox that has
// the report: all of them the first time, and none while its card is not kept.
func (d *Daemon) sendStamps(root evidence.Root, had, now []evidence.File, out *api.Witnessed) error {
	fresh := slices.DeleteFunc(slices.Clone(now), func(f evidence.File) bool {
		return slices.ContainsFunc(had, func(x evidence.File) bool { return bytes.Equal(x.Data, f.Data) })
	})
	sent := d.inboxes.SentAll()
	i := slices.IndexFunc(sent, func(s inbox.Sent) bool { return s.Kind == inbox.Report && s.Root == root })
	if i < 0 || len(fresh) == 0 {
		return nil
	}
	if _, err := d.findInbox(sent[i].ToID.String()); err != nil {
		out.NoCard = sent[i].To
		return nil
	}
	if !slices.ContainsFunc(sent, func(s inbox.Sent) bool { return s.Kind == inbox.Stamps && s.Root == root }) {
		fresh = now
	}
	for list := range slices.Chunk(fresh, evidence.MaxLetterStamps) {
		b, err := evidence.WriteStamps(root, list)
		if err != nil {
			return err
		}
		if _, err := d.postTo(sent[i].ToID.String(), inbox.Post{Kind: inbox.Stamps, Content: b, Root: root}); err != nil {
			return err
		}
	}
	out.SentTo = sent[i].To
	return nil
}

// stampsOf are the stamps beside a report of the desk.
func (d *Daemon) stampsOf(root string) ([]evidence.File, error) {
	r, err := evidence.ParseRoot(root)
	if err != nil {
		return nil, err
	}
	return d.desk.Stamps(r)
}

func deskFindings(list []evidence.Finding) (out []api.DeskFinding) {
	for _, f := range list {
		out = append(out, api.DeskFinding{Class: string(f.Class), About: f.About, Code: f.Code, Args: f.Args, Words: f.Words})
	}
	return out
}

// askWitnesses keeps what came, also when the person stopped waiting, and says
// who did not answer.
func (d *Daemon) askWitnesses(ctx context.Context, a api.WitnessAsk, root evidence.Root, had []evidence.File, out *api.Witnessed) ([]evidence.File, error) {
	if len(a.Authorities)+len(a.Calendars) == 0 {
		a.Authorities, a.Calendars = d.opts.Config.TSA, d.opts.Config.Calendars
	}
	switch n := len(a.Authorities) + len(a.Calendars); {
	case n == 0:
		return had, cause.ErrNoWitness
	case n > maxWitnesses:
		return had, &cause.Witnesses{Most: maxWitnesses}
	case !a.Again && len(had)+len(a.Authorities)+min(len(a.Calendars), 1) > desk.MaxStamps:
		return had, cause.ErrStamps
	case d.opts.Config.Tor && d.opts.Config.Proxy == "":
		return had, cause.ErrTor
	}
	ctx, stop := context.WithTimeout(ctx, witnessPatience)
	defer stop()
	asker := ask.Asker{Proxy: d.opts.Config.Proxy}
	var missed ask.Misses
	if a.Again {
		out.Fresh, missed = asker.Upgrade(ctx, a.Calendars, root, had)
	} else {
		var fresh []evidence.File
		fresh, missed = asker.All(ctx, a.Authorities, a.Calendars, root)
		out.Fresh, had = len(fresh), append(had, fresh...)
	}
	for _, m := range missed {
		out.Failed = append(out.Failed, api.WitnessMiss{Who: m.Who, Why: m.Err.Error(), Cause: cause.Of(m.Err), Early: errors.Is(m.Err, ask.ErrEarly)})
	}
	if out.Fresh == 0 {
		return had, nil
	}
	d.people.Lock()
	defer d.people.Unlock()
	if err := d.desk.KeepStamps(root, had); err != nil {
		return had, deskError(err)
	}
	d.changes.bump()
	return d.desk.Stamps(root)
}

// forgetStamps erases the stamps of a report that was sent from here and is
// forgotten: they would tell that there was one. people is held.
func (d *Daemon) forgetStamps(root [32]byte) error {
	if root == ([32]byte{}) {
		return nil
	}
	for _, s := range d.inboxes.SentAll() {
		if s.Kind == inbox.Stamps && s.Root == root {
			if err := d.inboxes.Forget(s.ID); err != nil {
				return err
			}
		}
	}
	v, err := d.desk.View()
	if err != nil || v.Report(evidence.Root(root).String()) != nil {
		return err
	}
	return d.desk.KeepStamps(root, nil)
}
