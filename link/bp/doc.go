// Package bp is the link that delay-tolerant networks make: other people's
// infrastructure (ION, dtn7, HDTN, µD3TN, Hardy) carries units as bundles.
//
// # Purpose
//
// A Session is a line to one bundle node: TCPCL version 4 (RFC 9174), MTCP or STCP.
// Files is a folder of bundles for tools that take them from there. The bundles are
// those of link/bundle. spec/bp.md says what is chosen where the standards leave a
// choice.
//
// # Invariants
//
//   - A bundle is acknowledged only after whoever takes it said that it is kept.
//   - Bundles for others are refused, not swallowed: nothing here forwards them.
//   - A name that was not given is drawn anew for each session; nothing else tells
//     one session from another's.
//   - What a far end can make this process hold is bounded: one bundle that is
//     arriving, and a queue of those that wait to be taken.
//
// # Not here
//
// What units mean, which to send and when to call again (daemon); routing, fragments,
// reports, BPSec: nodes on the way do that.
//
// # Read next
//
// spec/bp.md, then spot.go, session.go.
package bp
