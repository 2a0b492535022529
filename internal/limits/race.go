//go:build race

package limits

const racing = true
