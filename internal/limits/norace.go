//go:build !race

package limits

const racing = false
