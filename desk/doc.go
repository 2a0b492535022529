// Package desk tells claims from facts: reports, incidents, and a ledger of
// what others say.
//
// # Purpose
//
// A Desk keeps verified reports, lets a person join them to incidents, counts
// what independent sources say, and keeps the claims of officials, hospitals and
// witnesses side by side with their history. It exports what consent allows.
// The bytes are specified in spec/desk.md.
//
// # Invariants
//
//   - Entries only grow; a correction is an entry. Two desks that exchanged
//     theirs see the same.
//   - No program joins reports: it suggests, a person decides and can undo.
//   - A claim is never overwritten, also not by its author.
//   - Nothing leaves that its reporter's consent forbids, not even as a number.
//
// # Not here
//
// How reports come (inbox), whether a package holds (bulletin/evidence), private
// letters, paper (desk/paper), any clock.
//
// # Read next
//
// spec/desk.md, then entry.go, desk.go, view.go and export.go.
package desk
