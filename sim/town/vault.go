package town

import (
	"fmt"

	"github.com/jauap/jauap/account"
)

// died is what a process dies with.
type died struct{}

// vault is a vault whose process may die right before or right after a commit,
// and whose disk may be full.
type vault struct {
	*account.MemVault
	d    *device
	full bool
}

func (v *vault) Update(f func(account.Tx) error) error {
	if v.full {
		return fmt.Errorf("%w: injected", account.ErrFull)
	}
	v.d.moment() // before the commit: nothing of it is kept
	err := v.MemVault.Update(f)
	v.d.moment() // after it: nobody hears of it
	return err
}

// moment is a point at which a kill may strike.
func (d *device) moment() {
	if d.fuse > 0 {
		if d.fuse--; d.fuse == 0 {
			panic(died{})
		}
	}
}
