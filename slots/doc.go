// Package slots lets two devices find out whether their people know each other.
//
// # Purpose
//
// Each end of a link says 128 slots of eight bytes: for each contact what only the
// two can compute, for this link alone, among random ones. Whoever finds a slot of
// a contact has met that contact's device. spec/lan.md, 5.
//
// # Invariants
//
//   - A frame always has the same length and is random to everybody without a key:
//     neither who nor how many the contacts are can be seen in it.
//   - Nothing of one link is worth anything on another, in the other direction, or
//     on the two links of somebody in the middle.
//   - Who has more contacts than slots says them in turns.
//
// # Not here
//
// The keys (account, seal), the links' secrets (link/lan), what a contact may do
// (node, routing).
//
// # Read next
//
// spec/lan.md, then slots.go.
package slots
