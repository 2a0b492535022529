// Package probe looks at this device's network and power.
//
// # Purpose
//
// Watch tells at once when something about the network changed, so that it is
// tried now. Look says whether there is a network and a way on, Pulse whether a
// connection's far end still confirms what it gets, and Supply what the device
// runs on.
//
// # Invariants
//
//   - Nothing is sent to anybody.
//   - Not to know is an answer: a system that hides its interfaces gives no
//     error and no claim.
//   - Watch reports the first of many changes without delay and the last of
//     them soon after; it never floods its reader.
//
// # Not here
//
// Verdicts (observe), trying relays (daemon).
//
// # Read next
//
// watch.go, then daemon/notice.go.
package probe
