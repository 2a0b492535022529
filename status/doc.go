// Package status is short words about a person: safe, moved, hurt, looking for
// somebody; promises to report by an hour; and what is known of their places.
//
// # Purpose
//
// A Board keeps the words of the owner and of the contacts in the account's
// vault, sends the owner's newest as the most urgent small unit, and judges
// whether a promise was missed or the place is dark. spec/status.md
//
// # Invariants
//
//   - A word is on stable storage when Say returns.
//   - A newer word takes the place of an older one about the same thing only
//     while that was not sealed; what has left stays as it is.
//   - The newest word of a contact is the one with their highest number,
//     whatever arrived first and how often.
//   - Nobody is called overdue unless their place and this device's own way
//     had answered for the time of grace.
//   - A place is what people chose to write, and nothing finer is stored.
//
// # Not here
//
// Letters (chat), the form for SMS and paper (note), which windows were open
// (observe), the page (web).
//
// # Read next
//
// word.go, then board.go and deliver.go; promise.go for the rule of overdue.
package status
