// Package bulletin is public notices, signed by editors and carried by all.
//
// # Purpose
//
// A Shelf of boards follows public voices and publishes as one. Notices are
// sealed into ordinary envelopes, so that carriers need to know nothing about
// them. The bytes are specified in spec/bulletin.md.
//
// # Invariants
//
//   - Nothing is shown that enough editors of a pinned card did not sign.
//   - Gaps and forks are said, never hidden; a fork is never forgotten.
//   - Editors' keys are made for boards alone and never sign letters or cards of
//     persons.
//   - A notice's envelope is on stable storage before its number is used again.
//
// # Not here
//
// Private letters and who writes them, carrying (node), any clock.
//
// # Read next
//
// spec/bulletin.md, then card.go, notice.go and boards.go; evidence for reports.
package bulletin
