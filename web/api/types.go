package api

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors that a Backend returns, also across the door. The text beside them
// says what to do.
var (
	ErrUnknownPerson = errors.New("nobody of that name")
	ErrBadInvite     = errors.New("this is not a Jauap invitation")
	ErrNotFound      = errors.New("not found")
	ErrTooLarge      = errors.New("too large")
	ErrFull          = errors.New("the disk is full")
	ErrClock         = errors.New("this device's clock is not believable")
	ErrUsage         = errors.New("wrong request")
)

// State of a letter on its way out, each a fact with a time.
type State string

const (
	Saved     State = "saved"     // on this device, safely
	Carried   State = "carried"   // on at least one other device
	Left      State = "left"      // a relay abroad confirmed it
	Delivered State = "delivered" // the other person's device confirmed it
	Read      State = "read"      // the other person opened it
	Expired   State = "expired"   // its lifetime ended without a confirmation
)

// Me is this device's pseudonym.
type Me struct {
	Name  string   `json:"name"`
	ID    string   `json:"id"`    // stable, hexadecimal
	Words []string `json:"words"` // 8 words to read aloud
	// WordsIn are the same in each language that has a list.
	WordsIn map[string][]string `json:"words_in,omitempty"`
	Digits  string              `json:"digits"` // 24 digits in groups of four
	// Erasable: Wipe ends this node and its profile.
	Erasable bool `json:"erasable,omitempty"`
}

// Person is somebody this device can write to.
type Person struct {
	Name     string `json:"name"`
	ID       string `json:"id"`
	Verified string `json:"verified"` // "in person", "by voice", "introduced by C", "" when not
	// Three separate facts, each null when not known.
	WroteAt         *time.Time `json:"wrote_at"`
	SeenAt          *time.Time `json:"seen_at"`
	PlaceAnsweredAt *time.Time `json:"place_answered_at"`

	VerifiedAt *time.Time `json:"verified_at,omitempty"`
	KeyChanged bool       `json:"key_changed,omitempty"` // not trusted until words match again
	Unread     int        `json:"unread"`
	Waiting    int        `json:"waiting"` // letters that have not left this device
	Words      []string   `json:"words,omitempty"`
	Digits     string     `json:"digits,omitempty"`
	LastText   string     `json:"last_text,omitempty"`
	LastMine   bool       `json:"last_mine,omitempty"` // LastText is my own
	LastAt     *time.Time `json:"last_at,omitempty"`
	HeardAt    *time.Time `json:"heard_at,omitempty"`   // when their device was last met, or anything of it opened here
	Forked     bool       `json:"forked,omitempty"`     // an old copy of a device is in use: compare words again
	Stuck      string     `json:"stuck,omitempty"`      // why letters to them cannot leave
	StuckCode  string     `json:"stuck_code,omitempty"` // of it: invitation, first or answer

	Word     *Word    `json:"word,omitempty"`     // their newest about themselves
	Searches []Word   `json:"searches,omitempty"` // whom they look for, the newest about each
	SeenBy   string   `json:"seen_by,omitempty"`  // who wrote that they were there
	Place    string   `json:"place,omitempty"`    // where they last said that they are
	Promise  *Promise `json:"promise,omitempty"`  // absent when there is none, or it ended a day ago
	// How they say that they have checked me, as Verified without a name; ""
	// when they said nothing. Verified without it, or it without Verified, is
	// half of it.
	Theirs   string              `json:"theirs,omitempty"`
	WordsIn  map[string][]string `json:"words_in,omitempty"` // Words in each language
	TheirsAt *time.Time          `json:"theirs_at,omitempty"`
}

// Invite is what another person needs to write to this device, once.
type Invite struct {
	Link   string `json:"link"`             // text for any messenger
	QR     string `json:"qr,omitempty"`     // the shorter text to put into a QR code
	Digits string `json:"digits,omitempty"` // what I read aloud so that they can check me
}

// AcceptAsk takes an invitation of another person.
type AcceptAsk struct {
	Code     string `json:"code"`           // link or QR text
	Name     string `json:"name,omitempty"` // what to call them here; their own name by default
	InPerson bool   `json:"in_person,omitempty"`
}

