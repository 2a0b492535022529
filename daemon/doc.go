// Package daemon assembles a node: real clock, disk and sockets around one
// account and one courier.
//
// # Purpose
//
// Open wires the rooms over one data folder; Start brings the links and the
// page up; Daemon is the api.Backend that page and command line talk to.
//
// # Invariants
//
//   - One process owns a data folder at a time.
//   - The courier (node) and the person (account) meet only here, and only as
//     sealed bytes.
//   - Locks are taken in one order: people before courier.
//   - A letter is acknowledged when the vault has synced it; an envelope is
//     forgotten by the vault only when the shelf has synced it.
//
// # Not here
//
// Decisions: what to admit (routing), what to show (chat), what the network's
// silence means (observe).
//
// # Read next
//
// daemon.go, then courier.go and links.go.
package daemon
