package cause

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/account/sqlite"
	"github.com/jauap/jauap/bulletin"
	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/bulletin/evidence/ask"
	"github.com/jauap/jauap/bulletin/evidence/stamp"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/desk"
	"github.com/jauap/jauap/group"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/inquiry"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/link/folder"
	"github.com/jauap/jauap/link/lan"
	"github.com/jauap/jauap/media"
	"github.com/jauap/jauap/pairing"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/status"
	"github.com/jauap/jauap/store"
	"github.com/jauap/jauap/web/api"
)

// Errors of the door itself, of which no room knows.
var (
	ErrMedia     = fmt.Errorf("%w: one photo or one voice note", api.ErrUsage)
	ErrVoice     = fmt.Errorf("%w: the recording is too long; make it shorter", api.ErrUsage)
	ErrNoMedia   = fmt.Errorf("%w: only a photo (JPEG, PNG, GIF, WebP) or a voice note can go with a notice", api.ErrUsage)
	ErrNoWitness = fmt.Errorf("%w: name a witness: an authority or a calendar", api.ErrUsage)
	ErrStamps    = fmt.Errorf("%w: enough stamps are kept beside this report", api.ErrUsage)
	ErrTor       = fmt.Errorf("%w: Tor is not ready, and nothing goes past it", api.ErrUsage)
	ErrNoSecret  = fmt.Errorf("%w: no secret was kept with which to claim it", api.ErrUsage)
	ErrNotUsed   = fmt.Errorf("%w: this device does not use that relay itself", api.ErrUsage)
	ErrWhoAsks   = fmt.Errorf("%w: say which of your contacts is to ask, or which public inbox", api.ErrUsage)
	ErrForgotten = fmt.Errorf("%w: whom it was about is forgotten here", api.ErrNotFound)
	ErrNoLock    = fmt.Errorf("%w: this node has no lock; `jauap up` has one", api.ErrUsage)
	ErrNotEnded  = fmt.Errorf("%w: this node is not ended from its page; nothing was erased", api.ErrUsage)
	ErrNoSound   = fmt.Errorf("%w: this is no sound that is known here; send it as a file", api.ErrUsage)
	ErrApart     = fmt.Errorf("%w: the other device is not on this network; join the same Wi-Fi or hotspot", api.ErrNotFound)
	ErrUnshown   = fmt.Errorf("%w: the photo cannot be shown", api.ErrNotFound)
	ErrUnheard   = fmt.Errorf("%w: the recording is of no known kind", api.ErrNotFound)
	ErrNoCode    = fmt.Errorf("%w: nothing waits that is small enough for a code", api.ErrNotFound)
	ErrSpent     = errors.New("the budget of this metered link is used up")
	ErrDoubtful  = errors.New("the link fell silent; the relay is being dialled anew")
	ErrNoAnswer  = errors.New("the relay does not answer")
	ErrMeetOff   = errors.New("meeting neighbours is switched off (listen = off)")
	ErrMeetNode  = errors.New("start `jauap` first: devices meet for as long as it runs")
	ErrBoard     = fmt.Errorf("%w: the draft is for another board", bulletin.ErrNotice)
)

// Witnesses says that more than Most are asked at once. It is an api.ErrUsage.
type Witnesses struct{ Most int }

func (w *Witnesses) Error() string {
	return fmt.Sprintf("%v: at most %d witnesses are asked at once", api.ErrUsage, w.Most)
}

// Unwrap is api.ErrUsage.
func (w *Witnesses) Unwrap() error { return api.ErrUsage }

// row names one error.
type row struct {
	is   error
	code string
}

