// Package envelope is the fixed layout that carriers see.
//
// # Purpose
//
// An envelope is a sealed letter as a stranger's device holds it: a few fixed
// fields, a one-time signature and a body of one of six sizes. The package
// builds, parses and checks envelopes, the proofs that say "delivered,
// delete" and the stamps that say "postage was paid". The bytes are specified in spec/envelope.md.
//
// # Invariants
//
//   - One encoding per envelope: Parse accepts exactly what New builds.
//   - An envelope never changes on its way; its ID is the SHA-256 of its bytes.
//   - Nothing here names a sender, a recipient, a hop count or a time of day.
//   - Parse never allocates more than its input and never panics.
//
// # Not here
//
// Whether a token is good (the room that has the issuers' keys), plaintext (seal), admission and order (routing), keeping (store), any clock.
//
// # Read next
//
// spec/envelope.md, then seal (what is inside) and store (where it rests).
package envelope
