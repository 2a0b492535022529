// Package link says what a link is: any way in which two shelves can even out.
//
// # Purpose
//
// A Conn carries bytes both ways between two nodes; a Drop is a place where
// units are left and found (a stick, a folder). Traits describe either, and
// callers choose by Traits, never by name. Package link/linktest holds the
// behaviours that every adapter must show.
//
// # Invariants
//
//   - A link moves bytes. It knows no envelope, no key and no person.
//   - A link never retries and never decides: that is its caller's policy.
//
// # Not here
//
// What is said over a link (exchange); any one carrier (link/lan, link/folder,
// link/relay).
//
// # Read next
//
// link/folder for the simplest adapter, then exchange.
package link
