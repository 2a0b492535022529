// Package sticks decides when to visit a stick or a synchronised folder, and keeps
// what there is to tell of visits.
//
// # Purpose
//
// A Desk knows the visit that is under way and how far it is, visits sticks that
// are plugged in when this device was there before, keeps the others until
// somebody says yes or no, and follows folders that other programs synchronise.
//
// # Invariants
//
//   - Nothing is written to a stick that this device does not know, unless
//     somebody says so or the settings do.
//   - One visit at a time.
//   - Two devices that follow one folder and hold the same fall silent.
//
// # Not here
//
// What a visit does (daemon), what lies on a stick (link/folder), what is plugged
// in (mounts).
//
// # Read next
//
// desk.go, then plugged.go.
package sticks
