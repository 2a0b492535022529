// Package paper prints what a desk and its helpers hand to people who have
// nothing but paper.
//
// # Purpose
//
// Report makes the PDF of an export: incidents, ranges, claims side by side, a
// map, how it was made, and a code that names the other files.
//
// # Invariants
//
//   - It shows what the export holds and computes nothing.
//   - Kazakh, Russian and English; the font is in the file.
//   - The same input gives the same bytes.
//
// # Not here
//
// What may leave (desk), files and printers.
//
// # Read next
//
// paper.go, then words.go. The font is DejaVu Sans, cut to the letters that are
// needed; its licence is in LICENSE.font.
package paper
