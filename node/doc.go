// Package node is the carrier: one shelf and all its meetings.
//
// # Purpose
//
// A Node is a value. Step takes the time and what happened (links that came
// and went, frames, own units) and answers what to do (frames to send, links
// to close, units that arrived). It joins store, exchange and routing and
// never sees plaintext: what arrives is handed out as bytes.
//
// # Invariants
//
//   - Same seed and same events give the same effects, on any machine.
//   - Nothing but the shelf is touched; Step waits for nothing but its disk.
//   - One Sync per Step, and no confirmation before it.
//   - A unit is put on the shelf only after its signature was checked.
//   - A unit of S3 or more that two links offer is asked from one at a time; a
//     named peer does not wait for a stranger. Smaller ones wait for nobody.
//
// # Not here
//
// Sockets and goroutines (daemon), keys and letters (account), which units are
// admitted and in which order (routing).
//
// # Read next
//
// node.go (Step), view.go (what a session sees of the shelf), then daemon.
package node
