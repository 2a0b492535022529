// Package routing decides who may have what and in which order.
//
// # Purpose
//
// Pure functions from facts about a unit to a decision: admit it or not
// (Admit), before which others to offer it (Compare), to how many to hand it on
// (MayOffer), and which goes first when the shelf is full (Rank).
//
// # Invariants
//
//   - No state, no clock, no randomness: same facts, same answer.
//   - Own units are always admitted and always offered.
//   - A unit that lives longer than any honest one is refused.
//   - More room never turns an admitted unit away.
//
// # Not here
//
// Signatures and layout (envelope), keeping and evicting (store), asking and
// sending (exchange), applying all this (node).
//
// # Read next
//
// routing.go, then node/view.go where each function is used.
package routing
