// Package evidence makes reports that a stranger can check alone.
//
// # Purpose
//
// Write puts a report and the untouched originals of its media into one file
// and signs it with a key of its own. Check reads such a file, from anybody,
// and says what is proven, what is claimed and what is not known. The bytes are
// specified in spec/evidence.md.
//
// # Invariants
//
//   - Check needs no account, no network and no clock, and writes nothing.
//   - Whatever the bytes are, it answers within time and memory that the file's
//     size bounds; nothing in a package is decompressed.
//   - A report is never called true: only its bytes can be.
//   - The one-report key signs one root. No identity key signs anything here
//     unless its owner claims the report.
//
// # Not here
//
// Files and folders, sending (a package is an attachment), reading private
// letters, judging what people say.
//
// # Read next
//
// spec/evidence.md, then manifest.go, write.go and check.go.
package evidence
