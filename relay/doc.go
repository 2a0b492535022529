// Package relay is a mailbox abroad: a shelf that many people reach.
//
// # Purpose
//
// A relay keeps the units that its clients deposit and hands each client
// what is new in its slots. The package has the Box contract (where units
// rest), the address text with the pinned key, the limits, and the handler
// that runs an exchange session on every connection. The bytes on the wire
// are specified in spec/relay.md.
//
// # Invariants
//
//   - A unit is acknowledged only when it is on stable storage.
//   - A unit is listed only when it is on stable storage, so that a mark that
//     a client was given means the same after a crash.
//   - Nothing is stored whose layout, id, signature or expiry is wrong.
//   - No address, key or id of a client is logged or written anywhere; in
//     memory an address prefix is a keyed hash.
//   - Nothing is kept about a client between its connections but the load of
//     its address prefix.
//
// # Not here
//
// Storage engines (relay/embedded), dialling (link/relay), who reads what
// (nobody here can know), letters and persons (relay never reaches seal or
// identity).
//
// # Read next
//
// spec/relay.md, then box.go, session.go and relay/embedded.
package relay
