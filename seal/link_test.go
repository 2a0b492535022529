package seal_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// The classifier: somebody who sees every envelope on a shelf learns from pairs
// of which it was told whether both are of one writer to one reader, and then
// guesses others. Half of the pairs are, so guessing is right in .5.
//
// Of a pair it sees which bits differ at each place of key, signature and the
// body's ends, how many bytes are equal, how alike the histograms are; and what
// carriers are shown on purpose: class, shard, day, and when each came.

// talkative is one conversation in one direction, with habits of its own.
type talkative struct {
	to, from *seal.Session
	weight   float64 // of all letters
	large    float64 // share of letters above S1
	life     int     // days
	burst    int     // letters at once, at most
	last     []byte
}

// look is what a classifier keeps of an envelope.
type look struct {
	conv   int
	class  envelope.Class
	shard  uint8
	expiry int
	at     float64 // hours, when it came to the shelf
	head   [headSeen]byte
	tail   [tailSeen]byte
	body   [bodySeen]byte
	histo  [256]float32 // of the body, per byte of it
	mean   float64
}

const (
	headSeen = 32 + 64 + 128 // key, signature, beginning of the body
	tailSeen = 32
	bodySeen = 924
	byBytes  = headSeen + tailSeen + 4
	byShown  = 36 + 10 + 1 + 10
	features = byBytes + byShown
)

func lookAt(raw []byte, conv int, at float64) *look {
	l := &look{conv: conv, class: envelope.Class(raw[0] & 15), shard: raw[1], expiry: int(raw[2])<<8 | int(raw[3]), at: at}
	copy(l.head[:], raw[4:])
	copy(l.tail[:], raw[len(raw)-tailSeen:])
	body := raw[100:]
	copy(l.body[:], body)
	for _, b := range body {
		l.histo[b] += 1 / float32(len(body))
		l.mean += float64(b) / float64(len(body))
	}
	return l
}

// pair fills in the features of two envelopes.
func pair(x *[features]float32, a, b *look) {
	clear(x[:])
	n := 0
	put := func(v float64) { x[n] = float32(v); n++ }
	for i := range a.head {
		put(float64(bits.OnesCount8(a.head[i] ^ b.head[i])))
	}
	for i := range a.tail {
		put(float64(bits.OnesCount8(a.tail[i] ^ b.tail[i])))
	}
	equal, differ, apart := 0, 0, 0.0
	for i := range a.body {
		d := a.body[i] ^ b.body[i]
		if d == 0 {
			equal++
		}
		differ += bits.OnesCount8(d)
	}
	for i := range a.histo {
		apart += math.Abs(float64(a.histo[i] - b.histo[i]))
	}
	put(float64(equal))
	put(float64(differ))
	put(apart)
	put(math.Abs(a.mean - b.mean))
	one := func(i, of int) { x[n+min(i, of-1)] = 1; n += of }
	one(int(min(a.class, b.class))*6+int(max(a.class, b.class)), 36)
	one(max(a.expiry-b.expiry, b.expiry-a.expiry), 10)
	if a.shard == b.shard {
		put(1)
	} else {
		put(0)
	}
	one(int(math.Log2(1+10*math.Abs(a.at-b.at))), 10)
}

// guesser is a logistic regression over some of the features.
type guesser struct {
	from, to  int
	mean, dev [features]float64
	weight    [features]float64
	bias      float64
}

func learn(pairs [][features]float32, same []bool, from, to int, rng *rand.Rand) *guesser {
	g := &guesser{from: from, to: to}
	n := float64(len(pairs))
	for i := from; i < to; i++ {
		var s, q float64
		for k := range pairs {
			v := float64(pairs[k][i])
			s, q = s+v, q+v*v
		}
		g.mean[i] = s / n
		g.dev[i] = math.Sqrt(max(q/n-g.mean[i]*g.mean[i], 1e-9))
		if g.dev[i] < 1e-4 {
			g.dev[i] = math.Inf(1) // always the same: it says nothing
		}
	}
	steps := 0.0
	for range 4 {
		for _, k := range rng.Perm(len(pairs)) {
			steps++
			rate := 0.01 / math.Sqrt(1+steps/5000)
			err := -g.score(&pairs[k])
			if same[k] {
				err = 1 / (1 + math.Exp(-err))
			} else {
				err = 1/(1+math.Exp(-err)) - 1
			}
			g.bias += rate * err
			for i := from; i < to; i++ {
				g.weight[i] += rate * (err*(float64(pairs[k][i])-g.mean[i])/g.dev[i] - 1e-3*g.weight[i])
			}
		}
	}
	return g
}

func (g *guesser) score(x *[features]float32) float64 {
	s := g.bias
	for i := g.from; i < g.to; i++ {
		s += g.weight[i] * (float64(x[i]) - g.mean[i]) / g.dev[i]
	}
	return s
}

// right is the share of pairs that are guessed rightly.
func (g *guesser) right(pairs [][features]float32, same []bool) float64 {
	n := 0
	for k := range pairs {
		if g.score(&pairs[k]) > 0 == same[k] {
			n++
		}
	}
	return float64(n) / float64(len(pairs))
}

