// Package identity holds the keys of a person and the cards that they give.
//
// # Purpose
//
// A person is a pseudonym: an Ed25519 key that signs cards and an X25519 key
// that takes part in the start of sessions. A card is what you give another
// so that they can write to you; a fingerprint is what two people compare
// aloud. The bytes are specified in spec/seal.md, 3.
//
// # Invariants
//
//   - One Go type per role of a key: no key can be used for another's work.
//   - The signing key signs cards and nothing else, never a letter.
//   - Secrets are redacted whatever verb prints them.
//   - One encoding per card, invite and fingerprint; everything else is refused.
//
// # Not here
//
// Sessions (seal), contacts and petnames (account), files of any kind.
//
// # Read next
//
// spec/seal.md, 3, then seal.
package identity
