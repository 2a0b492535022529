package pairing

import (
	"fmt"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// The tables of this room, each with its key and record.
const (
	tableCodes  account.Table = iota + 64 // card id -> code
	tableLooks                            // look id -> look
	tableNotes                            // contact id -> what each told the other
	tableIntros                           // contact id, intro id -> introduction
)

// code is one of the owner's codes.
type code struct {
	card   identity.CardID
	code   Code
	invite []byte    // card and key, until the drop is sealed
	made   seal.Tick // when
	wall   time.Time // the same, as a clock on the wall said
	ended  seal.Tick // when it ended; 0: it did not

	drop    []byte // the sealed drop, until its proof is sealed
	id      envelope.ID
	seed    [32]byte // of the drop's one-time key
	done    []byte   // the proof that takes it back, until the shelf has it
	stored  bool     // the shelf has the drop
	carried bool     // another device has it
	relay   bool     // a relay has it
}

func (c *code) record() []byte {
	r := account.NewRecord(1).Raw(c.code.n[:]).Blob(c.invite).Int(int64(c.made)).Time(c.wall).Int(int64(c.ended))
	r.Blob(c.drop).Raw(c.id[:]).Raw(c.seed[:]).Blob(c.done)
	return r.Flag(c.stored).Flag(c.carried).Flag(c.relay).Bytes()
}

func parseCodeRecord(key, b []byte) (*code, error) {
	f := account.ReadRecord(b)
	f.Version(1)
	c := &code{code: Code{[10]byte(f.Raw(10))}, invite: f.Blob(), made: seal.Tick(f.Int()), wall: f.Time(), ended: seal.Tick(f.Int())}
	c.drop, c.id, c.seed, c.done = f.Blob(), envelope.ID(f.Raw(16)), [32]byte(f.Raw(32)), f.Blob()
	c.stored, c.carried, c.relay = f.Flag(), f.Flag(), f.Flag()
	if err := f.Done(); err != nil || len(key) != 16 {
		return nil, fmt.Errorf("%w: a telephone code", account.ErrDamaged)
	}
	c.card = identity.CardID(key)
	return c, nil
}

// LookState says how far a look has come.
type LookState uint8

// States of a look.
const (
	Looking LookState = iota
	Found             // the person is a contact now, verified by voice
	TooLate           // three days are over
)

// look is a code that the owner typed.
type look struct {
	id      [16]byte
	code    Code
	place   place
	name    string // what to call the person
	since   seal.Tick
	wall    time.Time
	state   LookState
	at      time.Time // when the state was reached
	contact account.ContactID
	bad     []envelope.ID // false cards
	falses  int           // how many there were

	waiting []candidate // opened, to be judged
}

// candidate is an invitation out of a drop.
type candidate struct {
	id     envelope.ID
	invite identity.Invite
}

func (l *look) record() []byte {
	r := account.NewRecord(1).Raw(l.code.n[:]).Raw(l.place.key[:]).Uint(uint64(l.place.shard)).Text(l.name)
	r.Int(int64(l.since)).Time(l.wall).Uint(uint64(l.state)).Time(l.at).Raw(l.contact[:]).Uint(uint64(l.falses)).Uint(uint64(len(l.bad)))
	for _, id := range l.bad {
		r.Raw(id[:])
	}
	return r.Bytes()
}

func parseLook(key, b []byte) (*look, error) {
	f := account.ReadRecord(b)
	f.Version(1)
	l := &look{code: Code{[10]byte(f.Raw(10))}}
	l.place.key, l.place.shard, l.name = [32]byte(f.Raw(32)), uint8(f.Uint()), f.Text()
	l.since, l.wall, l.state, l.at = seal.Tick(f.Int()), f.Time(), LookState(f.Uint()), f.Time()
	l.contact, l.falses = account.ContactID(f.Raw(16)), int(f.Uint())
	for range f.Count(16) {
		l.bad = append(l.bad, envelope.ID(f.Raw(16)))
	}
	if err := f.Done(); err != nil || len(key) != 16 {
		return nil, fmt.Errorf("%w: a code that was typed", account.ErrDamaged)
	}
	l.id = [16]byte(key)
	return l, nil
}
