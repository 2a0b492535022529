package seal_test

import (
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// BenchmarkSealS1 seals full S1 letters, signature included.
func BenchmarkSealS1(b *testing.B) {
	x, y := newPerson(b, "A"), newPerson(b, "B")
	sx, sy := confirmed(b, x, y, 0, false)
	p := []seal.Part{{Kind: kindText, Body: make([]byte, 846)}}
	var last []byte
	for b.Loop() {
		if sx.CanSeal(0) != nil {
			b.StopTimer()
			acknowledge(b, sx, sy, last)
			b.StartTimer()
		}
		out, err := sx.Seal(0, where(envelope.S1), p)
		if err != nil {
			b.Fatal(err)
		}
		last = out.Bytes
	}
}

func acknowledge(b *testing.B, sx, sy *seal.Session, last []byte) {
	b.Helper()
	if _, err := sy.Open(0, parse(b, last)); err != nil {
		b.Fatal(err)
	}
	sy.Expire(1e9) // the letters in between were thrown away
	back := mustSeal(b, sy, 0, envelope.S1, "")
	if _, err := sx.Open(0, parse(b, back.Bytes)); err != nil {
		b.Fatal(err)
	}
	sx.TagsChanged()
	sy.TagsChanged()
}

// BenchmarkOpenS1 opens full S1 letters: look-up, decryption, signature,
// parsing, the proof, and the next key of the window.
func BenchmarkOpenS1(b *testing.B) {
	x, y := newPerson(b, "A"), newPerson(b, "B")
	sx, sy := confirmed(b, x, y, 0, false)
	p := []seal.Part{{Kind: kindText, Body: make([]byte, 846)}}
	var waiting []envelope.Envelope
	for b.Loop() {
		if len(waiting) == 0 {
			b.StopTimer()
			mustOpen(b, sx, 0, mustSeal(b, sy, 0, envelope.S1, "heard").Bytes, "heard")
			for range 64 {
				out, err := sx.Seal(0, where(envelope.S1), p)
				if err != nil {
					b.Fatal(err)
				}
				waiting = append(waiting, parse(b, out.Bytes))
			}
			sx.TagsChanged()
			sy.TagsChanged()
			b.StartTimer()
		}
		if _, err := sy.Open(0, waiting[0]); err != nil {
			b.Fatal(err)
		}
		waiting = waiting[1:]
	}
}

// BenchmarkStart is the start of a session and its first letter.
func BenchmarkStart(b *testing.B) {
	x, y := newPerson(b, "A"), newPerson(b, "B")
	for b.Loop() {
		s, err := seal.Start(0, x.me, x.card, y.card.Card(), y.card.Key())
		if err != nil {
			b.Fatal(err)
		}
		mustSeal(b, s, 0, envelope.S2, "")
	}
}

// BenchmarkParseSession reads a stored session and derives its window.
func BenchmarkParseSession(b *testing.B) {
	x, y := newPerson(b, "A"), newPerson(b, "B")
	_, sy := confirmed(b, x, y, 0, false)
	state := sy.Marshal()
	b.ReportMetric(float64(len(state)), "B/state")
	for b.Loop() {
		s, err := seal.ParseSession(state)
		if err != nil {
			b.Fatal(err)
		}
		s.Tags()
	}
}
