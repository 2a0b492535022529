// Package inbox lets anybody write to a desk that published one card.
//
// # Purpose
//
// A desk opens an inbox and publishes its card. Who has the card seals letters
// and reports to it without a session; the desk finds them among what its
// device carries, puts their pieces together and proves that they came. A slip
// brings an address of its own, to which answers are sealed. The bytes are
// specified in spec/inbox.md.
//
// # Invariants
//
//   - The writer's device cannot open what it sealed, and nothing that travels
//     names the writer.
//   - The secret of a week is erased when its letters have expired, and never by
//     a clock in doubt.
//   - A proof is made only for content that is whole and on stable storage.
//   - Who answered cannot open the answer again: an address moves on with each.
//   - What strangers send costs bounded work and room; a flood evicts itself.
//
// # Not here
//
// What reports and slips say (bulletin/evidence, desk, inquiry), sessions between people
// (account), the way of envelopes (node), any clock.
//
// # Read next
//
// spec/inbox.md, then card.go, seal.go, box.go, sent.go and reply.go.
package inbox
