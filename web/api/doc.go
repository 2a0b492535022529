// Package api is the one local door: what the page and the command line may
// ask of the node on this device.
//
// # Purpose
//
// Backend is the contract, implemented by daemon.Daemon inside the process and
// by Client across loopback HTTP. Handler serves a Backend as JSON. The types
// are the JSON shapes that scripts rely on: fields are added, never renamed.
//
// # Invariants
//
//   - The page can do nothing that the command line cannot.
//   - The door opens on loopback only, and only for the token in the data
//     folder.
//   - Times are RFC 3339 in UTC; an unknown time is absent, never guessed.
//
// # Not here
//
// Pages (web), assembly (daemon).
//
// # Read next
//
// types.go, then web and daemon.
package api
