// Package lan is the link between devices on one network: a Wi-Fi, a cable, a
// phone's hotspot, with or without internet behind it.
//
// # Purpose
//
// A Room listens on one port for QUIC and, where UDP is blocked, for TLS over
// TCP. It finds other Rooms by UDP multicast and meets them, or meets whoever a
// person's typed address leads to.
//
// # Invariants
//
//   - Nothing on the air outlives a start: certificate, token and port are
//     fresh, and no session is resumed.
//   - Peers are strangers here: no conn has a Peer.Key. The certificates prove
//     nothing, they only keep listeners out. A Conn's Binding lets contacts
//     recognise each other above.
//   - A cut is an error; io.EOF means that the far end closed and everything
//     it wrote before was read.
//   - Whatever is on the network, memory and work are bounded: conns, handshakes,
//     neighbours, notes and what a beacon can cause.
//   - A Room asks no address that is not of its own private network, and no more than
//     25 a second.
//   - One datagram lost of a greeting and its first words to somebody far away is made
//     from the others.
//   - A Room starts without multicast too: a note says what is missing.
//
// # Not here
//
// Who a peer is and what is said (slots, exchange); when to dial whom again
// (daemon). A walker who does not want two networks to know that the same
// device came by closes the Room when it says Moved, and listens anew.
//
// # Read next
//
// spec/lan.md, link, link/linktest; then room.go, conn.go and beacon.go.
package lan
