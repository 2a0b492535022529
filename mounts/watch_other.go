//go:build !linux

package mounts

import "context"

// Watch answers ErrUnsupported.
func Watch(context.Context, func(sticks []string)) error { return ErrUnsupported }