// VerifyAsk records that a person's words or digits were compared.
type VerifyAsk struct {
	Name string `json:"name"`
	// Code is what the other person read aloud: 8 words or 24 digits. It must
	// match, or Verify answers ErrMismatch and changes nothing. Empty with
	// Compared set when both were looked at side by side.
	Code     string `json:"code,omitempty"`
	Compared bool   `json:"compared,omitempty"`
}

// File is an attachment as a list shows it.
type File struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Have  int64  `json:"have"` // bytes arrived so far; equal to Bytes when whole

	Kind    string `json:"kind,omitempty"`    // photo, voice or nothing; the sender's word
	Held    bool   `json:"held,omitempty"`    // the bytes come when they are asked for; see Fetch
	Asked   bool   `json:"asked,omitempty"`   // they were
	Sent    int64  `json:"sent,omitempty"`    // of my own: bytes that were sealed so far
	Width   int    `json:"width,omitempty"`   // of a photo, in points
	Height  int    `json:"height,omitempty"`  //
	Seconds int    `json:"seconds,omitempty"` // of a voice note
	Preview bool   `json:"preview,omitempty"` // Picture has at least a small one
}

// SendAsk is one letter to one person.
type SendAsk struct {
	To    string     `json:"to"`
	Text  string     `json:"text"`
	Files []SendFile `json:"files,omitempty"`
	Days  int        `json:"days,omitempty"` // lifetime; 0 for the default of 30, at most 120

	Size   string `json:"size,omitempty"`   // of photos: small (default), large or original
	Whole  bool   `json:"whole,omitempty"`  // photos leave without being asked for; else their previews do
	Vanish int64  `json:"vanish,omitempty"` // seconds after reading when both ends delete it; 60 or more, 0 for never
	Draft  bool   `json:"draft,omitempty"`  // send the draft: its files, and its text when Text is empty
}

// SendFile carries an attachment's bytes.
type SendFile struct {
	Name    string `json:"name"`
	Data    []byte `json:"data"`
	Kind    string `json:"kind,omitempty"`    // photo, voice or nothing
	Seconds int    `json:"seconds,omitempty"` // of a voice note, when it is known
}

// Sent answers Send: the letter is on stable storage.
type Sent struct {
	ID   string `json:"id"`
	Cost *Cost  `json:"cost,omitempty"`
}

// Letter is one line of a conversation, in or out.
type Letter struct {
	ID          string     `json:"id"`
	From        string     `json:"from"` // "" for my own
	To          string     `json:"to,omitempty"`
	Text        string     `json:"text"`
	SentAt      time.Time  `json:"sent_at"` // the sender's clock: a claim
	ReceivedAt  *time.Time `json:"received_at,omitempty"`
	Group       string     `json:"group,omitempty"` // name of the group in which it stands
	Attachments []File     `json:"attachments"`
	Vanish      int64      `json:"vanish,omitempty"`      // seconds after reading when it is deleted
	VanishesAt  *time.Time `json:"vanishes_at,omitempty"` // here; absent while it is not known
	Update      bool       `json:"update,omitempty"`      // only a newer Jauap can show it

	// Of my own letters:
	State    State      `json:"state,omitempty"`
	At       *time.Time `json:"at,omitempty"`       // when the state was reached
	Carriers int        `json:"carriers,omitempty"` // times that somebody was met who holds it: a contact or relay counts once, a stranger each time
	History  []Change   `json:"history,omitempty"`
	Reach    *Reach     `json:"reach,omitempty"` // in a group
}

// Change is one state with its time.
type Change struct {
	State State     `json:"state"`
	At    time.Time `json:"at"`
}

// Outgoing is one row of the outbox.
type Outgoing struct {
	ID       string    `json:"id"`
	To       string    `json:"to"`
	State    State     `json:"state"`
	At       time.Time `json:"at"`
	Bytes    int       `json:"bytes"`
	Carriers int       `json:"carriers"`
	Text     string    `json:"text,omitempty"`  // its beginning
	Reach    *Reach    `json:"reach,omitempty"` // in a group
}

