//go:build !linux

package probe

func routes() string         { return "" }
func neighbours() string     { return "" }
func dotted(s string) string { return s }
