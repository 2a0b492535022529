// Package relay is the link to a mailbox abroad.
//
// # Purpose
//
// A Dialer reaches the relay that an address names, makes sure that it holds
// the pinned key, and answers a stream of bytes. spec/relay.md says what
// happens on the wire.
//
// # Invariants
//
//   - Nothing but a TLS greeting leaves before the far end proved the key.
//   - The device's clock, its root certificates and DNS decide nothing.
//   - What is not our relay is said to be so, and what was seen instead:
//     people meet captive portals more often than attackers.
//
// # Not here
//
// Frames (exchange), which relay and when (the caller), the other end (package
// relay at the root), disguises.
//
// # Read next
//
// dial.go, then upgrade.go for the round trip that is saved.
package relay
