// Package serial carries units by radio modems on a serial port.
//
// # Purpose
//
// Three dialects of KISS (a plain TNC, an RNode, MeshCore's KISS modem) move
// frames of at most 255 bytes over a medium on which everybody hears everybody. A
// Station decides what goes on the air next; a Port is the modem. spec/serial.md.
//
// # Invariants
//
//   - Never more airtime than the budget, over any hour, restarts included.
//   - No frame names a sender or a reader, and nothing is addressed.
//   - Nothing that is heard ends the link, and no more is kept of it than the limits.
//   - A unit comes out only whole: a frame has a checksum, what came in pieces has
//     the name under which it was announced.
//   - The order on the air is the caller's: most urgent first.
//   - Station and all below it take time and randomness as arguments.
//
// # Not here
//
// What a unit is and who reads it (envelope), what to seal (account), what is worth
// carrying (routing), Meshtastic's and MeshCore's own networks: their modems are used,
// their messages are not.
//
// # Read next
//
// spec/serial.md, station.go, frame.go, then port.go for the modems.
package serial
