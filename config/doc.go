// Package config is one file, explained.
//
// # Purpose
//
// Parse reads the settings of a node from lines of "key = value" and answers
// plain values; Text writes them back with an explanation above each.
//
// # Invariants
//
//   - Every error names its line and says what may stand there.
//   - An unknown key is an error: a misspelt promise is not kept in silence.
//   - What was cut off is never taken for a default: a file is whole or an error.
//   - A Config is a value; nothing here reads a file or the environment.
//
// # Not here
//
// Behaviour. Only daemon and cmd/jauap import this room.
//
// # Read next
//
// daemon.
package config
