// Package limits holds decoders to what they may cost, in their tests.
//
// # Purpose
//
// Watch measures what a test body allocates and how long it computes, and
// fails the test when hostile bytes cost more than they may: a phone must not
// be emptied or stopped by what a stranger sends. Every fuzz target calls it;
// limits_test.go at the root finds one that does not.
//
// # Invariants
//
//   - At most 1 MiB of memory and 5 ms of computing for each begun 64 KiB of input.
//   - Time is that of the thread, so that a busy machine fails no test; it is
//     not looked at while fuzzing or with the race detector, which slow all down.
//
// # Not here
//
// The decoders.
//
// # Read next
//
// limits.go.
package limits
