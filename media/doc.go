// Package media makes pictures fit to be sent, and sounds known.
//
// # Purpose
//
// Shrink turns the bytes of a photo into a JPEG that holds its points and
// nothing else, upright and as large as wanted, with a Preview of at most 1 KiB
// that may travel first. Redraw and Picture do the same for what arrived, so
// that a browser never sees a stranger's file. Sound tells what a voice note
// is.
//
// # Invariants
//
//   - What comes out was encoded here: no EXIF, place, time, device, comment,
//     colour profile or trailing byte of the source is in it.
//   - A source that would need more than 320 MiB is refused before its points
//     are decoded. Broken or hostile bytes are an error and nothing else.
//   - The same bytes give the same picture.
//
// # Not here
//
// Files, keeping, asking for the whole photo (chat), pages (web). A photo shows
// what it shows: faces and street signs stay. The file formats of films and of
// sounds are not taken apart, so what a recorder wrote into them stays.
//
// # Read next
//
// photo.go, preview.go, spec/letter.md.
package media
