// Package group is conversations of up to fifty people without a server.
//
// # Purpose
//
// A group keeps who belongs to it (roster), hands out the owner's chain and
// takes the others' (seal/group), seals letters of chat for all members in one
// envelope, and follows who has them. It is a Guest and an App of the account
// and the Rooms of chat. spec/group.md.
//
// # Invariants
//
//   - A chain's step, the delivery to chat and what follows from it are one
//     transaction; a chain is durable as used before its envelope leaves.
//   - A chain is handed only to members, by hand of members, and anew before the
//     next letter once somebody in its audience is no member any more.
//   - Who a pseudonym is counts as known only when its owner said so in a
//     session; what others say is shown as theirs.
//   - Nobody becomes a member without having agreed.
//   - All devices with the same entries and letters show the same members and
//     the same order.
//
// # Not here
//
// What letters hold (chat), sessions and the queue (account), what entries mean
// (roster), the cryptography (seal/group), the page.
//
// # Read next
//
// group.go, people.go for what an owner can do, gossip.go for what members tell
// each other, letters.go for envelopes.
package group
