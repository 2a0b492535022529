// Package clock judges a device's wall clock.
//
// # Purpose
//
// Saved is what a device remembers of time. From it, the wall clock and the
// time since the last start follow the Moment that the core rooms take, the day
// by which the shelf may be cleared, and a sentence for a person when the wall
// cannot be believed.
//
// # Invariants
//
//   - Device-on time only grows.
//   - A doubtful wall is never remembered and never moves the day.
//   - The day by which the shelf is cleared follows the wall only as fast as
//     device-on time bears out.
//
// # Not here
//
// Reading a clock and keeping the file (daemon).
//
// # Read next
//
// clock.go, then daemon/clock.go.
package clock
