// Package broadcast is the link that goes one way to everybody who listens.
//
// # Purpose
//
// A Programme turns units into packets (link/fountain) and repeats them round
// and round: to a UDP multicast group or address (Air), or into a file that is
// also an MPEG transport stream, so that a satellite channel can send it and a
// recorder can keep it (Recording). Listen and Recording.Each take units out
// again. The bytes are specified in spec/broadcast.md.
//
// # Invariants
//
//   - Nobody who listens sends anything.
//   - Whoever joins late, loses 30 % of all packets or finds foreign and forged
//     ones between them still gets every block that enough packets arrive of.
//   - A block keeps its packets from round to round while its units are offered,
//     so that what one round lost the next may bring.
//   - What a listener holds in memory is limited (fountain.Collector).
//
// # Not here
//
// Which units to send and how often (daemon); erasure coding (link/fountain).
//
// # Read next
//
// spec/broadcast.md, then programme.go and ts.go.
package broadcast
