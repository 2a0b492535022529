// Package fold makes the letters that share an envelope smaller.
//
// # Purpose
//
// Fold writes parts one behind the other and compresses them (DEFLATE, RFC 1951);
// Unfold reads them back. On a slow line the texts of a person then take half of their
// air time, in Cyrillic a third. spec/letter.md, "Folded".
//
// # Invariants
//
//   - Unfold never makes more than 256 KiB and 1,024 parts of anything.
//   - What Fold wrote, Unfold reads; everything else is an error or parts, never a panic.
//   - Nothing is folded twice.
//
// # Not here
//
// Which letters share an envelope, and whether folding is worth it (account).
//
// # Read next
//
// fold.go; account/fold.go uses it.
package fold
