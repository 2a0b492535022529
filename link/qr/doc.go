// Package qr is the link between a screen and a camera.
//
// # Purpose
//
// Make turns units into a Strip: one still QR code, or a picture that moves,
// each frame of it one packet of link/fountain. Look finds the packets again in
// pictures: PNG, JPEG, GIF that moves, and JPEG after JPEG as cameras record.
// The bytes are specified in spec/qr.md.
//
// # Invariants
//
//   - A picture is measured before it is unpacked: nothing that is small as a
//     file and huge as a picture is opened.
//   - Frames may be lost, doubled and seen in any order.
//
// # Not here
//
// Finding the code in a picture (internal/qrcode); gathering packets to units
// (link/fountain); which units to show (daemon);
// cameras (the page's script hands in packets that it read itself).
//
// # Read next
//
// spec/qr.md, then strip.go.
package qr
