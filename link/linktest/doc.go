// Package linktest holds the behaviours that every link adapter must show.
//
// # Purpose
//
// RunConn and RunDrop are conformance suites: an adapter's own test calls
// them with real links. Line is a link in memory with knobs for rate, delay and
// cuts, for tests of those who use links; it passes the same suite.
//
// # Invariants
//
//   - The suites check what callers rely on, and nothing that only one carrier
//     can do.
//   - A Line starts no goroutine and keeps time only by timers, so that it
//     works inside testing/synctest.
//
// # Not here
//
// What is said over a link; faults of one carrier (those stand beside it).
//
// # Read next
//
// link, then link/folder and link/lan for adapters that pass.
package linktest
