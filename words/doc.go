// Package words turns numbers into words that can be read aloud, and back.
//
// # Purpose
//
// Two people compare keys by voice over a bad line. Eight words of their own
// language are easier to hear than 24 digits. A list has 2,048 words, eleven
// bits each. spec/pairing.md, 6.
//
// # Invariants
//
//   - No two words of a list are alike to a reader who lacks the letters of a
//     keyboard, and no word stands in two of the lists.
//   - A list never changes: codes read from paper must stay what they are.
//
// # Not here
//
// What the bits mean (identity, pairing).
//
// # Read next
//
// words.go, then pairing.
package words
