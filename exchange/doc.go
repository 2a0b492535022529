// Package exchange evens out two shelves over one link.
//
// # Purpose
//
// A Session is a state machine beside one shelf. Frames from the far end go in
// by Receive; frames to the far end come out of Next, as late as possible, so
// that the most useful thing is said first. Both directions run at once: each
// side lists what it has, asks for what it lacks, and confirms what it holds
// on stable storage. Two strangers first find what differs by a sketch whose
// size grows with the difference and not with the shelves. The bytes are specified in spec/exchange.md.
//
// # Invariants
//
//   - Nothing is confirmed before Shelf.Sync returned nil.
//   - A unit that was cut resumes at the byte; what arrived is not sent again.
//   - Smallest class first, then Rank, then oldest; at every frame anew.
//   - Memory is bounded by Config.MaxItems, whatever the far end says.
//   - What a sketch cannot settle is listed plainly; a sketch costs bounded
//     time and memory, whatever the far end says.
//   - A frame that breaks the rules ends the session and changes no shelf.
//
// # Not here
//
// Sockets, time, retries and who may have what (node, routing); what a unit
// means (envelope); randomness: the nonce of a sketch is given (node).
//
// # Read next
//
// spec/exchange.md, then session.go, give.go and take.go; sketch.go and
// match.go for strangers; ask.go for a stick; node for a user.
package exchange
