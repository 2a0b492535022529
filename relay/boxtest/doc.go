// Package boxtest holds the behaviours that every relay.Box must show.
//
// # Purpose
//
// Run checks a Box against the contract of relay.Box; Unit makes units for it;
// Memory is a Box for the tests of those who only need one.
//
// # Invariants
//
//   - What is checked here is written in the contract, and the other way round.
//   - No sleeps: concurrent tests wait for what they need.
//
// # Not here
//
// Crashes, which need the engine's own storage: see relay/embedded.
//
// # Read next
//
// relay/box.go, then memory.go.
package boxtest
