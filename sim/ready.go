package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jauap/jauap/envelope"
)

// Names of the scenarios that Named knows.
func Names() []string {
	return []string{"almaty-2022", "blackout", "blockade", "conference", "flood", "informants", "loners", "march", "office", "postage"}
}

// Named is a scenario by its name. Where people and places are synthetic they
// are drawn from the seed, and so
// many of them if people is not 0. Errors: ErrUnknown, and ErrScenario for fewer
// than fewest.
func Named(name string, seed uint64, people int) (Scenario, error) {
	if people < 0 || people > 0 && people < fewest {
		return Scenario{}, fmt.Errorf("%w: %d people; a town has %d at least", ErrScenario, people, fewest)
	}
	switch name {
	case "blackout":
		return Blackout(), nil
	case "conference":
		return Conference()
	case "office":
		return Office()
	case "march":
		return Protest(name, march)
	case "blockade":
		return Protest(name, blockade)
	case "almaty-2022":
		return Almaty(seed, size(people, 100_000)), nil
	case "flood":
		return Flood(seed, size(people, 300), 0), nil
	case "informants":
		return Flood(seed, size(people, 300), 0.05), nil
	case "loners":
		return Loners(seed, size(people, 300)), nil
	case "postage":
		s := Flood(seed, size(people, 300), 0.05)
		s.Name, s.Postage = name, Everybody
		s.About += ", and all junk has postage"
		return s, nil
	}
	return Scenario{}, fmt.Errorf("%w: %q; there are %v", ErrUnknown, name, Names())
}

// fewest people of a synthetic scenario.
const fewest = 10

// size is how many people there are to be.
func size(people, usual int) int {
	if people > 0 {
		return people
	}
	return usual
}

const day = 24 * time.Hour

// Flood is three days of a town of phones with about twelve contacts each, whose
// shelves and meetings are deliberately small, and of Sybils who meet everybody
// with a thousand junk units each; informants, a part of the phones, have as
// many for their contacts. A hundred letters go between people who are no
// contacts; everybody writes ten others a day. Letters have postage, as whatever a
// device writes in the dark while it has tokens, and junk has none.
// With other than 300 phones all is in proportion: Sybils, shelves, meetings.
func Flood(seed uint64, phones int, informants float64) Scenario {
	sybils := phones * 10 / 3
	rng := rand.New(rand.NewPCG(seed, 0x666c6f6f64))
	s := Scenario{
		Name:   "flood",
		About:  fmt.Sprintf("%d phones, %d Sybils with a thousand junk units each, 100 letters between strangers", phones, sybils),
		People: phones + sybils, Class: envelope.S1, Quota: max(int64(phones)*(20<<20)/300, 1<<20), // of which the shelf may fill about half
		Random: 100, Apart: true, Since: day, Until: 36 * time.Hour, Background: 30 * phones, End: 3 * day,
		Network:    Network{Rate: 125_000 * phones / 300, Latency: 20 * time.Millisecond},
		ProofAfter: time.Hour, Junk: 1000, Offer: 2 * phones, Postage: Honest,
	}
	if informants > 0 {
		s.Name = "informants"
		s.About += fmt.Sprintf(", %.0f %% of the contacts are informants", 100*informants)
	}
	s.Friends = smallWorld(rng, phones, min(12, phones/2))
	near := make([][]int, phones)
	for _, f := range s.Friends {
		near[f[0]] = append(near[f[0]], f[1])
		near[f[1]] = append(near[f[1]], f[0])
	}
	s.Informants = append(s.Informants, rng.Perm(phones)[:int(max(informants, 0)*float64(phones))]...)
	for p := phones; p < s.People; p++ {
		s.Sybils = append(s.Sybils, p)
	}
	if informants < 0 { // nobody attacks
		s.Sybils, s.People = nil, phones
	}
	const meeting = 5 * time.Second // two units for each phone
	meet := func(a, b int) {
		if a != b {
			at := time.Duration(rng.Int64N(int64(s.End - meeting)))
			s.Contacts = append(s.Contacts, Contact{a, b, at, at + meeting})
		}
	}
	for p := range phones {
		for range 30 { // ten a day that it begins, and as many that others do
			if rng.Float64() < 0.6 {
				meet(p, near[p][rng.IntN(len(near[p]))])
			} else {
				meet(p, rng.IntN(phones))
			}
		}
	}
	for _, p := range s.Sybils {
		for range 60 {
			meet(p, rng.IntN(phones))
		}
	}
	s.Contacts = apart(s.Contacts)
	return s
}

// Loners is Flood, with a tenth of the phones being nobody's contact: they write the
// hundred letters, to the others in turn, a minute apart, and meet as many people as before.
func Loners(seed uint64, phones int) Scenario {
	s := Flood(seed, phones, 0)
	s.Name = "loners"
	alone := make(map[int]bool)
	for k := 0; len(alone) < phones/10; k++ {
		alone[(k*7+int(seed%uint64(phones)))%phones] = true
	}
	s.About += fmt.Sprintf(" by %d of the phones that are nobody's contact", len(alone))
	s.Friends = slices.DeleteFunc(s.Friends, func(f [2]int) bool { return alone[f[0]] || alone[f[1]] })
	writers := slices.DeleteFunc(seq(phones), func(p int) bool { return !alone[p] })
	count := s.Random
	s.Random, s.Apart = 0, false
	for k := 0; len(s.Letters) < count && len(writers) > 0; k++ {
		from := writers[k%len(writers)]
		to := (from + 1 + k%(phones-1)) % phones
		if !alone[to] {
			s.Letters = append(s.Letters, Letter{From: from, To: to, At: s.Since + time.Duration(k+1)*time.Minute})
		}
	}
	return s
}

// apart leaves out contacts of two people who are in contact already.
func apart(list []Contact) []Contact {
	sortContacts(list)
	until := make(map[[2]int]time.Duration)
	return slices.DeleteFunc(list, func(c Contact) bool {
		pair := [2]int{min(c.A, c.B), max(c.A, c.B)}
		if c.From < until[pair] {
			return true
		}
		until[pair] = c.To
		return false
	})
}

// smallWorld is a ring in which everybody knows the nearest, one acquaintance
// in ten being with anybody instead (Watts and Strogatz, 1998).
func smallWorld(rng *rand.Rand, n, degree int) (friends [][2]int) {
	seen := make(map[[2]int]bool)
	for p := range n {
		for k := 1; k <= degree/2; k++ {
			q := (p + k) % n
			if rng.IntN(10) == 0 {
				q = rng.IntN(n)
			}
			pair := [2]int{min(p, q), max(p, q)}
			if p != q && !seen[pair] {
				seen[pair] = true
				friends = append(friends, pair)
			}
		}
	}
	return friends
}
