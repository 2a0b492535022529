package daemon

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link/folder"
)

// tokenSize is the part of an ask by which its maker knows it again.
// spec/folder.md, 5.
const tokenSize = 16

// asks are what the visitors of a stick lacked.
type asks struct {
	wanted map[envelope.ID]bool // by others
	mine   bool                 // one is this device's
	even   bool                 // and says what would be said now
}

// asksOf reads the asks that a visit found.
func (d *Daemon) asksOf(drop *folder.Folder) (a asks) {
	a.wanted = map[envelope.ID]bool{}
	for _, ask := range drop.Asks() {
		if len(ask) <= tokenSize+exchange.AskNonce {
			continue
		}
		d.courier.Lock()
		lacks, even, ok := d.node.Lacking(ask[tokenSize:])
		d.courier.Unlock()
		if d.myAsk(ask) {
			a.mine, a.even = true, a.even || ok && even
			continue
		}
		for id := range lacks {
			a.wanted[id] = true
		}
	}
	return a
}

// leaveAsk says what this device holds, unless it said so already: two devices
// with one synchronised folder would answer each other for ever. A stick without
// it is as good as before, so that errors are of no interest.
func (d *Daemon) leaveAsk(ctx context.Context, drop *folder.Folder, a asks) {
	if a.even || ctx.Err() != nil {
		return
	}
	var nonce [exchange.AskNonce]byte
	_, _ = rand.Read(nonce[:])
	d.courier.Lock()
	sketch := d.node.Ask(nonce)
	d.courier.Unlock()
	if len(sketch)+tokenSize <= folder.MaxAsk {
		_ = drop.Ask(ctx, append(d.askToken(nonce[:]), sketch...), d.myAsk)
	}
}

// askToken is how this device, and nobody else, knows its ask again.
func (d *Daemon) askToken(nonce []byte) []byte {
	const name = "sticks"
	d.courier.Lock()
	defer d.courier.Unlock()
	secret := d.shelf.Mark(name)
	if len(secret) != sha256.Size {
		secret = make([]byte, sha256.Size)
		_, _ = rand.Read(secret)
		if err := d.shelf.SetMark(name, secret); err != nil {
			return make([]byte, tokenSize) // a stick is not known again; the shelf has told of its trouble
		}
	}
	h := hmac.New(sha256.New, secret)
	h.Write(nonce)
	return h.Sum(nil)[:tokenSize]
}

func (d *Daemon) myAsk(ask []byte) bool {
	return len(ask) > tokenSize+exchange.AskNonce &&
		hmac.Equal(ask[:tokenSize], d.askToken(ask[tokenSize:tokenSize+exchange.AskNonce]))
}
