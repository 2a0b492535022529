package node

import (
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
)

// Ask is what this node holds, for whoever visits a Drop after it: a sketch under
// a nonce that is random and used once.
func (n *Node) Ask(nonce [exchange.AskNonce]byte) []byte { return exchange.Ask(nonce, n.each) }

// Lacking answers which units the one who left an ask lacked. even says that it
// held the same as this node does now; ok is false when nothing can be told.
func (n *Node) Lacking(ask []byte) (lacks map[envelope.ID]bool, even, ok bool) {
	return exchange.Lacking(ask, n.each)
}

func (n *Node) each(f func(envelope.ID)) {
	for seq := uint64(0); ; {
		page := n.sh.Since(seq, pageEntries)
		if len(page) == 0 {
			return
		}
		for _, e := range page {
			seq = e.Seq
			if e.Expiry >= n.today {
				f(e.ID)
			}
		}
	}
}
