package account

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestWaitingCount: the number beside the index is the index's own, whatever
// comes and goes, and an index without a number is counted.
func TestWaitingCount(t *testing.T) {
	v := NewMemVault()
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(step int) {
		t.Helper()
		all, each := 0, map[ContactID]int{}
		err := v.View(func(tx Tx) error {
			return tx.Scan(tableWaiting, nil, nil, false, func(k, _ []byte) (bool, error) {
				all++
				each[ContactID(k[:len(ContactID{})])]++
				return true, nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		a := &Account{vault: v}
		if n := a.Waiting(); n != all {
			t.Fatalf("step %d: %d wait in all, the index holds %d", step, n, all)
		}
		for i := range 4 {
			if id := (ContactID{0: byte(i * 85), 15: 0xff}); a.WaitingFor(id) != each[id] {
				t.Fatalf("step %d: %d wait for %d, the index holds %d", step, a.WaitingFor(id), i, each[id])
			}
		}
	}
	for step := range 400 {
		l := &letter{to: ContactID{0: byte(rng.IntN(4) * 85), 15: 0xff}, id: LetterID{byte(rng.IntN(12))}}
		err := v.Update(func(tx Tx) error {
			if rng.IntN(20) == 0 { // as a vault from before the numbers
				if err := tx.Delete(tableWaits, l.to[:]); err != nil {
					return err
				}
			}
			return wait(tx, l, rng.IntN(2) == 0)
		})
		if err != nil {
			t.Fatal(err)
		}
		check(step)
		undone := fmt.Errorf("undone")
		if err := v.Update(func(tx Tx) error { _ = wait(tx, l, step%2 == 0); return undone }); err != undone {
			t.Fatal(err)
		}
	}
	check(400)
}
