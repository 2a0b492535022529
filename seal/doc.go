// Package seal turns letters into envelopes and back.
//
// # Purpose
//
// Two people share a session. It starts with one envelope, needs no server
// and no clock, survives loss, doubling and days of delay, and gives every
// envelope its own key and its own one-time address. The bytes and the rules
// are specified in spec/seal.md.
//
// # Invariants
//
//   - No chain index is used twice, provided that a state is durable before
//     what it sealed leaves.
//   - An error leaves the state unchanged; nothing is delivered twice.
//   - No letter needs another letter to have arrived before it.
//   - Keys are erased when they were used.
//   - No identity key signs a letter.
//
// # Not here
//
// Keeping states and envelopes (account, store), which session to use
// (account), groups, any clock: time is device-on seconds from the caller.
//
// # Read next
//
// spec/seal.md, then session.go, seal.go and open.go in this order.
package seal
