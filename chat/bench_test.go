package chat

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/account/sqlite"
)

// vaults are the two kinds that a Chat runs on.
func vaults(b testing.TB, f func(b testing.TB, fresh func() account.Vault)) {
	mem := func() account.Vault { return account.NewMemVault() }
	file := func() account.Vault {
		v, err := sqlite.Create(filepath.Join(b.TempDir(), "vault.db"), nil, sqlite.Params{NoPassphrase: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { v.Close() })
		return v
	}
	switch b := b.(type) {
	case *testing.B:
		b.Run("memory", func(b *testing.B) { f(b, mem) })
		b.Run("sqlite", func(b *testing.B) { f(b, file) })
	case *testing.T:
		b.Run("memory", func(t *testing.T) { f(t, mem) })
		b.Run("sqlite", func(t *testing.T) { f(t, file) })
	}
}

// BenchmarkLetter is one letter from Send to the other's conversation.
func BenchmarkLetter(b *testing.B) {
	vaults(b, func(tb testing.TB, fresh func() account.Vault) {
		b := tb.(*testing.B)
		x, y := newUserOn(b, "X", fresh()), newUserOn(b, "Y", fresh())
		befriend(b, x, y)
		y.c.config.ReceiptMin, y.c.config.ReceiptMax = time.Hour, time.Hour
		n := 0
		for b.Loop() {
			n++
			x.send("Y", "a letter of some length, as people write them")
			packed, err := x.a.Pack(x.at, 1<<20)
			if err != nil || len(packed) != 1 {
				b.Fatal(len(packed), err)
			}
			if err := x.a.Submitted(packed[0].ID); err != nil {
				b.Fatal(err)
			}
			if _, err := y.a.Receive(y.at, packed[0].Bytes); err != nil {
				b.Fatal(err)
			}
			if n%20 == 0 {
				b.StopTimer()
				exchange(b, x, y)
				b.StartTimer()
			}
		}
	})
}

// BenchmarkReceive500 takes 500 letters of 200 B that arrive together.
func BenchmarkReceive500(b *testing.B) {
	vaults(b, func(tb testing.TB, fresh func() account.Vault) {
		b := tb.(*testing.B)
		for b.Loop() {
			b.StopTimer()
			x, y := newUser(b, "X"), newUserOn(b, "Y", fresh())
			befriend(b, x, y)
			for i := range 500 {
				x.send("Y", fmt.Sprintf("%-200d", i))
			}
			units := x.units()
			b.StartTimer()
			if _, err := y.a.ReceiveAll(y.at, units); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// fill writes a conversation of n letters.
func fill(t testing.TB, u *user, with string, n int) {
	id := u.id(with)
	for done := 0; done < n; {
		err := u.vault.Update(func(tx account.Tx) error {
			for range min(1000, n-done) {
				l := &letter{wire: account.LetterID{byte(done), byte(done >> 8), 1}}
				l.With, l.Text, l.SentAt, l.ReceivedAt = id, fmt.Sprintf("letter %-100d", done), u.at.Wall, u.at.Wall
				if err := u.c.insert(tx, u.at, l); err != nil {
					return err
				}
				u.pass(time.Minute)
				done++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkPage50of10000(b *testing.B) {
	vaults(b, func(tb testing.TB, fresh func() account.Vault) {
		b := tb.(*testing.B)
		x, y := newUserOn(b, "X", fresh()), newUser(b, "Y")
		befriend(b, x, y)
		fill(b, x, "Y", 10_000)
		id := x.id("Y")
		middle, err := x.c.Arrived(id, account.LetterID{}, 5000)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			page, err := x.c.Conversation(id, middle[0].ID, 50)
			if err != nil || len(page) != 50 {
				b.Fatal(len(page), err)
			}
		}
	})
}

// BenchmarkFile sends a file of 8 MiB.
func BenchmarkFile(b *testing.B) {
	vaults(b, func(tb testing.TB, fresh func() account.Vault) {
		b := tb.(*testing.B)
		data := make([]byte, 8<<20)
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			b.StopTimer()
			x, y := newUserOn(b, "X", fresh()), newUserOn(b, "Y", fresh())
			befriend(b, x, y)
			b.StartTimer()
			id := x.send("Y", "a film", Attachment{Name: "film.mp4", Data: data})
			size := 0
			for _, raw := range x.units() {
				size += len(raw)
				y.receive(raw)
			}
			if l := y.letter(id); !l.Files[0].Whole() {
				b.Fatalf("%+v", l.Files)
			}
			b.ReportMetric(float64(size)/float64(len(data)), "sent/size")
		}
	})
}
