package status

import (
	"crypto/sha256"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
)

// Limits of what is kept of places.
const (
	fresh     = time.Hour           // what took longer to get here may have been carried by hand
	joined    = 30 * time.Minute    // between two signs of one span
	maxSpans  = 64                  // of one place
	maxPlaces = 256                 // that are remembered
	keepSpans = 30 * 24 * time.Hour // by the time of what came last
)

// Span is a stretch of time in which something answered.
type Span struct{ From, To time.Time }

// same tells whether a sign from one place says something of another: the
// same town, and the same network where both are known.
func (p Place) same(o Place) bool {
	if p.Town == "" || townID(p.Town) != townID(o.Town) {
		return false
	}
	return p.Net == "" || o.Net == "" || fold(p.Net) == fold(o.Net)
}

// signs are the spans in which a place, or one person's devices, answered.
type signs struct {
	Place
	id    string // of the town
	spans []Span
}

func signsKey(prefix byte, name string) []byte {
	h := sha256.Sum256([]byte(name))
	return append([]byte{prefix}, h[:16]...)
}

func placeKey(p Place) []byte { return signsKey('p', townID(p.Town)+"\x00"+fold(p.Net)) }

func deviceKey(id account.ContactID) []byte { return append([]byte{'d'}, id[:]...) }

func (s signs) record() []byte {
	r := account.NewRecord(1).Text(s.Town).Text(s.Net).Uint(uint64(len(s.spans)))
	for _, sp := range s.spans {
		r.Time(sp.From).Time(sp.To)
	}
	return r.Bytes()
}

func parseSigns(b []byte) (s signs, err error) {
	f := account.ReadRecord(b)
	f.Version(1)
	s.Town, s.Net = f.Text(), f.Text()
	s.id = townID(s.Town)
	for range f.Count(2) {
		s.spans = append(s.spans, Span{f.Time(), f.Time()})
	}
	return s, f.Done()
}

// note adds a sign that was written at one time and came here at another. One
// that took long says nothing of the network.
func (s *signs) note(wrote, came time.Time) bool {
	if wrote.After(came) {
		wrote = came
	}
	if came.Sub(wrote) > fresh {
		return false
	}
	s.spans = Join(append(s.spans, Span{wrote, came}), joined)
	s.spans = slices.DeleteFunc(s.spans, func(sp Span) bool { return came.Sub(sp.To) > keepSpans })
	if n := len(s.spans); n > maxSpans {
		s.spans = s.spans[n-maxSpans:]
	}
	return true
}

