package exchange

import "slices"

// firstFlight speaks before the far end did. spec/exchange.md, 5.
func (s *Session) firstFlight(room int) []byte {
	g := &s.give
	if g.flown == nil && s.c.First > 0 && s.anonymous() {
		g.flown = make(map[id]*given)
		var items []Item
		left := s.c.First
		for _, it := range s.urgent(min(firstUnits, (room-12)/entrySize)) {
			if it.Size > left {
				break
			}
			left -= it.Size
			items = append(items, it)
		}
		if b := s.fly(items); b != nil {
			return b
		}
	}
	if b := s.doubtFrame(); b != nil {
		return b
	}
	if q := &g.queue; g.cut && q.Len() > 0 && groupOf(q.units[0].item.Class) >= bigGroup && q.units[0].at >= besides && !q.units[0].item.Words {
		return nil
	}
	return s.dataFrame(room)
}

// fly lists units as coming and puts them in line; nil when there are none.
func (s *Session) fly(items []Item) []byte {
	if len(items) == 0 {
		return nil
	}
	for _, it := range items {
		u := s.open(it)
		u.behind = s.give.cut && !it.Flown && s.compare(it, s.give.cutAt) > 0
		s.give.flown[it.ID] = u
		s.enqueue(u, 0)
	}
	return s.have(haveComing, items)
}

// urgent are the first max own units that the far end did not settle before. Of large
// ones that left once the far end may have the beginning: it says so in its HELLO, or
// asks for them.
func (s *Session) urgent(max int) (items []Item) {
	at := s.c.Give.Seq
	s.give.cut = false
	for {
		page := s.sh.Since(at, pageItems)
		if len(page) == 0 {
			break
		}
		at = page[len(page)-1].Seq
		for _, it := range page {
			if it.Rank != 0 || it.Mute || !listable(it.Class, it.Size) || it.Seq <= s.c.Give.at(s.lane(it)) {
				continue
			}
			if it.Flown && !it.Told && groupOf(it.Class) >= bigGroup && (!s.give.cut || s.compare(it, s.give.cutAt) < 0) {
				s.give.cut, s.give.cutAt = true, it
			}
			if s.flies(it) && !it.Tried {
				items = append(items, it)
			} else if s.flies(it) && len(s.give.doubts) < maxParts {
				s.give.doubts = append(s.give.doubts, it)
			}
		}
		if len(items) > horizon {
			break
		}
	}
	slices.SortFunc(items, s.compare)
	return items[:min(len(items), max)]
}

// flies says whether a unit may leave unasked: small ones that nobody is known to
// hold, and where FirstLarge says so larger ones that have not been on their way before.
func (s *Session) flies(it Item) bool {
	g := groupOf(it.Class)
	return !it.Told && (g == 0 || g > 0 && g <= firstGroup && s.c.FirstLarge && !it.Flown)
}

// Tried runs over the units that left unasked and were not answered, of a far end that
// spoke: they have likely arrived. Next time the far end is asked, at the cost of a few
// bytes; what left into silence leaves unasked again.
func (s *Session) Tried(note func(Item)) {
	if !s.met {
		return
	}
	for _, u := range s.give.flown {
		if u.left && !u.closed {
			note(u.item)
		}
	}
}

// lost says of a unit that the far end lacks, and that left before, that nothing of it
// arrived: of beginnings the far end has told.
func (s *Session) lost(it Item) bool {
	return it.Flown && !it.Told && s.c.FirstLarge && groupOf(it.Class) <= firstGroup && len(s.peer.parts) < maxParts
}
