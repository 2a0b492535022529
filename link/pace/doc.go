// Package pace decides how fast a QUIC connection sends.
//
// # Purpose
//
// A Sender measures how many bytes a second the far end confirms and how short a
// round trip can be, and sends at that rate with as much under way as fills the path.
// It is built after the published design of BBR (draft-ietf-ccwg-bbr; Cardwell et
// al., "BBR: Congestion-Based Congestion Control", ACM Queue 14(5), 2016), because
// the links of a blackout lose packets without being full: Cubic and Reno halve
// their rate for each such loss and leave most of a window unused.
//
// # Invariants
//
//   - A lost packet alone never slows a Sender. Loss together with a growing round
//     trip does (a queue runs over), and so does loss that goes away when less is sent
//     (somebody limits the rate).
//   - What is under way is bounded by twice what the path holds.
//   - Once in ten seconds at most a Sender looks whether the round trip has become
//     shorter, and then only if it has not seen it meanwhile.
//   - Time is an argument: the same events give the same decisions.
//
// # Not here
//
// Which packets are lost and what is sent again (QUIC itself); which letter goes
// first (exchange).
//
// # Read next
//
// sender.go, then sample.go. link/lan and link/relay use it on both ends.
package pace
