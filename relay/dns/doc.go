// Package dns is the relay's end of the DNS tunnel.
//
// # Purpose
//
// Serve answers for one zone: it takes units that arrive in names, in pieces,
// and hands out units in the records of answers (link/dns/wire). For everything
// else it is a small authoritative server. The bytes are specified in spec/dns.md.
//
// # Invariants
//
//   - A unit is called held only when it is on stable storage.
//   - An answer is at most three times its query until whoever asks has shown that
//     answers reach the network that it asks from; never more than 1,232 bytes.
//   - Each network prefix gets so many answers and bytes, and no more.
//   - It asks nobody anything, and answers for no other zone.
//   - No address, name, key or id is logged; in memory a prefix is a keyed hash.
//   - What sessions hold is limited, and a session that was forgotten costs its
//     client one greeting.
//
// # Not here
//
// Where units rest (relay.Box), which are taken (relay.Mailbox), the client
// (link/dns).
//
// # Read next
//
// spec/dns.md, then serve.go, session.go and stream.go.
package dns
