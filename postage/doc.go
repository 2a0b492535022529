// Package postage issues tokens blindly, spends them and knows good ones.
//
// # Purpose
//
// A relay signs the keys of tokens without seeing them; a device spends a token on a
// unit that has to go over strangers, as a stamp (envelope.NewStamp), and every device
// that knows the issuer's key can tell that the unit has postage. Here are the keys of
// an issuer (Mint), the tokens (Token), what device and relay say to each other (Ask,
// Answer), when a device asks (Talk), and the keys that a device honours (Ring). The
// bytes and the rules are in spec/postage.md.
//
// # Invariants
//
//   - A token's key never leaves the device before the token is spent, and what was
//     signed blindly cannot be linked to it.
//   - A signature is checked before a token is kept, and before a stamp is honoured.
//   - A key is honoured only of a relay that the person uses, and until its last day.
//   - Keys and what blinds them come from crypto/rand.
//
// # Not here
//
// Where tokens rest and which unit gets one (postage/purse), what postage is worth on
// the way (routing, node), limits by address (relay), files and clocks.
//
// # Read next
//
// spec/postage.md, then token.go, wire.go, mint.go, talk.go and ring.go.
package postage
