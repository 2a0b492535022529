// Package race finds the way to a relay that is open.
//
// # Purpose
//
// A relay answers by QUIC and by TLS over TCP, on its own port and perhaps on
// odd ones, at one host or several. Ways lists all that, and a Racer tries
// them, a few at once and the likeliest first, until one answers.
// spec/relay.md, 11, says in which order and how often.
//
// # Invariants
//
//   - Only a relay that proved its key wins.
//   - Hosts come from the settings, never from anybody else; ports only from
//     the settings, the conventional list, and finds for relays of the
//     settings.
//   - At most four tries of sweeps run at once, whatever the number of relays,
//     and a sweep of one relay begins five minutes after the last at the
//     earliest.
//   - A try that lost the race is not told as failed: it says nothing.
//
// # Not here
//
// Handshakes (link/relay), when to try (observe), what to remember (the
// caller), sessions.
//
// # Read next
//
// way.go, then race.go; daemon/keep.go uses both.
package race
