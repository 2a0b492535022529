package account

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/jauap/jauap/envelope"
)

// BenchmarkLetter is one S1 letter: queued, packed, received.
func BenchmarkLetter(b *testing.B) {
	x, y := newUser(b, "X"), newUser(b, "Y")
	befriend(b, x, y)
	exchange(b, x, y)
	n := 0
	for b.Loop() {
		n++
		x.write("Y", fmt.Sprint(n))
		for _, p := range x.pack(1 << 20) {
			y.receive(p.Bytes)
			if err := x.a.Submitted(p.ID); err != nil {
				b.Fatal(err)
			}
		}
		if n%20 == 0 {
			b.StopTimer()
			exchange(b, x, y)
			b.StartTimer()
		}
	}
}

// BenchmarkKnows looks for foreign tags beside those of a hundred contacts.
func BenchmarkKnows(b *testing.B) {
	x, y := newUser(b, "X"), newUser(b, "Y")
	befriend(b, x, y)
	exchange(b, x, y)
	for range 50_000 {
		var t envelope.Tag
		rand.Read(t[:])
		x.a.tags[t] = &owner{}
	}
	tags := make([]envelope.Tag, 4096)
	for i := range tags {
		rand.Read(tags[i][:])
	}
	i := 0
	for b.Loop() {
		i++
		if x.a.Knows(tags[i%len(tags)]) {
			b.Fatal("known")
		}
	}
}

// BenchmarkPack500 packs five hundred texts of 200 bytes.
func BenchmarkPack500(b *testing.B) {
	x, y := newUser(b, "X"), newUser(b, "Y")
	befriend(b, x, y)
	exchange(b, x, y)
	ready := x.vault.(*MemVault).Clone()
	for b.Loop() {
		b.StopTimer()
		x.restart(ready.Clone())
		for i := range 500 {
			x.write("Y", fmt.Sprintf("%-223d", i))
		}
		b.StartTimer()
		x.pack(1 << 30)
	}
}

// BenchmarkOpen reads an account with twenty contacts.
func BenchmarkOpen(b *testing.B) {
	x := newUser(b, "X")
	for i := range 20 {
		y := newUser(b, fmt.Sprint("Y", i))
		befriend(b, x, y)
		exchange(b, x, y)
	}
	for b.Loop() {
		if _, err := Open(x.vault, x.at); err != nil {
			b.Fatal(err)
		}
	}
}
