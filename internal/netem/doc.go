// Package netem is a bad network in user space: a link with a rate, a delay,
// losses, a short queue and hours in which it is off.
//
// # Purpose
//
// A Line is a full-duplex link between two UDP sockets on loopback, so that real
// programs can be measured on it without root. Its two Lanes can also be used by
// themselves, with a time that the caller invents, to try a sender in virtual time.
//
// # Invariants
//
//   - Sizes are those of IP packets: a datagram weighs 28 bytes more than its
//     payload (IPv4 and UDP headers).
//   - A lost packet still uses its air time; one that finds the queue full does not.
//   - While the link is down it is a black hole: nobody is told.
//   - The same seed loses the same packets of the same sequence.
//
// # Not here
//
// TCP, several hosts, packet filters: a TUN device and network namespaces do that.
//
// # Read next
//
// lane.go, then line.go; bench uses both.
package netem
