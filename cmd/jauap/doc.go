// Command jauap gets an answer from a place that no longer responds.
//
// # Purpose
//
// The doors: one file per group of commands, each a few lines of flags and
// text around the local door (web/api) or a room. Run "jauap help".
//
// # Invariants
//
//   - Exit codes: 0 done, 1 failed, 2 wrong use.
//   - Errors say what to do; --json shapes are those of web/api.
//   - Every command works while "jauap up" runs on the same data, through its
//     door, and without it where that makes sense.
//
// # Not here
//
// Behaviour: a command that grows past its flags belongs into a room.
//
// # Read next
//
// main.go, then daemon.
package main
