// Package bench measures what docs/benchmarks.md reports.
//
// # Purpose
//
// One function per question that a person may ask of their own machine: how
// fast is the shelf, how fast is sealing, what does it cost two shelves to
// find what differs. Each runs the real room and answers figures with their
// units.
//
// # Invariants
//
//   - A figure names what was counted, in what time, and the limit promised.
//   - Nothing is asserted: a slow machine is not an error.
//
// # Not here
//
// Tests; the benchmarks of single rooms (their own _test files).
//
// # Read next
//
// docs/benchmarks.md.
package bench
