// Package cause names what went wrong: a code beside each error at the local
// door, so that the page says it in the person's language.
//
// # Purpose
//
// Rooms speak English and for the command line. Here stands, in one table, which
// of their errors a person meets, and the code that a catalogue has a sentence
// for.
//
// # Invariants
//
//   - A code never changes its meaning; what no row names has none.
//   - Codes and arguments tell no more than the error's text does: they go where
//     that goes, to the local door and the page, and nowhere else.
//
// # Not here
//
// Sentences (web/words), HTTP statuses and kinds (web/api).
//
// # Read next
//
// cause.go, web/cause.go, web/api/errors.go.
package cause
