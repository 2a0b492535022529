// Package stamp reads and asks for words of outside witnesses about a root.
//
// # Purpose
//
// A time-stamp authority (RFC 3161) signs that a hash existed at a time; an
// OpenTimestamps calendar puts a hash into Bitcoin. This room makes what is sent
// to them, and says of what they answer what it proves. The bytes are specified
// in spec/evidence.md, 7.
//
// # Invariants
//
//   - Nothing but a root, or a hash over it, is in a request.
//   - Whatever the bytes are, reading them costs time and memory that constants
//     bound; no chain is at hand, and none is pretended.
//   - Whether an authority deserves trust is never judged: a caller may name a
//     certificate, and then it is said whether the token leads to it.
//
// # Not here
//
// Sockets (bulletin/evidence/ask), packages (bulletin/evidence), words in other
// languages.
//
// # Read next
//
// tsa.go, token.go, ots.go.
package stamp
