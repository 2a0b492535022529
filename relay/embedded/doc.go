// Package embedded is a relay.Box in one folder of this machine.
//
// # Purpose
//
// It puts relay.Box over store.Shelf: concurrent deposits share one fsync, and
// nothing is shown before it is on stable storage.
//
// # Invariants
//
//   - The durable mark never goes past what a Sync confirmed; List and Get
//     show nothing above it.
//   - A unit that was here before is acknowledged like a new one: after a Sync.
//   - The epoch changes when the box was replaced by an old copy of itself, as
//     far as that can be seen (see Open).
//
// # Not here
//
// Files and their layout (store), limits and clients (relay).
//
// # Read next
//
// embedded.go, then relay/boxtest.
package embedded
