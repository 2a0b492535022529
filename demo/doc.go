// Package demo is a blackout on one machine.
//
// # Purpose
//
// Three people with real nodes on real loopback sockets (Aigerim in Almaty,
// Timur who travels with a phone, Dana abroad), a real relay, and a border
// that a switch opens and shuts. One page shows them side by side.
//
// # Invariants
//
//   - Nothing is played: every letter goes through daemon, node and relay as
//     it would between cities.
//   - It listens on loopback only and leaves nothing behind.
//
// # Not here
//
// Any second implementation of anything; pages of a person (web).
//
// # Read next
//
// world.go, then daemon.
package demo
