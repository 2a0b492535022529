package bulletin

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
)

// holds reports whether any record of a vault holds some bytes.
func holds(t testing.TB, v account.Vault, what []byte) (n int) {
	t.Helper()
	err := v.View(func(tx account.Tx) error {
		for table := account.Table(0); table < 128; table++ {
			if err := tx.Scan(table, nil, nil, false, func(k, b []byte) (bool, error) {
				if bytes.Contains(k, what) || bytes.Contains(b, what) {
					n++
				}
				return true, nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestExpire: what is over leaves the vault, text and photo, pinned and own;
// nothing seems to be missing, a fork still shows, and what is not over stays.
func TestExpire(t *testing.T) {
	pub, fan := boards(t), boards(t)
	c := create(t, pub, nil, 0)
	if err := fan.Follow(c); err != nil {
		t.Fatal(err)
	}
	photo := jpegOf(9000, 0xc5)
	first, shot := postBoth(t, pub, c, Saying{Text: "canary one", Media: photo, Sort: Photo, Days: 1})
	pinned := post(t, pub, c, Saying{Text: "canary two", Days: 2, Pinned: true})
	longer := post(t, pub, c, Saying{Text: "this stays", Days: 14})
	for _, raw := range [][]byte{first, shot, pinned, longer} {
		if !take(t, fan, raw) {
			t.Fatal("a notice does not come")
		}
	}
	at := func(days int) time.Time { return noon.Wall.AddDate(0, 0, days) }
	expire := func(s *Boards, now time.Time, want int) {
		t.Helper()
		if n, err := s.Expire(now); n != want || err != nil {
			t.Errorf("%d are over at %v, %v; not %d", n, now, err, want)
		}
	}
	for name, s := range map[string]*Boards{"publisher": pub, "follower": fan} {
		if holds(t, s.vault, []byte("canary")) != 2 || holds(t, s.vault, photo[:4000]) != 1 {
			t.Fatal(name, "the test does not find what is there")
		}
		expire(s, at(1).Add(-time.Second), 0)
		expire(s, at(1), 1)
		expire(s, at(1), 0)
		if holds(t, s.vault, []byte("canary one")) != 0 || holds(t, s.vault, photo[:4000]) != 0 {
			t.Error(name, "holds what is over")
		}
		expire(s, at(3), 1)
		if holds(t, s.vault, []byte("canary")) != 0 {
			t.Error(name, "holds a pinned notice that is over")
		}
		list := shown(t, s, c.ID())
		if len(list) != 1 || list[0].Text != "this stays" || list[0].Missing != 0 || list[0].Forked {
			t.Errorf("%s: %+v", name, list)
		}
		if all, err := s.Notices(c.ID(), time.Time{}); len(all) != 1 || err != nil {
			t.Error(name, len(all), err)
		}
		if infos, err := s.List(); err != nil || infos[0].Notices != 1 {
			t.Error(name, infos, err)
		}
		if n := bytesOf(t, s, c.ID()); n != 0 {
			t.Errorf("%s: %d photos are left", name, n)
		}
	}
	if take(t, fan, first) || take(t, fan, shot) {
		t.Error("what is over comes back")
	}
	// The log goes on, over a restart.
	again, err := Open(fan.vault)
	if err != nil || !take(t, again, post(t, pub, c, text("more"))) {
		t.Fatal("the next notice is not known", err)
	}
	if list := shown(t, again, c.ID()); len(list) != 2 || list[0].Missing != 0 || list[0].Forked {
		t.Errorf("%+v", list)
	}
	// One that comes when it is over already goes with the next look.
	late := post(t, pub, c, Saying{Text: "canary late", Days: 1})
	expire(again, at(5), 0)
	if !take(t, again, late) {
		t.Fatal("it does not come")
	}
	expire(again, at(5), 1)
	if holds(t, again.vault, []byte("canary")) != 0 {
		t.Error("it stays")
	}
}

// TestExpiredRoom: what is left of old notices makes room like notices do.
func TestExpiredRoom(t *testing.T) {
	pub := boards(t)
	c := create(t, pub, nil, 0)
	for i := range maxNotices {
		post(t, pub, c, Saying{Text: fmt.Sprint("old ", i), Days: 1})
	}
	if n, err := pub.Expire(noon.Wall.AddDate(0, 0, 2)); n != maxNotices || err != nil {
		t.Fatal(n, err)
	}
	for i := range 3 {
		post(t, pub, c, text(fmt.Sprint("new ", i)))
	}
	list, err := pub.List()
	if err != nil || list[0].Notices != 3 {
		t.Fatalf("%+v %v", list, err)
	}
	bytesOf(t, pub, c.ID())
}
