// Package qrcode finds and reads QR codes in pictures (ISO/IEC 18004).
//
// # Purpose
//
// Read takes a picture as a camera or a program made it and answers what the
// code in it says: turned, leaning, blurred, on curved paper, in uneven light.
//
// # Invariants
//
//   - Pictures come from strangers: how many corners, triples and grids are
//     tried has limits, so that a picture of whatever content costs time in
//     proportion to its points; a panic is a code that was not read.
//   - Grey pictures are not copied: halves of a picture and thresholds take at
//     most half of what it takes.
//   - Nothing is answered that the error correction did not accept.
//
// # Not here
//
// Unpacking and measuring picture files (scan, link/qr); drawing codes
// (rsc.io/qr, of which the plans of modules are used here, too).
//
// # Read next
//
// read.go, then corners.go, plane.go, grid.go.
package qrcode
