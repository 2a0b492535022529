// Package udp carries a relay's sessions over QUIC.
//
// # Purpose
//
// Serve answers QUIC beside the relay's HTTPS, under the same key. A Stream is
// one connection's only stream of bytes with a known end; both ends use it.
// spec/relay.md, 10, says what happens on the wire.
//
// # Invariants
//
//   - Frames that come before the handshake is over (0-RTT) are taken as all
//     others: whoever repeats them changes nothing.
//   - The keys of tickets live in memory only and die with the process.
//   - An end is told from a cut: io.EOF comes only after the far end's last
//     byte.
//   - Nothing about a client is kept between its connections.
//
// # Not here
//
// Sessions, limits by prefix and the box (relay), dialling (link/relay), the
// choice of ways (link/race).
//
// # Read next
//
// stream.go, then serve.go.
package udp
