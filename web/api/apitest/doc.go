// Package apitest is a small Backend in memory, and a check of what every
// Backend owes its callers.
//
// # Purpose
//
// Tests of the page, the door and the command line run against Fake: it keeps
// people, letters and files, counts changes, and fails on request. Check runs
// the same questions over Fake, Client and the daemon.
//
// # Invariants
//
//   - Fake seals and sends nothing; a letter changes its state only when the
//     test says so.
//   - Fake looks at no clock but the one it is given.
//
// # Not here
//
// Anything a running Jauap needs.
//
// # Read next
//
// api, then fake.go.
package apitest
