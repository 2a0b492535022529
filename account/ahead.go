package account

import (
	"errors"

	"github.com/jauap/jauap/envelope"
)

// Ahead is what is known of the links that PackAhead seals for.
type Ahead struct {
	Unsent int  // bytes that are sealed and that nobody holds yet
	Slow   bool // a large envelope takes long there, and it may end at any moment
	Texts  bool // only texts: enough is sealed of the attachments
}

// PackAhead is Pack for links. Small envelopes leave before large ones: the end of the
// attachments, sealed at once, would overtake what is to be whole first. It is sealed when
// the large ones have gone. Where the links are slow an attachment is cut into small
// envelopes, and so are texts, as long as others are before them.
func (a *Account) PackAhead(at Moment, max int, h Ahead) ([]Packed, error) {
	return a.packed(at, max, func(r *round) error {
		r.late, r.texting = true, h.Texts
		if h.Slow {
			r.bar = envelope.S3
		}
		if r.large = h.Unsent >= r.bar.Size(); !r.texting {
			return r.run()
		}
		if err := r.rooms(); err != nil {
			return err
		}
		return r.each(r.texts)
	})
}

// slowFile is the largest attachment that is cut small for a slow link: more would use
// up the keys of a session.
const slowFile = 160 << 10

// stream is the class for what is next of a contact's attachments, of which total
// bytes wait. On a slow link the end of one and the beginning of the next share an
// envelope: the smaller it is, the sooner the first is whole.
func (r *round) stream(s *session, total, next int64, most int) envelope.Class {
	small := r.bar == envelope.S3 && next <= slowFile && s.soon()
	if !s.soon() {
		next = total
	}
	c := chooseStream(total, next, s.s.Room, most)
	if small && envelope.Compare(c, envelope.S3) > 0 {
		return envelope.S3
	}
	return c
}

// followers puts those parts in line that say nothing without the attachments they belong
// to: behind the texts, or, where a slow link has more than a second of texts or anything
// large before it, only into room that is left. Then they go with the attachments (led):
// an envelope of their own would be smaller than the texts', and overtake them.
func (r *round) followers(p *person, texts, riders []*waiting, more bool) (list, with []*waiting, err error) {
	if more {
		return texts, riders, nil
	}
	own, _, err := r.entries(p.ID, rankFollows, rankFollows)
	if err != nil || len(own) == 0 {
		return texts, riders, err
	}
	total := 0
	for _, w := range texts {
		size, err := r.size(w)
		if err != nil {
			return nil, nil, err
		}
		total += size
	}
	r.queued = r.queued || total > longQueue
	if r.bar != envelope.S3 || !r.large && !r.queued {
		return append(texts, own...), riders, nil
	}
	s, err := r.a.channel(p, false)
	if errors.Is(err, errStuck) || err == nil && !s.spare() {
		return append(texts, own...), riders, nil // no keys for attachments
	}
	if len(texts) == 0 {
		return texts, riders, err
	}
	return texts, append(riders[:len(riders):len(riders)], own...), err
}

// led puts before the attachments of a contact what is said of them.
func (r *round) led(p *person, streams []*waiting) ([]*waiting, error) {
	own, _, err := r.entries(p.ID, rankFollows, rankFollows)
	return append(own, streams...), err
}
