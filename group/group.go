package group

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/roster"
	"github.com/jauap/jauap/seal"
	keys "github.com/jauap/jauap/seal/group"
)

// Errors of this room, usable with errors.Is.
var (
	ErrUnknown   = errors.New("group: there is no such group")
	ErrNotMember = errors.New("group: you are not a member of it (any more, or yet)")
	ErrNotAdmin  = errors.New("group: only an admin of the group can do that")
	ErrNobody    = errors.New("group: there is nobody of that name in it")
	ErrAlready   = errors.New("group: they are in it, or are asked already")
	ErrFull      = errors.New("group: it has 50 members; who writes to more should use a bulletin")
	ErrName      = errors.New("group: a group needs a name of at most 64 bytes")
	ErrStays     = errors.New("group: leave it first")
	ErrNoInvite  = errors.New("group: nobody asked you into it")
)

// MaxMembers is how many a group is meant for.
const MaxMembers = 50

// ID names a group; as an account.ContactID it names its conversation.
type ID = account.ContactID

// The tables of this room, each with its key and record.
const (
	tableGroups  account.Table = 56 + iota // group -> state
	tableEntries                           // group, sequence 8 -> entry of the roster
	tableMembers                           // group, pseudonym 32 -> what is known of them
	tableEars                              // group, pseudonym 32, generation 4 -> chain
	tableTags                              // the same -> first index 4, tags 16 each
	tableAuthors                           // author id -> group, pseudonym 32
	tableClocks                            // author id, letter id -> clock 8, until it is shown
	tableOther                             // what and its key -> see record.go
)

// Kinds of parts. spec/group.md, 7.
const (
	kindInvite = 0x60 | account.Critical
	kindMe     = 0x61
	kindLog    = 0x62
	kindWho    = 0x63
	kindChain  = 0x64
	kindLetter = 0x65 | account.Critical
)

// Config is the policy of the groups.
type Config struct {
	Rand *rand.Rand // delays, never keys; shared with nobody

	// How long what others wrote into the roster may wait for a letter to ride
	// with. Both zero: at once.
	TellMin, TellMax time.Duration
}

// DefaultConfig passes on the roster within two hours.
func DefaultConfig(rng *rand.Rand) Config {
	return Config{Rand: rng, TellMin: 10 * time.Minute, TellMax: 2 * time.Hour}
}

// Groups are all groups of an account. Its methods may be called by several
// goroutines.
type Groups struct {
	a      *account.Account
	chat   *chat.Chat
	config Config
	others func(account.Tx, account.Moment, Writer, seal.Part) error // nil: nobody wants them
	logs   map[ID]*roster.Log                                        // under the account's lock; follows the vault
}

// New takes in the groups of an account's vault.
func New(a *account.Account, c *chat.Chat, config Config) (*Groups, error) {
	g := &Groups{a: a, chat: c, config: config, logs: map[ID]*roster.Log{}}
	a.Also(g, account.Claim{Kinds: []uint8{kindInvite, kindMe, kindLog, kindWho, kindChain, kindLetter}})
	c.Join(g)
	return g, a.Host(g)
}

// Undone implements account.Guest.
func (g *Groups) Undone() { clear(g.logs) }

// Status of the owner in a group.
type Status string

const (
	Asking  Status = "asking" // joined, and not taken in by an admin yet
	Member  Status = "member"
	Left    Status = "left"
	Removed Status = "removed"
)

// Over reports whether the owner is in the group no longer.
func (s Status) Over() bool { return s == Left || s == Removed }

// group is one group as it is kept.
type group struct {
	id      ID
	name    string
	status  Status
	secret  keys.Secret
	inviter account.ContactID // zero when the owner founded it
	pen     *keys.Pen         // nil before the first letter
	given   map[[8]byte]bool  // who was given the pen's generation
}

func (x *group) key() roster.Key { return roster.Key(x.secret.Key()) }

func (x *group) record() []byte {
	seed := x.secret.Seed()
	r := account.NewRecord(1).Text(x.name).Text(string(x.status)).Raw(seed[:]).Raw(x.inviter[:])
	var pen []byte
	if x.pen != nil {
		pen = x.pen.Marshal()
	}
	r.Blob(pen).Uint(uint64(len(x.given)))
	for m := range x.given {
		r.Raw(m[:])
	}
	return r.Bytes()
}

func getGroup(tx account.Tx, id ID) (*group, error) {
	b, err := tx.Get(tableGroups, id[:])
	if err != nil || b == nil {
		return nil, err
	}
	return parseGroup(id, b)
}

// knownGroup is getGroup where one that is not there is ErrUnknown.
func knownGroup(tx account.Tx, id ID) (*group, error) {
	x, err := getGroup(tx, id)
	if err == nil && x == nil {
		err = ErrUnknown
	}
	return x, err
}

func parseGroup(id ID, b []byte) (*group, error) {
	f := account.ReadRecord(b)
	f.Version(1)
	x := &group{id: id, name: f.Text(), status: Status(f.Text()), secret: keys.SecretOf([32]byte(f.Raw(32)))}
	x.inviter, x.given = account.ContactID(f.Raw(16)), map[[8]byte]bool{}
	pen := f.Blob()
	for range f.Count(8) {
		x.given[[8]byte(f.Raw(8))] = true
	}
	if err := f.Done(); err != nil {
		return nil, err
	}
	if len(pen) > 0 {
		var err error
		if x.pen, err = keys.ParsePen(pen); err != nil {
			return nil, fmt.Errorf("%w: a group: %w", account.ErrDamaged, err)
		}
	}
	return x, nil
}

func (x *group) put(tx account.Tx) error { return tx.Put(tableGroups, x.id[:], x.record()) }

// log is the group's roster, as the vault has it.
func (g *Groups) log(tx account.Tx, id ID) (*roster.Log, error) {
	if l := g.logs[id]; l != nil {
		return l, nil
	}
	l := &roster.Log{}
	err := tx.Scan(tableEntries, id[:], account.After(id[:]), false, func(_, v []byte) (bool, error) {
		_, err := l.Take(v)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: a roster: %w", account.ErrDamaged, err)
	}
	g.logs[id] = l
	return l, nil
}

// own is a group in which the owner is an active member.
func (g *Groups) own(tx account.Tx, id ID) (*group, *roster.Log, error) {
	x, err := knownGroup(tx, id)
	if err != nil {
		return nil, nil, err
	}
	if x.status != Member {
		return nil, nil, ErrNotMember
	}
	l, err := g.log(tx, id)
	return x, l, err
}

// authorID names a member as an author of letters, on every device alike.
func authorID(id ID, k roster.Key) account.ContactID {
	h := sha256.Sum256(append(append([]byte("jauap/1 group author"), id[:]...), k[:]...))
	return account.ContactID(h[:16])
}

func short(k roster.Key) string { s := k.Short(); return hex.EncodeToString(s[:4]) }

// delay is when something that can wait is due, in the caller's ticks.
func (g *Groups) delay(at account.Moment) seal.Tick {
	d := g.config.TellMin
	if more := g.config.TellMax - d; more > 0 {
		d += time.Duration(g.config.Rand.Int64N(int64(more) + 1))
	}
	return max(at.Tick+seal.Tick(d/time.Second), 1)
}
