// Package mounts tells which sticks and cards are plugged in.
//
// # Purpose
//
// Watch calls back whenever the list of mounted sticks changes, so that a person
// need not say where one is. It knows Linux; elsewhere it says so.
//
// # Invariants
//
//   - Nothing is mounted, unmounted or read here: only the system's own list is.
//   - Waiting costs next to nothing: the system wakes the watcher, which looks of
//     its own accord every two seconds.
//
// # Not here
//
// What lies on a stick (link/folder), and whether to touch it (daemon).
//
// # Read next
//
// mounts.go.
package mounts
