// Package shrink makes pictures smaller or larger.
//
// # Purpose
//
// Points are weighed by their distance, in both directions (a triangle as wide as
// a point of the result, at least of the source), as photos and codes need.
//
// # Invariants
//
//   - It holds one row of the source and the result; it never fails.
//
// # Not here
//
// Reading and writing files of pictures (media, scan).
//
// # Read next
//
// shrink.go.
package shrink
