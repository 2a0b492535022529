// Package bundle reads and writes bundles of the Bundle Protocol, version 7.
//
// # Purpose
//
// A bundle is how delay-tolerant networks carry bytes. Pack makes one of a unit,
// anonymous and alike for all; Parse takes one apart, whoever made it. The bytes
// are RFC 9171's; which of its choices are ours is in spec/bp.md.
//
// # Invariants
//
//   - Nothing in a bundle that Pack makes stays the same from one to the next but
//     its destination: no source, no counter, no exact time.
//   - Parse is linear in its input, allocates no more than its input is long and
//     never panics. Extension blocks are stepped over, not understood, but for
//     what says that the bundle must not be used.
//   - Only the few forms of CBOR that bundles need are known here.
//
// # Not here
//
// Ways that bundles go (link/bp); routing, fragments, status reports, BPSec.
//
// # Read next
//
// spec/bp.md, then pack.go.
package bundle
