// Package chat is conversations: letters, their states, receipts, attachments.
//
// # Purpose
//
// Chat is the App of an account. It keeps both sides of every conversation in
// the account's vault, turns texts and files into parts and back, and follows
// each letter from saved to read.
//
// # Invariants
//
//   - A letter is on stable storage when Send returns, and shown exactly once
//     at the other end, in whatever order and how often its parts arrive.
//   - A state is a fact with a time; nothing is guessed, and none but expired
//     is taken back.
//   - Whatever a contact sends, Deliver fails only with the vault: broken parts
//     are dropped, names and texts are cleaned, sizes and offsets are bounded.
//   - A file is whole only when its SHA-256 matches.
//   - A letter never appears above what was already read.
//
// # Not here
//
// Sealing, sessions, contacts (account), the page (web), statuses (status), who belongs
// to a room and its keys (group).
//
// # Read next
//
// chat.go for what can be asked, wire.go for the parts, deliver.go for what
// arrives.
package chat
