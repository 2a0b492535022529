// Package sim runs a country in one process from one seed.
//
// # Purpose
//
// Run plays a Scenario (people, their contacts, letters) in virtual time over
// real nodes, each with a real shelf on a disk in memory, and says what share
// of the letters arrived, when, and at what cost. Beside it stands what an
// ideal flood would do with the same contacts and letters.
//
// # Invariants
//
//   - Same scenario and seed give the same Result, event for event, on any
//     machine and at any GOMAXPROCS: Result.Hash says so.
//   - Nothing of node, exchange, routing or store is imitated here.
//   - No wall clock, no socket, no goroutine.
//
// # Not here
//
// Letters that people could read: units are made with keys that the seed
// gives, and nobody opens them.
//
// # Read next
//
// scenario.go, run.go; traces/README.md for the data.
package sim
