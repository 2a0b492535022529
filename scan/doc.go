// Package scan reads a QR code out of a picture.
//
// # Purpose
//
// Two people stand side by side; one shows an invitation, the other takes a
// photo of it or lets the page look through the camera. The page has no
// decoder of its own: pictures of either kind come here.
//
// # Invariants
//
//   - A picture is looked at before it is unpacked: its size in bytes and in
//     points is bounded.
//   - Nothing that a picture holds can stop the program.
//   - What was read is text and nothing else.
//
// # Not here
//
// What the text means (identity), cameras (the page), keeping of pictures.
//
// # Read next
//
// scan.go.
package scan
