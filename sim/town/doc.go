// Package town plays whole people under faults, from one seed.
//
// # Purpose
//
// Each person has an account with real sessions, conversations, a vault, a
// shelf on a disk and a node. They write, meet, sleep and are struck: killed
// amid anything, cut off from power, lied to by their disk, out of space, sent
// to 1970; frames are damaged, a relay loses its memory. Watchers who see only
// disks, frames and screens say whether a promise of spec/THREATS.md broke.
//
// # Invariants
//
//   - Meetings, letters and faults follow from the seed alone. Keys do not: they
//     are fresh in each run, so a repeat has other envelopes.
//   - Nothing of account, chat, node, store, clock or exchange is imitated; what is
//     between them (device.go) does what daemon does, in its order.
//   - Faults of a smaller town are a part of those of the larger: Most cuts them
//     off by number.
//
// # Not here
//
// Thousands of people and traces (sim), SQLite (account/sqlite has crash tests
// of its own), real processes (cmd/jauap).
//
// # Read next
//
// town.go, then watch.go for what is promised and fault.go for what strikes.
package town
