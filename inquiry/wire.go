package inquiry

import (
	"fmt"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Kinds of parts. spec/inquiry.md, 1.
const (
	kindSlip  = 0x6c | account.Critical
	kindEvent = 0x6d | account.Critical
)

const wireVersion = 1

// farthest bounds claimed times: the end of the year 9999.
const farthest = 253402300799999

func when(ms int64) time.Time { return time.UnixMilli(min(max(ms, 0), farthest)).UTC() }

func slipPart(s *Slip, team bool) seal.Part {
	r := account.NewRecord(wireVersion).Raw(s.ID[:]).Int(s.Made.UnixMilli()).Uint(uint64(s.Days)).Flag(team)
	for _, t := range s.texts() {
		r.Text(*t)
	}
	return seal.Part{Kind: kindSlip, Body: r.Bytes()}
}

func parseSlip(b []byte) (s Slip, team, ok bool) {
	f := account.ReadRecord(b)
	f.Version(wireVersion)
	s.ID, s.Made, s.Days = ID(f.Raw(16)), when(f.Int()), int(min(f.Uint(), MaxDays+1))
	team = f.Flag()
	for _, t := range s.texts() {
		*t = f.Text()
	}
	return s, team, f.Done() == nil && s.check() == nil
}

func eventPart(slip ID, e *Event) seal.Part {
	r := account.NewRecord(wireVersion).Raw(slip[:]).Raw(e.ID[:]).Uint(uint64(e.Kind)).Uint(uint64(e.Outcome)).Int(e.At.UnixMilli()).Raw(e.By[:])
	return seal.Part{Kind: kindEvent, Body: r.Text(e.Who).Text(e.Text).Bytes()}
}

func parseEvent(b []byte) (slip ID, e Event, ok bool) {
	f := account.ReadRecord(b)
	f.Version(wireVersion)
	slip, e.ID = ID(f.Raw(16)), ID(f.Raw(16))
	kind, outcome := f.Uint(), f.Uint()
	e.At, e.By, e.Who, e.Text = when(f.Int()), [8]byte(f.Raw(8)), f.Text(), f.Text()
	if f.Done() != nil || kind > 255 || outcome > 255 {
		return slip, e, false
	}
	e.Kind, e.Outcome = Kind(kind), Outcome(outcome)
	return slip, e, e.ok()
}

// kept is a slip as the vault has it.
type kept struct {
	Slip
	mine     bool
	via      account.ContactID   // who gave it; zero when mine
	door     bool                // it came from an asker: events go back there
	sent     []account.ContactID // whom mine was sent to
	received time.Time
	erased   bool
	over     bool // counted as closed
	wasBoxed bool // it came to a public inbox: via is that
	backs    []back
}

func (k *kept) record() []byte {
	r := account.NewRecord(2).Raw(k.ID[:]).Time(k.Made).Uint(uint64(k.Days))
	for _, t := range k.texts() {
		r.Text(*t)
	}
	r.Flag(k.mine).Raw(k.via[:]).Flag(k.door).Time(k.received).Flag(k.erased).Flag(k.over).Uint(uint64(len(k.sent)))
	for _, c := range k.sent {
		r.Raw(c[:])
	}
	r.Flag(k.wasBoxed).Uint(uint64(len(k.backs)))
	for i := range k.backs {
		k.backs[i].write(r)
	}
	return r.Bytes()
}

func parseKept(b []byte) (*kept, error) {
	f := account.ReadRecord(b)
	version := f.Version(2)
	k := &kept{}
	k.ID, k.Made, k.Days = ID(f.Raw(16)), f.Time(), int(f.Uint())
	for _, t := range k.texts() {
		*t = f.Text()
	}
	k.mine, k.via, k.door, k.received = f.Flag(), account.ContactID(f.Raw(16)), f.Flag(), f.Time()
	k.erased, k.over = f.Flag(), f.Flag()
	for range f.Count(16) {
		k.sent = append(k.sent, account.ContactID(f.Raw(16)))
	}
	if version >= 2 { // before, no slip came to an inbox
		k.wasBoxed = f.Flag()
		for range f.Count(backSize) {
			k.backs = append(k.backs, readBack(f))
		}
	}
	if f.Done() != nil {
		return nil, fmt.Errorf("%w: a slip", account.ErrDamaged)
	}
	return k, nil
}

func eventRecord(e *Event) []byte {
	return account.NewRecord(1).Raw(e.ID[:]).Uint(uint64(e.Kind)).Uint(uint64(e.Outcome)).Time(e.At).Raw(e.By[:]).Text(e.Who).Text(e.Text).
		Raw(e.Via[:]).Flag(e.Mine).Bytes()
}

func parseEventRecord(b []byte) (e Event, err error) {
	f := account.ReadRecord(b)
	f.Version(1)
	e.ID, e.Kind, e.Outcome = ID(f.Raw(16)), Kind(f.Uint()), Outcome(f.Uint())
	e.At, e.By, e.Who, e.Text = f.Time(), [8]byte(f.Raw(8)), f.Text(), f.Text()
	e.Via, e.Mine = account.ContactID(f.Raw(16)), f.Flag()
	if f.Done() != nil {
		return e, fmt.Errorf("%w: an event of a slip", account.ErrDamaged)
	}
	return e, nil
}
