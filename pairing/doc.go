// Package pairing brings two people to hold each other's cards.
//
// # Purpose
//
// Over a telephone line that works for two minutes, one side reads 24 digits
// or eight words and the other types them. The digits commit to a card that
// waits at a drop, which relays and neighbours carry as any letter. Beside
// that: introductions by a common contact, and the note by which each learns
// that the other has checked them. spec/pairing.md
//
// # Invariants
//
//   - A card is believed only if the code that a voice read is its own.
//   - Who heard a code can neither occupy nor delete the drop, and costs a
//     reader a bounded amount of work.
//   - What one side verified never makes the other side trust.
//   - Codes, looks and introductions survive a restart; doing a step twice does
//     no harm.
//
// # Not here
//
// Cards and keys (identity), contacts and trust (account), the way of a drop
// (node), pictures (scan), any clock.
//
// # Read next
//
// spec/pairing.md, then code.go, drop.go and pairing.go.
package pairing
