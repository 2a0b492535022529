// Package demo is a blackout on one machine.
//
// # Purpose
//
// Three people and a newsroom with real nodes on real loopback sockets (Aigerim
// in Almaty, Timur who travels with a phone, Dana and the newsroom abroad), a
// real relay, and a border that a switch opens and shuts. Two pages show them
// side by side: letters; and the voices, where somebody is asked after, a report
// reaches a desk, and a hospital speaks to everybody.
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
