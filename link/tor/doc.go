// Package tor finds the Tor of this device, or runs the system's own.
//
// # Purpose
//
// Look tells whether a Tor is running or installed. Start runs the installed one as a
// child with a folder of its own, when none is running. Links then go through its
// SOCKS port like through any proxy (link/relay).
//
// # Invariants
//
//   - A running Tor is used as it is and never changed.
//   - A child ends with this process, also when this process is killed.
//   - Nobody else's configuration is read by a child; bridge lines cannot bring in
//     options.
//
// # Not here
//
// SOCKS itself and what is sent (link/relay); whether Tor is used at all (config).
//
// # Read next
//
// tor.go.
package tor
