// Package inquiry asks after people who cannot be reached, by way of helpers.
//
// # Purpose
//
// An asker fills a slip; helpers inside take it, call or visit, and record the
// answer, which goes back with who says so, how and when. Desk is an App of an
// account, beside chat. Who knows no helper asks by way of a public inbox. PFIF
// and CSV carry slips to and from other systems. The bytes are specified in
// spec/inquiry.md.
//
// # Invariants
//
//   - A slip never changes and events only grow: in whatever order they come,
//     all devices see the same state.
//   - Two who take the same slip are both named; no answer is lost or doubled.
//   - A helper's device forgets whom a slip was about when it is over.
//   - What strangers send is bounded, and nothing of it fails a transaction.
//   - Through whom a word came is part of it. Who asked an inbox learns its name
//     and no helper's.
//
// # Not here
//
// Sealing and carrying (account, node), telephone calls, any clock.
//
// # Read next
//
// spec/inquiry.md, then slip.go, desk.go, boxed.go and pfif.go.
package inquiry