// rows is a constant table; the first match wins, so what wraps another stands
// before it.
var rows = [...]row{
	{folder.ErrFull, "no-room"}, {syscall.ENOSPC, "no-room"},
	{folder.ErrReadOnly, "read-only"},
	{folder.ErrNoFolder, "no-folder"},
	{folder.ErrRotten, "worn-out"},
	{durable.ErrNoSpace, "full"}, {store.ErrFull, "full"},
	{sqlite.ErrInUse, "in-use"}, {sqlite.ErrNear, "phrase-near"}, {durable.ErrLocked, "in-use"},

	{account.ErrName, "name"}, {account.ErrNameTaken, "name-taken"}, {account.ErrSelf, "own"}, {account.ErrInvites, "invitations"},
	{pairing.ErrOwn, "own-code"}, {pairing.ErrMany, "codes"},
	{pairing.ErrSame, "same"}, {pairing.ErrAnswered, "answered"}, {pairing.ErrManyIntro, "introductions"},

	{group.ErrNotMember, "not-member"}, {group.ErrNotAdmin, "not-admin"}, {group.ErrAlready, "already"},
	{group.ErrFull, "group-full"}, {group.ErrName, "group-name"}, {group.ErrStays, "leave-first"},
	{group.ErrNoInvite, "not-asked"}, {group.ErrNobody, "nobody"},

	{ErrMedia, "one-medium"}, {ErrVoice, "long-voice"}, {ErrNoMedia, "no-medium"}, {ErrBoard, "other-board"},
	{ErrNoSecret, "no-secret"}, {ErrNotUsed, "not-used"}, {ErrWhoAsks, "who-asks"}, {ErrForgotten, "slip-forgotten"}, {ErrNoLock, "no-lock"},
	{ErrNotEnded, "not-ended"}, {ErrNoSound, "no-sound"}, {ErrApart, "apart"}, {ErrMeetOff, "meet-off"}, {ErrMeetNode, "meet-node"},
	{ErrUnshown, "unshown"}, {ErrUnheard, "unheard"}, {ErrNoCode, "no-code"}, {ErrSpent, "spent"}, {ErrDoubtful, "doubtful"}, {ErrNoAnswer, "timeout"},
	{ErrNoWitness, "no-witness"}, {ErrStamps, "stamps"}, {ErrTor, "tor"},
	{bulletin.ErrMedium, "medium-missing"}, {bulletin.ErrText, "notice"}, {bulletin.ErrSince, "posted-since"},
	{bulletin.ErrSignature, "no-signature"}, {bulletin.ErrOther, "other-signature"}, {bulletin.ErrEditors, "signatures"},
	{bulletin.ErrNotMine, "not-mine"}, {bulletin.ErrFull, "boards"}, {bulletin.ErrCard, "board-card"},

	{inbox.ErrCard, "inbox-card"}, {inbox.ErrFull, "inboxes"}, {inbox.ErrSent, "sent"}, {inbox.ErrLong, "large"},
	{inbox.ErrWhole, "not-whole"}, {inbox.ErrUnknown, "nothing"},

	{inquiry.ErrTexts, "slip-long"}, {inquiry.ErrWhom, "slip-whom"}, {inquiry.ErrFull, "slips"}, {inquiry.ErrOver, "slip-over"},
	{inquiry.ErrNotMine, "slip-not-mine"}, {inquiry.ErrReply, "slip-code"},

	{evidence.ErrWhat, "what"}, {evidence.ErrWhen, "when"}, {evidence.ErrEnds, "ends"}, {evidence.ErrWhere, "where"},
	{evidence.ErrPosition, "position"}, {evidence.ErrRange, "position"}, {evidence.ErrLeast, "least"},

	{desk.ErrMerge, "two"}, {desk.ErrNote, "words"}, {desk.ErrLong, "large"}, {desk.ErrShort, "large"},
	{desk.ErrSaid, "said"}, {desk.ErrTopic, "topic"}, {desk.ErrLeast, "least"}, {desk.ErrNewer, "newer"}, {desk.ErrUnknown, "nothing"},

	{media.ErrFormat, "no-photo"}, {media.ErrBroken, "bad-photo"}, {media.ErrLarge, "large-photo"},
	{chat.ErrEmpty, "words"}, {chat.ErrVanish, "vanish"}, {chat.ErrIncomplete, "not-whole"}, {chat.ErrBroken, "bad-file"},
	{status.ErrEmpty, "words"}, {status.ErrTooLong, "large"}, {status.ErrPast, "past"}, {status.ErrNobody, "nobody-yet"}, {status.ErrNone, "no-word"},
	{relay.ErrAddr, "relay"}, {lan.ErrAddress, "neighbour"}, {lan.ErrSelf, "self"}, {lan.ErrNoReply, "no-reply"}, {lan.ErrCrowded, "crowded"},

	{ask.ErrOther, "other-calendar"}, {ask.ErrProxy, "proxy"}, {ask.ErrAddress, "address"}, {ask.ErrEarly, "early"},
	{stamp.ErrRefused, "witness-refused"}, {stamp.ErrSignature, "bad-stamp"}, {stamp.ErrOther, "bad-stamp"}, {stamp.ErrForm, "bad-stamp"}, {ask.ErrLong, "bad-stamp"},

	{account.ErrUnknown, "nobody"}, {account.ErrFull, "full"}, {account.ErrClock, "clock"},
	{context.DeadlineExceeded, "timeout"},
	{fs.ErrPermission, "denied"},
}

// Of is the code of err and what it names; none when no row knows it.
func Of(err error) api.Cause {
	for _, r := range rows {
		if errors.Is(err, r.is) {
			return api.Cause{Code: r.code}
		}
	}
	if s, ok := errors.AsType[*ask.Status](err); ok {
		return api.Cause{Code: "status", Args: []string{strconv.Itoa(s.Code)}}
	}
	if w, ok := errors.AsType[*Witnesses](err); ok {
		return api.Cause{Code: "witnesses", Args: []string{strconv.Itoa(w.Most)}}
	}
	if code := network(err); code != "" {
		return api.Cause{Code: code}
	}
	if errors.Is(err, ask.ErrAnswer) {
		return api.Cause{Code: "bad-stamp"}
	}
	return api.CauseOf(err)
}

// network says why somebody far away was not reached.
func network(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks ")) {
		return "proxy"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "no-name"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "certificate"
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "timeout"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refused"
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return "unreached"
	}
	return ""
}

// said is an error of the door in other words than the room's.
type said struct {
	door, room error
	text       string
}

func (s *said) Error() string   { return s.door.Error() + ": " + s.text }
func (s *said) Unwrap() []error { return []error{s.door, s.room} }

// Say is the error door because of room, told as text.
func Say(door, room error, text string) error { return &said{door, room, text} }
