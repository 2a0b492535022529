// Package jauap is the map of the house; the program is cmd/jauap.
//
// Jauap gets an answer from a place that no longer responds: sealed letters,
// carried by whatever still exists. Each room is one noun:
//
//	identity   pseudonym keys, cards, fingerprint words
//	envelope   the fixed layout that carriers see
//	seal       letter <-> envelope: session start, ratchet, tags
//	store      the shelf: quota, expiry, crash safety
//	exchange   two shelves even out
//	link       what a link is; link/lan, link/folder, link/relay are carriers
//	routing    what to admit and what to offer first
//	node       the carrier: Step(now, event) -> effects
//	account    one person: contacts, sessions, the vault
//	chat       conversations, letter states, receipts, attachments
//	relay      a mailbox for absent people; relay/embedded keeps it on disk
//	observe    is the network answering
//	web        the local page; web/api is the one local door
//	config     one explained file
//	sim        many nodes in one process, from one seed
//	demo       a blackout on one machine, to look at
//	bench      figures of this machine
//	daemon     all wiring
//
// ARCHITECTURE.md follows one letter through these rooms; arch_test.go holds
// the walls between them.
package jauap
