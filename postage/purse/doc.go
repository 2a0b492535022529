// Package purse keeps a person's tokens, and pays with them.
//
// # Purpose
//
// A Purse holds tokens in the vault until each is spent, as stamps on units that may
// have to go over strangers, and the ring of issuers' keys, which is a file of its own
// because a node that carries while its vault is closed honours stamps, too.
// spec/postage.md, 5 and 6.
//
// # Invariants
//
//   - A token is off the disk before its stamp leaves the purse: one that is lost in a
//     power cut is lost, none is spent twice.
//   - A token is kept only of a key in the ring.
//   - There are at most Most tokens, and Enough are asked for.
//
// # Not here
//
// Issuing and the talk with a relay (postage), the shelf and links (daemon).
//
// # Read next
//
// purse.go.
package purse
