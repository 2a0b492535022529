// Package fountain cuts units into blocks and blocks into packets of which any
// sufficient number brings the block back, whichever they are.
//
// # Purpose
//
// Carriers without a way back (a broadcast, an animated QR code) cannot be asked
// for what got lost. Encode makes the packets of a block with RaptorQ, Pack and
// Cut turn units into blocks and back, and a Collector gathers packets from
// whatever brings them. The bytes are specified in spec/fountain.md.
//
// # Invariants
//
//   - Each packet proves by itself that it belongs to its block: a forged one
//     is dropped on arrival and costs one hash path.
//   - What a Collector holds is limited, whatever arrives; nothing is allocated
//     because a packet says that something will be large.
//   - A block is given out only when its bytes have the checksum that its
//     packets name. The erasure code's library is not trusted: what it does to
//     hostile input, panics included, is an error here.
//
// # Not here
//
// Where packets come from and go to (link/broadcast, link/qr); what units mean.
//
// # Read next
//
// spec/fountain.md, then packet.go.
package fountain
