// Package account is one person: contacts, sessions, opening and sealing.
//
// # Purpose
//
// An account keeps who its owner is, whom the owner can write to and what
// waits to be sent, all in a vault. It seals what waits when a way opens,
// opens what arrives, and tells an App (chat) about both inside the same
// transaction.
//
// # Invariants
//
//   - Exactly once: a session's step, the delivery to the App and the proof of
//     an envelope are committed together or not at all.
//   - A chain index is durable as used before the envelope leaves; what was
//     sealed once leaves again as the same bytes and is never sealed anew, but
//     for a Start whose proof may be forged: its parts go once more.
//   - A Start's proof is no delivery: everybody with the invitation can make it.
//   - Ticks never go back, whatever the caller's count does.
//   - Memory follows the vault: sessions in memory are replaced only when the
//     transaction was committed, and read again from the vault when it was not.
//   - A key once known for a person is never overwritten; another key is
//     another person, whatever name it claims.
//   - A foreign or repeated envelope changes nothing and leaves nothing behind.
//   - A wrong clock may mark letters as expired; it deletes nothing.
//
// # Not here
//
// What letters say (chat), where envelopes rest and travel (store, node), the
// cryptography (seal), any clock: Moment comes from the caller.
//
// # Read next
//
// vault.go, account.go, then receive.go and pack.go. seal for what a session
// is, chat for the App.
package account
