// Package wire is what the two ends of a DNS tunnel say to each other.
//
// # Purpose
//
// Units are cut into symbols of 16 bytes of which any K bring the unit back
// (Spread, Gather). Messages carry symbols, acknowledgements and questions
// (Up, Down). A session seals them to the relay's key (Client, Server), and a
// name or the records of an answer carry what was sealed (Zone, Pack). The bytes
// are specified in spec/dns.md.
//
// # Invariants
//
//   - A name holds lower-case letters and digits, reads the same in any case, and
//     looks like noise to whoever lacks the relay's public key.
//   - No two names of a session are the same, so that no cache answers.
//   - Decoders bound what they are given; what does not open is nobody's.
//   - Any K of 256 symbols bring a unit of K symbols back, and no fewer.
//
// # Not here
//
// Sockets, time, when to send what (link/dns, relay/dns); what a unit is.
//
// # Read next
//
// spec/dns.md, then message.go, then link/dns.
package wire
