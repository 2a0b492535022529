// Package api is the one local door: what the page and the command line may
// ask of the node on this device.
//
// # Purpose
//
// Backend is the contract, implemented by daemon.Daemon inside the process and
// by Client across loopback HTTP. Handler serves a Backend as JSON. The types
// are the JSON shapes that scripts rely on: fields are added, never renamed.
// WriteDoor leaves the address and the token in the data folder, and Dial
// finds a running Jauap there.
//
// # Invariants
//
//   - The page can do nothing that the command line cannot.
//   - The door opens on loopback only, for a Host that names loopback, and only
//     for the token in the data folder. Browsers are refused.
//   - A Client tells its token to nobody who has not proven to know it.
//   - errors.Is finds the same sentinel on both sides of the door.
//   - Times are RFC 3339 in UTC; an unknown time is absent, never guessed.
//   - A file that breaks off never looks whole.
//
// # Not here
//
// Pages (web), assembly (daemon). Another user of the same account on this
// device can read the token: the door does not protect against them.
//
// # Read next
//
// types.go, handler.go and door.go, then web and daemon.
package api
