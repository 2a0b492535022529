package sqlite

import (
	"bytes"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/bulletin"
)

// TestExpiredNotice: a notice that is over, and its photo, stand nowhere on the
// disk, not even for who has the vault's key; one that is not over is there.
func TestExpiredNotice(t *testing.T) {
	disk := &clearCopy{VFS: adiantum.Wrap(vfs.Find(""), nil), files: map[string][]byte{}}
	vfs.Register("jauap-clear-notices", disk)
	_, path := openNew(t)
	data, root := path+"2", bytes.Repeat([]byte{7}, 32)
	if err := makeData(data, root); err != nil {
		t.Fatal(err)
	}
	v, err := connect(data, root, "jauap-clear-notices")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	boards, err := bulletin.Open(v)
	if err != nil {
		t.Fatal(err)
	}
	card, err := boards.Create("Hospital", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	now := account.Moment{Wall: time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC), Day: 1468}
	canary := bytes.Repeat([]byte("the canary sings at noon. "), 100)
	publish := func(p bulletin.Saying) {
		t.Helper()
		d, err := boards.Draft(now, card.ID(), p)
		if err == nil {
			err = boards.Publish(now, d, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	publish(bulletin.Saying{Text: string(canary[:900]), Media: canary, Sort: bulletin.Photo, Days: 1, Pinned: true})
	const notices, media = 81, 86
	over := append(values(t, v, notices), values(t, v, media)...)
	publish(bulletin.Saying{Text: "this stays", Days: 14})
	whole, there := 0, func() (n int) {
		for _, b := range over {
			n += disk.pieces(b)
		}
		return n
	}
	for _, b := range over {
		whole += len(b) / 32
	}
	if len(over) != 2 || there() < whole*9/10 {
		t.Fatalf("the test finds %d of %d pieces that are there", there(), whole)
	}
	if n, err := boards.Expire(now.Wall.AddDate(0, 0, 1)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if there() == 0 {
		t.Fatal("nothing is left to scrub: the test proves nothing")
	}
	if err := v.Scrub(); err != nil {
		t.Fatal(err)
	}
	if n := there(); n > 0 {
		t.Errorf("%d of %d pieces of what is over are on the disk", n, whole)
	}
	if left := values(t, v, notices); len(left) != 2 || disk.pieces(left[0])+disk.pieces(left[1]) == 0 {
		t.Error("the test no longer finds what is there")
	}
	if list, err := boards.Notices(card.ID(), now.Wall); err != nil || len(list) != 1 || list[0].Text != "this stays" {
		t.Errorf("%+v %v", list, err)
	}
}
