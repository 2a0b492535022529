// Package daemon assembles a node: real clock, disk and sockets around one
// account and one courier.
//
// # Purpose
//
// Open wires the rooms over one data folder; Start brings the links up; Daemon is
// the api.Backend that page and command line talk to. Part and Rejoin end and begin
// the person's half.
//
// # Invariants
//
//   - One process owns a data folder at a time.
//   - The courier (node) and the person (account) meet only here, and only as
//     sealed bytes.
//   - Locks are taken in one order: people before courier.
//   - Without its person a node treats all letters as other people's: the vault is
//     nobody's, in memory, and what came is offered to the person's at Rejoin.
//   - A letter is acknowledged when the vault has synced it; an envelope is
//     forgotten by the vault only when the shelf has synced it.
//   - A profile that takes the place of a destroyed one is whole when the shelf tells
//     nothing of who wrote; until then it is begun anew at each opening.
//
// # Not here
//
// Decisions: what to admit (routing), what to show (chat), what the network's
// silence means (observe). The page's server and when to lock (lock).
//
// # Read next
//
// daemon.go, then courier.go and links.go.
package daemon
