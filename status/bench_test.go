package status

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/account/sqlite"
)

// BenchmarkAbout is the first screen's question for 300 people with 20 words
// each, in 60 places, over a vault on disk.
func BenchmarkAbout(b *testing.B) {
	v, err := sqlite.Create(filepath.Join(b.TempDir(), "vault.db"), nil, sqlite.Params{NoPassphrase: true})
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	u := &user{t: b, vault: v}
	u.at = account.Moment{Wall: testDay.Start(), Tick: 1000, Day: testDay}
	a, err := account.Create(v, "B", u.at)
	if err != nil {
		b.Fatal(err)
	}
	u.run(a)
	var ids []account.ContactID
	for i := range 300 {
		id := account.ContactID{1, byte(i), byte(i >> 8)}
		ids = append(ids, id)
		err := v.Update(func(tx account.Tx) error {
			for n := range 20 {
				k := kept{Word: Word{Seq: uint32(n + 1), At: u.at.Wall, Kind: Safe, Note: "Біз аманбыз", Place: Place{Town: fmt.Sprint("town ", i%60)}}}
				if err := k.put(tx, id); err != nil {
					return err
				}
			}
			return u.b.Heard(tx, id, u.at, u.at.Wall, true)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if list, err := u.b.About(ids, u.at.Wall.Add(time.Hour), nil); err != nil || list[0].Now == nil || list[0].Answered.IsZero() {
			b.Fatal(list[0], err)
		}
	}
}
