// Package group seals letters for a whole group, one envelope each.
//
// # Purpose
//
// A Pen is a member's own chain, an Ear is what others keep of it. Handing out
// a chain lets its holders find and open all letters from there on; only the
// owner of the pseudonym can sign under its one-time keys. spec/group.md, 2 to 5.
//
// # Invariants
//
//   - No index is used twice, provided that a Pen is durable before what it
//     sealed leaves.
//   - An error leaves the state unchanged; nothing is opened twice.
//   - No letter needs another to have arrived before it.
//   - Holders of a chain can neither forge a letter of it nor a proof of
//     delivery.
//
// # Not here
//
// Who belongs to a group (roster), keeping states and choosing to whom a chain
// is handed (group), any clock.
//
// # Read next
//
// blind.go for the one-time keys, pen.go and ear.go, then spec/group.md.
package group
