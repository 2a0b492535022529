// Package lock closes a running node to everybody but its person, and opens it
// again.
//
// # Purpose
//
// A Keeper holds the page's server for as long as the process runs, and behind it
// one node: whole, or without its person. Locking ends what is shown, closes the
// vault and lets a node without it carry on; unlocking goes the other way.
//
// # Invariants
//
//   - From the moment of locking no answer shows anything of the person, whatever
//     happens next; only a passphrase that opens the vault changes that.
//   - Locking never waits for a request, and never for more than seconds.
//   - Where a process can be replaced, locking begins it anew: what the page and the
//     door need goes through a pipe, nothing of the person does.
//   - A wrong passphrase opens nothing and changes nothing, but where passphrases are
//     changed it locks. One is tried at a time. The one under duress is right, here:
//     what opens is an empty profile.
//   - Only what a person does counts as a person: a page that asks by itself, a
//     stranger's request and a clock that stood still in sleep do not.
//
// # Not here
//
// What a node does with or without its person (daemon), the screens (web), the
// passphrase's cost (account/sqlite). What may stay in memory: spec/THREATS.md.
//
// # Read next
//
// keeper.go, then anew.go.
package lock
