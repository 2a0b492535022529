// Package web is the page of one person's device.
//
// # Purpose
//
// New serves an api.Backend as a page on loopback: people, conversations with
// the states of each letter, invitations, checking who somebody is, sticks and
// the state of the network. Pages are rendered here and work without
// JavaScript; a small script asks for them again when something changed. Board
// shows several people's pages side by side with a world to play with.
//
// # Invariants
//
//   - The page can do nothing that the command line cannot: all of it is
//     api.Backend.
//   - A browser gets in once per link; then a Strict, HttpOnly cookie knows it.
//     Who has none learns how to open the page, and nothing else.
//   - Every request names loopback and the server's own port as its Host. What
//     another site or port caused is refused; every form carries a token.
//   - Nothing is loaded from anywhere else, no script or style stands inside a
//     page, nothing stays in the browser's cache, files are only downloads.
//   - Nothing is guessed: a time that is not known is "not known", and each
//     state has an icon, a word and an age.
//   - Every sentence stands in words/, in every language.
//
// # Not here
//
// What the command line lacks. Other users of this computer: a browser sends
// its cookies to every port of 127.0.0.1, so a page that another user serves
// there could learn this one's cookie if the visitor opened it. Cookies are
// named per process and end with it; devices shared with people one must fear
// need an account of the system for each.
//
// # Read next
//
// site.go (the screens), gate.go (who gets in), turn.go (one request), then
// html, words and static.
package web
