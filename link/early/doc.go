// Package early keeps what arrives back for the moment in which a QUIC stream
// is opened before the handshake is over.
//
// # Purpose
//
// quic-go makes a stream for 0-RTT out of the far end's remembered limits while
// its own handshake writes the limits that arrive: two goroutines, one pointer,
// no lock. A Gate in front of the socket puts one before the other. It is shut
// while a conn is dialled and its stream opened, which with a ticket takes less
// than a millisecond and no packet.
//
// # Invariants
//
//   - A Gate opens again after Most, whatever its holder does: without a ticket
//     the dialling itself waits for what arrives.
//   - Whoever shuts it waits until it is open.
//
// # Not here
//
// Sockets, tickets and what the first flight holds (link/lan, link/relay).
//
// # Read next
//
// gate.go.
package early
