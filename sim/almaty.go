package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jauap/jauap/envelope"
)

// Of Almaty in January 2022. The windows are those of the whole country, read
// off a chart by others (±30 min): sim/traces/README.md. All else is assumed.
const (
	throughShare = 0.25 // of the phones get through in one window
	answered     = 0.5  // of the calls abroad are answered
	travellers   = 5000 // people of whom one a day reaches an open network
	safeLetters  = 100
	abroad       = 20 // people there, each with a fifth of them as writers
)

// january are the times in hours after 5 January 2022, 10:45 UTC, when the
// country went dark. The last one did not close.
func january() []Window {
	h := func(from, to float64) Window {
		return Window{time.Duration(from * float64(time.Hour)), time.Duration(to * float64(time.Hour))}
	}
	return []Window{h(6.75, 11.25), h(23.75, 27.25), h(39.75, 43.25), h(87.75, 91.25), h(112.25, 116.25), h(135.5, 144)}
}

// Almaty is six days of a city that is cut off: in the first day a hundred
// people write "I am safe" to somebody abroad. A quarter of the phones gets
// through in each window; the others' letters go with whom they meet.
func Almaty(seed uint64, people int) Scenario {
	rng := rand.New(rand.NewPCG(seed, 0x616c6d617479))
	s := Scenario{
		Name:   "almaty-2022",
		About:  fmt.Sprintf("%d people, the windows of January 2022, %d letters \"I am safe\" to people abroad", people, safeLetters),
		People: people + 1 + abroad, Class: envelope.S1, End: 6 * day, Quota: 4 << 20, Shards: true, ProofAfter: time.Hour,
		Network: Network{Rate: 125_000, Latency: 50 * time.Millisecond},
		Relays:  []int{people}, Windows: january(), Friends: smallWorld(rng, people, 8),
	}
	for k := range abroad {
		s.Contacts = append(s.Contacts, Contact{people, people + 1 + k, 0, s.End})
	}
	near := make([][]int, people)
	for _, f := range s.Friends {
		near[f[0]] = append(near[f[0]], f[1])
		near[f[1]] = append(near[f[1]], f[0])
	}
	meet := func(a, b int) {
		if a != b {
			at := time.Duration(rng.Int64N(int64(s.End - time.Minute)))
			s.Contacts = append(s.Contacts, Contact{min(a, b), max(a, b), at, at + 30*time.Second})
		}
	}
	for p := range people {
		for range 6 * 4 { // four meetings a day that it begins
			switch k := rng.IntN(20); {
			case k < 12 && len(near[p]) > 0:
				meet(p, near[p][rng.IntN(len(near[p]))])
			case k < 19: // a stranger of the quarter
				meet(p, (p+rng.IntN(100)-50+people)%people)
			default:
				meet(p, rng.IntN(people))
			}
		}
	}
	through := s.windows(rng, people)
	for range safeLetters {
		l := Letter{From: rng.IntN(people), To: people + 1 + rng.IntN(abroad), At: time.Duration(rng.Int64N(int64(day)))}
		s.Letters = append(s.Letters, l)
	}
	s.Rivals = []Rival{{Name: "relay windows only"}, {Name: "direct calls only"}}
	for _, l := range s.Letters {
		own, call := time.Duration(-1), time.Duration(-1)
		for _, at := range through[l.From] {
			if at < l.At {
				continue
			}
			if own < 0 {
				own = at
			}
			if call < 0 && rng.Float64() < answered {
				call = at
			}
		}
		s.Rivals[0].Arrivals = append(s.Rivals[0].Arrivals, own)
		s.Rivals[1].Arrivals = append(s.Rivals[1].Arrivals, call)
	}
	s.Contacts = apart(s.Contacts)
	return s
}

// windows lets phones through to the relay and answers when each got through.
func (s *Scenario) windows(rng *rand.Rand, people int) [][]time.Duration {
	through := make([][]time.Duration, people)
	for _, w := range s.Windows {
		for p := range people {
			if rng.Float64() < throughShare {
				at := w.From + time.Duration(rng.Int64N(int64(w.To-w.From)))
				through[p] = append(through[p], at)
				s.Contacts = append(s.Contacts, Contact{p, people, at, min(at+30*time.Second, s.End)})
			}
		}
	}
	for range max(people/travellers, 1) * 6 {
		at := time.Duration(rng.Int64N(int64(s.End - time.Hour)))
		s.Contacts = append(s.Contacts, Contact{rng.IntN(people), people, at, at + time.Minute})
	}
	return through
}