// Join puts spans in order and makes one of those that lie at most gap apart.
func Join(list []Span, gap time.Duration) []Span {
	list = slices.Clone(list)
	sort.SliceStable(list, func(i, j int) bool { return list[i].From.Before(list[j].From) })
	out := list[:0]
	for _, s := range list {
		if n := len(out); n > 0 && s.From.Sub(out[n-1].To) <= gap {
			if s.To.After(out[n-1].To) {
				out[n-1].To = s.To
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// sign notes that something of a contact's got here.
func (b *Board) sign(tx account.Tx, from account.ContactID, wrote, came time.Time) error {
	if err := noteSign(tx, deviceKey(from), Place{}, wrote, came); err != nil {
		return err
	}
	p, err := placeOf(tx, from)
	if err != nil || p.Town == "" {
		return err
	}
	if err := makeRoom(tx, placeKey(p)); err != nil {
		return err
	}
	return noteSign(tx, placeKey(p), p, wrote, came)
}

func noteSign(tx account.Tx, key []byte, p Place, wrote, came time.Time) error {
	s := signs{Place: p}
	b, err := tx.Get(tableHeads, key)
	if err == nil && b != nil {
		s, err = parseSigns(b)
	}
	if err != nil || !s.note(wrote, came) {
		return err
	}
	return tx.Put(tableHeads, key, s.record())
}

// makeRoom forgets the place that answered longest ago when there are too many.
func makeRoom(tx account.Tx, next []byte) error {
	if b, err := tx.Get(tableHeads, next); err != nil || b != nil {
		return err
	}
	var oldest []byte
	var at time.Time
	n := 0
	err := tx.Scan(tableHeads, []byte{'p'}, []byte{'p' + 1}, false, func(k, v []byte) (bool, error) {
		s, err := parseSigns(v)
		if err != nil {
			return false, err
		}
		last := time.Time{}
		if len(s.spans) > 0 {
			last = s.spans[len(s.spans)-1].To
		}
		if n++; oldest == nil || last.Before(at) {
			oldest, at = slices.Clone(k), last
		}
		return true, nil
	})
	if err != nil || n < maxPlaces {
		return err
	}
	return tx.Delete(tableHeads, oldest)
}

// allSigns are those of every place.
func allSigns(tx account.Tx) (list []signs, err error) {
	err = tx.Scan(tableHeads, []byte{'p'}, []byte{'p' + 1}, false, func(_, v []byte) (bool, error) {
		s, err := parseSigns(v)
		list = append(list, s)
		return true, err
	})
	return list, err
}

// answered are the spans in which a place answered, as far as signs that came
// here tell.
func answered(all []signs, p Place) (out []Span) {
	if p.Town == "" {
		return nil
	}
	id := townID(p.Town)
	for _, s := range all {
		if s.id == id && s.same(p) {
			out = append(out, s.spans...)
		}
	}
	return Join(out, joined)
}

// devices are the spans in which devices of one person answered.
func devices(tx account.Tx, id account.ContactID) ([]Span, error) {
	b, err := tx.Get(tableHeads, deviceKey(id))
	if err != nil || b == nil {
		return nil, err
	}
	s, err := parseSigns(b)
	return s.spans, err
}

// placeOf is where somebody last said that they are. Who moved and did not say
// where is nowhere that is known.
func placeOf(tx account.Tx, author account.ContactID) (p Place, err error) {
	err = words(tx, author, func(k kept) (bool, error) {
		p = k.Place
		return p.Town == "" && k.Kind != Moved, nil
	})
	return p, err
}

// town is one place in the languages of the catalogues.
type town struct{ ID, EN, RU, KK string }

// towns are those that the page suggests: the cities of republican
// significance, the regions' centres and the towns of which most was heard in
// January 2022. Any other text is a place too.
var towns = [...]town{
	{"almaty", "Almaty", "Алматы", "Алматы"},
	{"astana", "Astana", "Астана", "Астана"},
	{"shymkent", "Shymkent", "Шымкент", "Шымкент"},
	{"aktau", "Aktau", "Актау", "Ақтау"},
	{"aktobe", "Aktobe", "Актобе", "Ақтөбе"},
	{"atyrau", "Atyrau", "Атырау", "Атырау"},
	{"ekibastuz", "Ekibastuz", "Экибастуз", "Екібастұз"},
	{"karaganda", "Karaganda", "Караганда", "Қарағанды"},
	{"kokshetau", "Kokshetau", "Кокшетау", "Көкшетау"},
	{"konaev", "Konaev", "Конаев", "Қонаев"},
	{"kostanay", "Kostanay", "Костанай", "Қостанай"},
	{"kyzylorda", "Kyzylorda", "Кызылорда", "Қызылорда"},
	{"pavlodar", "Pavlodar", "Павлодар", "Павлодар"},
	{"petropavl", "Petropavl", "Петропавловск", "Петропавл"},
	{"semey", "Semey", "Семей", "Семей"},
	{"taldykorgan", "Taldykorgan", "Талдыкорган", "Талдықорған"},
	{"taraz", "Taraz", "Тараз", "Тараз"},
	{"temirtau", "Temirtau", "Темиртау", "Теміртау"},
	{"turkistan", "Turkistan", "Туркестан", "Түркістан"},
	{"oral", "Oral", "Уральск", "Орал"},
	{"oskemen", "Oskemen", "Усть-Каменогорск", "Өскемен"},
	{"zhanaozen", "Zhanaozen", "Жанаозен", "Жаңаөзен"},
	{"zhezkazgan", "Zhezkazgan", "Жезказган", "Жезқазған"},
}

// townID is one name for a town in all three languages; any other text is its
// own name.
func townID(s string) string {
	s = fold(s)
	for _, t := range towns {
		if strings.EqualFold(s, t.EN) || strings.EqualFold(s, t.RU) || strings.EqualFold(s, t.KK) {
			return t.ID
		}
	}
	return s
}
