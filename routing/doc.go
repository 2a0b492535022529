// Package routing decides who may have what and in which order.
//
// # Purpose
//
// Pure functions from facts about a unit to a decision: how near its depositor
// is (Edge.Grade), admit it or not (Admit), in which order to offer (Turns,
// Compare), to how many to hand it on (MayOffer), how a full shelf is shared
// out (Rules), and what of that which it evicted it takes again (TakeAgain).
//
// # Invariants
//
//   - No clock, no randomness: same facts, same answer. What lasts longer (Edge,
//     Turns) is a value of the caller.
//   - Own units are always admitted and always offered.
//   - A unit that lives longer than any honest one is refused.
//   - More room never turns an admitted unit away.
//   - A full shelf takes each unit once, whatever is on it, and again only of a
//     better rank: crowds of full shelves come to rest.
//   - A stranger cannot give anything the rank Near, nor a contact more than
//     its credit.
//   - Towards strangers own units have the place of units that a contact brought.
//   - Doubt of a contact changes the order, and whether its word is passed on, and
//     nothing else: all is offered.
//
// # Not here
//
// Signatures and layout (envelope), keeping and evicting (store), asking and
// sending (exchange), applying all this (node).
//
// # Read next
//
// rank.go for what a flood can do, plan.go for the order, then
// node/view.go where each function is used.
package routing
