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
//   - Nothing but a greeting leaves that anybody but the holder of the key can
//     read: over TCP the key is proven first, over QUIC the first flight may be
//     encrypted to a secret that a ticket kept.
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
// dial.go, then upgrade.go and udp.go for the round trips that are saved.
package relay
