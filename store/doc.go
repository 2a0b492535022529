// Package store is the shelf: where a node keeps the units that it carries.
//
// # Purpose
//
// A Shelf keeps units (envelopes, proofs and stamps) within a quota on disk, finds
// them by id, by tag and in order of arrival, and lets them go by expiry, by
// proof and, when it is full, by rank; of what went so it remembers the names
// for a while (Evicted). New records go to a journal, which costs
// one flush per Sync however many days they are for; from there they move to
// segments, one group per last day, so that expiry is the deletion of files.
// The bytes are specified in spec/store.md.
//
// # Invariants
//
//   - After Sync returned nil, whatever was Put, Dropped or Marked before it
//     outlives a power cut; after it failed, nothing is lost and the next Sync
//     tries again.
//   - A Seq is never used twice in one Epoch, not even for a unit that a power
//     cut took away.
//   - All files together never exceed the quota. Own units are never evicted.
//   - One body per one-time key; a proven envelope does not come back while its
//     proof is here, nor do its stamps.
//   - A record that fails its checksum does not exist.
//   - A place that cannot be read costs what stands there, and no start.
//
// # Not here
//
// Signatures and admission (node, routing), who gets what (exchange), any
// clock: a day is always told.
//
// # Read next
//
// spec/store.md, then journal.go (how a record becomes durable) and drain.go
// (how it moves and how space comes back).
package store
