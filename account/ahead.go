package account

import "github.com/jauap/jauap/envelope"

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
	if small && c > envelope.S3 {
		return envelope.S3
	}
	return c
}
