// Package observe judges whether the network is answering.
//
// # Purpose
//
// A Log takes evidence (an interface came up, a relay answered with its key,
// something else answered in its place) and holds the verdict with its age and
// the windows in which relays abroad answered. Forecast says between which
// hours windows used to open and close; Wait says when to try next. A Word is what
// devices on one LAN say to each other of it, and an Ear decides whom to heed.
//
// # Invariants
//
//   - Only an authenticated answer of a relay abroad opens a window.
//   - Silence is not evidence until something was tried: not-known is a verdict.
//   - Nothing is extrapolated: a window ends when an answer was last seen.
//   - A forecast is a range of hours seen on two days or more, or nothing; it is
//     never a countdown.
//   - A neighbour's word changes when to try and nothing else, a bounded number of times.
//   - Local time is that of the zone of the time that is passed in.
//
// # Not here
//
// Sending probes (observe/probe looks at the device, daemon tries the relays),
// clocks, telling anybody.
//
// # Read next
//
// daemon, which feeds the evidence, and web, which words the verdict.
package observe