// ReadAsk lists letters that arrived, oldest first.
type ReadAsk struct {
	From  string `json:"from,omitempty"`  // everybody when empty
	After string `json:"after,omitempty"` // letter id: only later arrivals
	Keep  bool   `json:"keep,omitempty"`  // do not mark as read
}

// ConversationAsk lists both sides of one conversation, oldest first.
type ConversationAsk struct {
	With   string `json:"with"`
	Before string `json:"before,omitempty"` // letter id: only earlier ones
	Max    int    `json:"max,omitempty"`    // 0 means 50; at most 500
	Mark   bool   `json:"mark,omitempty"`   // mark theirs as read
}

// Status is the state of the network and of this node.
type Status struct {
	Network Network  `json:"network"`
	Links   []Link   `json:"links"`
	Windows []Window `json:"windows"`
	Shelf   Shelf    `json:"shelf"`
	Waiting int      `json:"waiting"` // letters that have not left this device

	Clock   string     `json:"clock,omitempty"`   // a complaint about this device's clock
	Trouble []string   `json:"trouble,omitempty"` // what a person should know and can mend
	Causes  []Cause    `json:"causes,omitempty"`  // of each Trouble: what is in trouble, and its name
	LeftAt  *time.Time `json:"left_at,omitempty"` // when anything last left this device

	Metered  *Metered  `json:"metered,omitempty"`  // absent without a budget
	Tor      *Tor      `json:"tor,omitempty"`      // absent where there is none
	Progress *Progress `json:"progress,omitempty"` // absent unless a window is open, for a day at most
	Forecast *Forecast `json:"forecast,omitempty"` // absent when nothing can be said

	Postage *Postage `json:"postage,omitempty"` // absent without tokens and issuers

	Lock *LockState `json:"lock,omitempty"` // absent where nothing locks: no passphrase, or no node that goes on
}

// Tor is what there is of Tor on this device.
type Tor struct {
	Used      bool   `json:"used"`                // links to relays go through it
	Child     bool   `json:"child,omitempty"`     // it was started by this node
	Running   string `json:"running,omitempty"`   // SOCKS port of one that runs
	Installed bool   `json:"installed,omitempty"` // the program is here
	Snowflake bool   `json:"snowflake,omitempty"` // and snowflake-client
}

// Metered is the budget of links to relays, which may cost money by the byte.
type Metered struct {
	Budget int64  `json:"budget"` // bytes
	Left   int64  `json:"left"`
	Per    string `json:"per"`   // day or month
	Order  string `json:"order"` // texts, photos or all: what may go over them
}

// Progress is how far the letters are in the window that is open: "12 of 40
// sent, 3 received". Of very many letters the newest 2,000 are counted.
type Progress struct {
	Since    time.Time `json:"since"`    // when the window opened
	Sent     int       `json:"sent"`     // mine that left the country in it
	Total    int       `json:"total"`    // those, and those that still wait to leave it
	Received int       `json:"received"` // for me, in it
}

// Forecast is what the windows of the last week suggest. It is no promise.
type Forecast struct {
	Opens  *Hours `json:"opens,omitempty"`
	Closes *Hours `json:"closes,omitempty"`
}

// Hours is a range of this device's local time, "HH:MM". To may be past
// midnight.
type Hours struct {
	From string `json:"from"`
	To   string `json:"to"`
	Days int    `json:"days"` // different days on which it was so; 2 or more
}

// Network is the verdict: no-link, no-route, portal, dark, nearby,
// domestic-only, restricted, open or not-known.
type Network struct {
	State string     `json:"state"`
	Since *time.Time `json:"since,omitempty"`
}

// Link is one way in use or tried.
type Link struct {
	Kind  string     `json:"kind"` // lan, relay, folder, broadcast, dns
	Addr  string     `json:"addr"`
	State string     `json:"state"` // up, down, trying, resting (not needed now)
	Since *time.Time `json:"since,omitempty"`
	Error string     `json:"error,omitempty"`
	Code  string     `json:"code,omitempty"` // of Error, see Cause
	In    int64      `json:"in"`             // bytes received
	Out   int64      `json:"out"`            // bytes sent
	// Who is the contact whose device this neighbour was recognised as.
	Who string `json:"who,omitempty"`

	Airtime *Airtime `json:"airtime,omitempty"` // of radios

	// Of relays: the way that answered last, and all that were tried.
	Transport string  `json:"transport,omitempty"` // quic or tls
	Port      uint16  `json:"port,omitempty"`
	Tried     []Tried `json:"tried,omitempty"`
	Fault     string  `json:"fault,omitempty"` // what it did wrong when it was met last: FaultSums …
}

