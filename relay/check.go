package relay

import (
	"errors"
	"fmt"

	"github.com/jauap/jauap/envelope"
)

// ErrTooLong says that a unit wants to be kept longer than any carrier keeps.
var ErrTooLong = errors.New("relay: the unit's last day is too far away")

// ErrStamp says that a unit is a stamp, of which a relay has no use.
var ErrStamp = errors.New("relay: postage is for devices; a relay keeps none")

// Check is what a relay demands of a unit before it keeps it: layout, no stamp, one-time
// signature, a last day that is not over and not too far. spec/relay.md, 6.
func Check(raw []byte, today envelope.Day) (envelope.Envelope, error) {
	e, err := envelope.Parse(raw)
	if err != nil {
		return e, err
	}
	if e.Class() == envelope.Stamp {
		return e, ErrStamp
	}
	if err := checkDay(e.Expiry(), today); err != nil {
		return e, err
	}
	if err := e.Verify(); err != nil {
		return e, err
	}
	return e, nil
}

// checkDay allows the last day itself. spec/relay.md, 6
func checkDay(expiry, today envelope.Day) error {
	if expiry == envelope.NoDay {
		return nil
	}
	if expiry < today {
		return fmt.Errorf("%w: it was %v", ErrExpired, expiry)
	}
	if expiry > today.Add(envelope.MaxLifetime+envelope.MaxJitter) {
		return fmt.Errorf("%w: %v", ErrTooLong, expiry)
	}
	return nil
}
