// Package finds remembers which ways to relays answered, and what contacts
// found.
//
// # Purpose
//
// A Book keeps, per network and relay, the ways that answered last and the
// ticket for the next first flight, tells contacts in their letters which odd
// port of a relay was open, and keeps what they told. spec/relay.md, 11.3 and 12.
//
// # Invariants
//
//   - Nothing readable about networks or relays leaves the vault.
//   - A find speaks of a relay by a hash: who does not use that relay learns
//     nothing, and nothing of it is kept.
//   - A relay that a contact tells of is used when a person says so, never before.
//   - A find names a port, never a host: no contact can make this device knock
//     at anybody's door.
//   - At most 4 finds of one contact for one relay are kept, and 16 for a relay.
//   - To tell of a port costs no envelope of its own.
//
// # Not here
//
// Trying (link/race), what a network is called (observe/probe), clocks.
//
// # Read next
//
// book.go, then tell.go; daemon/ways.go uses both.
package finds
