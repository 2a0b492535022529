package daemon

import (
	"context"
	"crypto/hmac"
	"crypto/rand"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link/folder"
	"github.com/jauap/jauap/sticks"
)

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
		if len(ask) <= sticks.TokenSize+exchange.AskNonce {
			continue
		}
		d.courier.Lock()
		lacks, even, ok := d.node.Lacking(ask[sticks.TokenSize:])
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
	if len(sketch)+sticks.TokenSize <= folder.MaxAsk {
		_ = drop.Ask(ctx, append(d.askToken(nonce[:]), sketch...), d.myAsk)
	}
}

// askToken is how this device, and nobody else, knows its ask again.
func (d *Daemon) askToken(nonce []byte) []byte {
	const name = "sticks"
	d.courier.Lock()
	defer d.courier.Unlock()
	secret := d.shelf.Mark(name)
	if len(secret) == 0 {
		secret = make([]byte, 32)
		_, _ = rand.Read(secret)
		_ = d.shelf.SetMark(name, secret) // failing, a stick is not known again; the shelf tells of its trouble
	}
	return sticks.Token(secret, nonce)
}

func (d *Daemon) myAsk(ask []byte) bool {
	const head = sticks.TokenSize + exchange.AskNonce
	return len(ask) > head && hmac.Equal(ask[:sticks.TokenSize], d.askToken(ask[sticks.TokenSize:head]))
}