// shelfOf seals n letters of many conversations, and hands each to see in the
// order of sealing with what the shelf shows of it. plant may spoil the bytes.
func shelfOf(t *testing.T, n int, rng *rand.Rand, plant func(raw []byte, conv int), see func(*look)) {
	convs := make([]*talkative, 40)
	total := 0.0
	for i := range convs {
		c := &talkative{weight: rng.ExpFloat64() + .2, life: 30, burst: 1 + rng.IntN(3), large: rng.Float64() * .4}
		if i%5 == 4 {
			c.life = []int{7, 120}[rng.IntN(2)]
		}
		c.from, c.to = confirmed(t, newPerson(t, "A"), newPerson(t, "B"), 0, false)
		convs[i] = c
		total += c.weight
	}
	hours, perHour := 0.0, float64(len(convs))/3 // each writes eight times a day
	for done := 0; done < n; {
		hours += rng.ExpFloat64() / perHour
		at, k := rng.Float64()*total, 0
		for ; at > convs[k].weight && k < len(convs)-1; k++ {
			at -= convs[k].weight
		}
		for range 1 + rng.IntN(convs[k].burst) {
			raw := convs[k].letter(t, rng, hours)
			if plant != nil {
				plant(raw, k)
			}
			delay := math.Exp(rng.Float64()*math.Log(72*60)) / 60
			see(lookAt(raw, k, hours+delay))
			done++
		}
	}
}

// letter seals the next; the other end answers when the writer would stop.
func (c *talkative) letter(t *testing.T, rng *rand.Rand, hours float64) []byte {
	now := seal.Tick(hours * 3600)
	if c.from.CanSeal(now) != nil || rng.IntN(60) == 0 && c.last != nil {
		if _, err := c.to.Open(now, parse(t, c.last)); err != nil {
			t.Fatal(err)
		}
		back := mustSeal(t, c.to, now, envelope.S2, "")
		if _, err := c.from.Open(now, parse(t, back.Bytes)); err != nil {
			t.Fatal(err)
		}
		c.to.Expire(now)
		c.from.TagsChanged()
		c.to.TagsChanged()
	}
	w := seal.Where{Class: envelope.S1, LifeDays: c.life}
	w.Expiry = envelope.Day(1800 + int(hours/24)).Add(c.life + rng.IntN(envelope.MaxJitter+1))
	if c.from.Wish(now) > 0 || rng.Float64() < c.large {
		w.Class = envelope.S2
		if rng.IntN(4) == 0 {
			w.Class = envelope.S3
		}
	}
	out, err := c.from.Seal(now, w, []seal.Part{{Kind: kindText, Body: make([]byte, 20+rng.IntN(700))}})
	if err != nil {
		t.Fatal(err)
	}
	c.last = out.Bytes
	return append([]byte(nil), out.Bytes...)
}

// linked is how often pairs of n letters are guessed rightly: by the bytes, by
// what is shown on purpose, and by both.
func linked(t *testing.T, n int, plant func([]byte, int)) (byBytesRight, byShownRight, byAll, sure float64) {
	rng := rand.New(rand.NewPCG(7, 7))
	var pairs [][features]float32
	var same []bool
	const window = 800 // of the shelf, from which pairs are drawn
	var recent []*look
	shelfOf(t, n, rng, plant, func(l *look) {
		if len(recent) == window {
			want := rng.IntN(2) == 0
			for range 4000 {
				if o := recent[rng.IntN(window)]; (o.conv == l.conv) == want {
					var x [features]float32
					pair(&x, o, l)
					pairs, same = append(pairs, x), append(same, want)
					break
				}
			}
			recent[rng.IntN(window)] = l
			return
		}
		recent = append(recent, l)
	})
	half := len(pairs) / 2
	test := func(from, to int) float64 {
		return learn(pairs[:half], same[:half], from, to, rng).right(pairs[half:], same[half:])
	}
	return test(0, byBytes), test(byBytes, features), test(0, features), 1.96 * math.Sqrt(.25/float64(len(pairs)-half))
}

// TestLinkability: by their bytes, two envelopes of one conversation are not told
// from two of different ones. JAUAP_LINK=1000000 says how many.
func TestLinkability(t *testing.T) {
	t.Parallel()
	n := 3000
	if s := os.Getenv("JAUAP_LINK"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	bytes, shown, all, sure := linked(t, n, nil)
	t.Logf("%d envelopes, guessed rightly by their bytes %.4f, by class, day and time of arrival %.4f, by all %.4f, each ± %.4f", n, bytes, shown, all, sure)
	if bytes > .5+.01+2.5*sure { // by chance once in two million
		t.Errorf("envelopes are linked by their bytes: %.4f of the guesses are right", bytes)
	}
	// A classifier that finds nothing must be one that would: one byte of the body,
	// in a part of the envelopes, depends on the conversation.
	rng := rand.New(rand.NewPCG(8, 8))
	found, _, _, sure := linked(t, min(n, 100_000), func(raw []byte, conv int) {
		if rng.IntN(8) > 0 {
			raw[110] = byte(conv * 37)
		}
	})
	t.Logf("with a byte that tells the conversation in seven of eight envelopes: %.4f", found)
	if found < .5+3*sure+.01 {
		t.Errorf("a planted leak is not found: %.4f", found)
	}
}
