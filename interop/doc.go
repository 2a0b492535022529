// Package interop tries Jauap's bundles against another implementation, dtn7-go.
//
// It is a module of its own: dtn7-go is GPL-3.0-or-later and stays out of the
// program. Run it with `go test ./...` in this folder.
package interop
