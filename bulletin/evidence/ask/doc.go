// Package ask carries a root to outside witnesses and their answers back.
//
// # Purpose
//
// One HTTP request to a time-stamp authority or a calendar whose address a
// person gave; through the proxy that is set. spec/evidence.md, 7.
//
// # Invariants
//
//   - Nothing is asked by itself, no redirect is followed, no cookie kept, and
//     no name of a program said; an address in a package is never asked unless
//     the person named it too.
//   - An answer is read to 64 KiB and not believed: bulletin/evidence/stamp checks
//     it before anybody keeps it.
//
// # Not here
//
// What the bytes mean (bulletin/evidence/stamp), packages (bulletin/evidence).
//
// # Read next
//
// ask.go.
package ask
