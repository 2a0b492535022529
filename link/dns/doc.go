// Package dns is the link through name servers, for networks in which only names
// still resolve.
//
// # Purpose
//
// A Tunnel carries small units to a relay in the names that it asks any resolver
// for, and back in the answers (relay/dns is the far end). It is a link.Drop; for
// those who stay, Feed and Pull go on from where they were. The bytes are
// specified in spec/dns.md.
//
// # Invariants
//
//   - Uploading goes on although no answer ever comes; what arrives counts.
//   - A unit is told as held only when the relay said so under the session's key.
//   - It sends nothing when there is nothing to ask or to give, and no two queries
//     at an even step.
//   - A name has at most 72 bytes; longer ones only for units of 1,024 bytes and
//     more, and only while answers show that they pass.
//
// # Not here
//
// Which units go (daemon); codec and keys (link/dns/wire).
//
// # Read next
//
// spec/dns.md, then tunnel.go, up.go and down.go.
package dns
