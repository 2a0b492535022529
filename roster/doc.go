// Package roster is who belongs to a group, agreed on without anybody to ask.
//
// # Purpose
//
// A roster is a grow-only set of signed, hash-linked entries. Members who
// cannot reach each other write entries independently; when the same entries
// have reached two devices, both see the same members, admins and cuts.
// spec/group.md, 6.
//
// # Invariants
//
//   - Whether an entry is taken depends on its past alone, the state on the
//     set of entries alone: never on order, repetition or way.
//   - A removal, once taken, stands.
//   - Nobody gains a right by pretending not to have heard.
//
// # Not here
//
// Which person a pseudonym is and how entries travel (group), keys that letters
// are sealed with (seal/group), any clock.
//
// # Read next
//
// entry.go for the bytes, log.go for the set, state.go for what it means.
package roster
