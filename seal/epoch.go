package seal

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/jauap/jauap/identity"
)

// Sizes of the bodies of this room's parts. spec/seal.md, 6.2.
const (
	offerSize  = 2 + len(identity.KEMPublic{})
	answerSize = 2 + len(check{}) + encSize
	cardSize   = identity.CardSize + 32
)

// offer is this end's key for the next epoch, until the answer comes.
type offer struct {
	epoch  uint16
	secret identity.KEMSecret
	public identity.KEMPublic
	at     Tick // when it last travelled
}

func (o *offer) part() Part {
	return Part{kindOffer, append(be16(o.epoch), o.public[:]...)}
}

// answer is this end's answer that began its newest epoch, until the other
// end shows that it knows it.
type answer struct {
	body []byte // epoch, check of the offered key, encapsulated key
	at   Tick
}

// handover is a restart card on its way to the other end.
type handover struct {
	body []byte // card and key
	at   Tick
	in   []Acked // letters that carried it, the latest few
}

const maxHandover = 16

// offers tells whether this end offers the key of an epoch: the initiator of
// the session for odd ones, the other end for even ones. spec/seal.md, 6.1.
func (s *Session) offers(epoch uint16) bool { return (epoch%2 == 1) == s.initiator }

// mayOffer is the rule for a new offer: our turn, the other end knows our
// epoch, and that is half a day old. After a QR form the first exchange is at
// once, because such a start rests on X25519 and the card's key alone.
func (s *Session) mayOffer(now Tick) bool {
	if s.ended || s.offer != nil || s.own == 1<<16-1 || !s.offers(s.own+1) || s.peerOwn < s.own {
		return false
	}
	if s.short && s.own == 0 {
		return true
	}
	return s.start == nil && now-s.since >= floor
}

func newOffer(epoch uint16) (*offer, error) {
	o := &offer{epoch: epoch, secret: identity.NewKEMSecret(), at: noTick}
	var err error
	o.public, err = o.secret.Public()
	return o, err
}

// Wish is the room in bytes, as PartSize counts, that this end would like to
// be left free in the next envelope for its key exchange or restart card; 0
// when nothing waits. Then choose S1b or larger. It repeats itself every 20 minutes
// until the other end has it.
func (s *Session) Wish(now Tick) int {
	due := func(at Tick) bool { return at == noTick || now-at >= retry }
	n := 0
	if s.mayOffer(now) || s.offer != nil && due(s.offer.at) {
		n += partHead + offerSize
	}
	if s.answer != nil && due(s.answer.at) {
		n += partHead + answerSize
	}
	if s.card != nil && s.start == nil && due(s.card.at) {
		n += partHead + cardSize
	}
	return n
}

// NeedsCard tells that the other end has no fresh card of ours to start again
// with: make one, keep it and its Inbox, then call HandOver. Do the same when
// the card was used.
func (s *Session) NeedsCard(now Tick) bool {
	return !s.ended && s.start == nil && s.card == nil && (s.cardGiven == noTick || now-s.cardGiven >= renew)
}

// HandOver gives the card to the other end with the next letters that have
// room, until one of them is acknowledged. It replaces a card that is still
// on its way. ErrCard when the session cannot carry it.
func (s *Session) HandOver(c *identity.CardSecret) error {
	if s.ended || s.start != nil {
		return fmt.Errorf("%w: the session cannot carry one now", ErrCard)
	}
	k := c.Key()
	s.card = &handover{body: append(c.Card().Bytes(), k[:]...), at: noTick}
	return nil
}

// exchange is a step of the key exchange, computed before anything changes.
type exchange struct {
	root     key
	answer   *answer // ours, when we answered; nil when we were answered
	heardKey check
	heardEnc check
}

// epochInfo binds a key exchange to its session and epoch.
func (s *Session) epochInfo(epoch uint16) []byte {
	id := s.ID()
	b := append([]byte("jauap/1 epoch"), id[:]...)
	return append(b, be16(epoch)...)
}

// nextRoot is the root of the next epoch. spec/seal.md, 6.2.
func (s *Session) nextRoot(x exporter, epoch uint16, public, enc []byte) (root key, err error) {
	ss, err := export(x, "jauap/1 epoch secret")
	if err != nil {
		return root, err
	}
	h := sha256.New()
	h.Write(public)
	h.Write(enc)
	prk := extract(&s.root, ss[:])
	expand(&prk, "jauap/1 epoch root", h.Sum(be16(epoch)), &root)
	clear(ss[:])
	clear(prk[:])
	return root, nil
}

