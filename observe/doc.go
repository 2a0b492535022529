// Package observe judges whether the network is answering.
//
// # Purpose
//
// A Log takes evidence (an interface came up, a relay answered with its key,
// something else answered in its place) and holds the verdict with its age and
// the windows in which answers came.
//
// # Invariants
//
//   - Only an authenticated answer of a relay opens a window.
//   - Silence is not evidence until something was tried: not-known is a verdict.
//   - Nothing is extrapolated: a window ends when an answer was last seen.
//
// # Not here
//
// Sending probes, clocks, telling anybody.
//
// # Read next
//
// daemon, which feeds the evidence, and web, which words the verdict.
package observe
