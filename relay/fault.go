package relay

import (
	"errors"

	"github.com/jauap/jauap/exchange"
)

// What a relay that had proven its key did wrong, as it was seen and no further.
const (
	FaultSums    = "sums"    // it sent sums of a sketch that nobody asked for
	FaultList    = "list"    // other bytes came than it listed, from it alone
	FaultGarbage = "garbage" // what it sent is no exchange
	FaultStall   = "stall"   // it fell silent, or the network did
)

// ErrStall is what a link ends with that fell silent.
var ErrStall = errors.New("the link fell silent")

// FaultOf names the fault for which a session with a relay ended; empty for none.
func FaultOf(err error) string {
	switch {
	case errors.Is(err, ErrStall):
		return FaultStall
	case errors.Is(err, exchange.ErrSums):
		return FaultSums
	case errors.Is(err, exchange.ErrMismatch):
		return FaultList
	case errors.Is(err, exchange.ErrProtocol), errors.Is(err, exchange.ErrTooLong):
		return FaultGarbage
	}
	return ""
}