// Tried is the last outcome of one way to a relay.
type Tried struct {
	Transport string `json:"transport"` // quic or tls
	Host      string `json:"host"`
	Port      uint16 `json:"port"`
	Answered  bool   `json:"answered"`
	// What answered in the relay's place: portal, key (another one: somebody
	// opens the connection, or the relay has a new address) or other; and in words.
	Saw     string    `json:"saw,omitempty"`
	Instead string    `json:"instead,omitempty"`
	At      time.Time `json:"at"`
}

// Window is one span in which a relay answered.
type Window struct {
	From     time.Time  `json:"from"`
	To       *time.Time `json:"to,omitempty"` // absent while open
	Sent     int        `json:"sent"`         // envelopes
	Received int        `json:"received"`
	Out      int64      `json:"out,omitempty"` // bytes sent
	In       int64      `json:"in,omitempty"`  // bytes received
}

// Shelf counts what this device carries, for itself and for others.
type Shelf struct {
	Envelopes int   `json:"envelopes"`
	Bytes     int64 `json:"bytes"`
	Quota     int64 `json:"quota"`
}

// CarryAsk evens out with a folder or stick.
type CarryAsk struct {
	Path string `json:"path"`
	Max  int64  `json:"max,omitempty"` // at most so many bytes of files to write; 0 for what fits
}

// Haul answers Carry.
type Haul struct {
	Written int      `json:"written"` // envelopes
	Read    int      `json:"read"`    // envelopes new to this device
	Bytes   int64    `json:"bytes"`   // written
	Opened  int      `json:"opened"`  // letters among them for this device's owner
	Notes   []string `json:"notes,omitempty"`

	ReadOnly bool `json:"read_only,omitempty"` // nothing could be written: it is write-protected
	Asked    int  `json:"asked,omitempty"`     // envelopes here that an earlier visitor lacked: these go first
	Full     bool `json:"full,omitempty"`      // not all could be written
}

// People is the address book's part of the door.
type People interface {
	Me(ctx context.Context) (Me, error)
	People(ctx context.Context) ([]Person, error)
	Invite(ctx context.Context) (Invite, error)
	Accept(ctx context.Context, ask AcceptAsk) (Person, error)
	Verify(ctx context.Context, ask VerifyAsk) (Person, error)
}

// Letters is the conversations' part of the door.
type Letters interface {
	Send(ctx context.Context, ask SendAsk) (Sent, error)
	Read(ctx context.Context, ask ReadAsk) ([]Letter, error)
	Conversation(ctx context.Context, ask ConversationAsk) ([]Letter, error)
	Outbox(ctx context.Context) ([]Outgoing, error)
	Attachment(ctx context.Context, id string) (File, io.ReadCloser, error)
}

// Net is the carrying part of the door.
type Net interface {
	Status(ctx context.Context) (Status, error)
	Carry(ctx context.Context, ask CarryAsk) (Haul, error)
	// Wait returns when the change counter has passed seen, or ctx ends; it
	// answers the counter now. Wait(ctx, 0) answers at once.
	Wait(ctx context.Context, seen uint64) (uint64, error)
}

// Backend is everything behind the door.
//
// Wherever an ask names a person (To, From, With, Name), it may give the
// person's ID or name. An ID is looked for first, so that nobody can take
// another's place by taking their ID as a name.
type Backend interface {
	People
	Renamer
	Letters
	Talk
	Net
	Inquiries
	Groups
	Boards
	Feeds
	Inboxes
	Desks
	Witnessing
	Air
	Screen
	Near
	Carriers
	Mailboxes
	Bundles
	Safety
	Pairing
	Eraser
	Locker
	Phraser
}