// heardOffer judges the other end's offer: an exchange when it begins a new
// epoch, forked when it contradicts what we know. spec/seal.md, 6.2.
func (s *Session) heardOffer(b []byte) (x *exchange, forked bool, err error) {
	if len(b) != offerSize {
		return nil, false, fmt.Errorf("%w: offer of %d bytes", ErrMalformed, len(b))
	}
	epoch := binary.BigEndian.Uint16(b)
	if epoch == 0 || s.offers(epoch) {
		return nil, false, fmt.Errorf("%w: offer for epoch %d", ErrMalformed, epoch)
	}
	public := identity.KEMPublic(b[2:])
	ck := checkOf(public[:])
	switch {
	case epoch == s.own:
		return nil, ck != s.heardKey, nil
	case epoch < s.own:
		return nil, false, nil
	case epoch != s.own+1:
		return nil, true, nil
	}
	pk, err := public.HPKE()
	if err != nil {
		return nil, false, fmt.Errorf("%w: offered key", ErrMalformed)
	}
	enc, hx, err := hpke.NewSender(pk, kdf(), aead(), s.epochInfo(epoch))
	if err != nil {
		return nil, false, fmt.Errorf("%w: offered key", ErrMalformed)
	}
	x = &exchange{heardKey: ck, heardEnc: checkOf(enc), answer: &answer{at: noTick}}
	x.answer.body = append(append(be16(epoch), ck[:]...), enc...)
	x.root, err = s.nextRoot(hx, epoch, public[:], enc)
	return x, false, err
}

// heardAnswer judges the other end's answer to our offer.
func (s *Session) heardAnswer(b []byte) (x *exchange, forked bool, err error) {
	if len(b) != answerSize {
		return nil, false, fmt.Errorf("%w: answer of %d bytes", ErrMalformed, len(b))
	}
	epoch, to, enc := binary.BigEndian.Uint16(b), check(b[2:10]), b[10:]
	if epoch == 0 || !s.offers(epoch) {
		return nil, false, fmt.Errorf("%w: answer for epoch %d", ErrMalformed, epoch)
	}
	switch {
	case epoch == s.own:
		return nil, checkOf(enc) != s.heardEnc, nil
	case epoch < s.own:
		return nil, false, nil
	case epoch != s.own+1 || s.offer == nil || to != checkOf(s.offer.public[:]):
		return nil, true, nil // an answer to an offer that we do not remember
	}
	sk, err := s.offer.secret.HPKE()
	if err != nil {
		return nil, false, err
	}
	hx, err := hpke.NewRecipient(enc, sk, kdf(), aead(), s.epochInfo(epoch))
	if err != nil {
		return nil, false, fmt.Errorf("%w: answered key", ErrMalformed)
	}
	x = &exchange{heardKey: to, heardEnc: checkOf(enc)}
	x.root, err = s.nextRoot(hx, epoch, s.offer.public[:], enc)
	return x, false, err
}

// enter begins the epoch of an exchange. The old root is erased.
func (s *Session) enter(now Tick, x *exchange) {
	s.met = meetKey(&s.root)
	s.own++
	s.since = now
	s.root = x.root
	s.heardKey, s.heardEnc = x.heardKey, x.heardEnc
	after := chainKey(&s.root, !s.initiator)
	s.send.after = &after
	s.listen(s.own, chainKey(&s.root, s.initiator))
	if x.answer != nil {
		s.answer = x.answer
	} else {
		s.offer.secret.Clear()
		s.offer = nil
		s.peerOwn = s.own // who answers knows
	}
	clear(x.root[:])
}

// meetKey is what the ends of an epoch recognise each other by. spec/seal.md, 6.6.
func meetKey(root *key) (k key) {
	expand(root, "jauap/1 meet", nil, &k)
	return k
}

// MeetKeys are secrets by which the devices at the two ends recognise each other
// where they meet. say is for what this end says: the other end has it for
// certain among its hear, which are one or two. They change with each epoch.
// None for a session that is only a name.
func (s *Session) MeetKeys() (say [32]byte, hear [][32]byte) {
	if s.ended {
		return say, nil
	}
	own := meetKey(&s.root)
	hear = append(hear, own)
	if s.met != (key{}) {
		hear = append(hear, s.met)
	}
	say = own
	if s.peerOwn < s.own && s.met != (key{}) {
		say = s.met
	}
	return say, hear
}
