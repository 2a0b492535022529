package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/account/sqlite"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
	"github.com/jauap/jauap/web/api"
)

// begun is the vault of a profile that takes the place of one of which the passphrase
// under duress destroyed the key; nil for any other.
func (d *Daemon) begun() *sqlite.Vault {
	if v, ok := d.vault.(*sqlite.Vault); ok && v.Begun() {
		return v
	}
	return nil
}

// beginAnew gives such a vault a pseudonym that has no name.
func (d *Daemon) beginAnew(m account.Moment) error {
	if d.begun() == nil {
		return nil
	}
	d.later = nil // they were the other's
	_, err := account.Create(d.vault, "", m)
	return err
}

// settleAnew makes it whole: a device that carries for others and never wrote.
func (d *Daemon) settleAnew() error {
	v := d.begun()
	if v == nil {
		return nil
	}
	fsys, err := durable.OS(filepath.Join(d.opts.Dir, "shelf"))
	if err != nil {
		return fmt.Errorf("daemon: shelf: %w", err)
	}
	if err := store.Disown(fsys, strangers); err != nil {
		return err
	}
	return v.Settle()
}

// strangers is the rank of a unit on the shelf of who has no contact.
func strangers(rank uint8) uint8 {
	if rank < routing.Paid {
		return routing.Other
	}
	return rank
}

// minPassphrase is the least that a passphrase may have, in bytes.
const minPassphrase = 8

// Rephrase changes the passphrase of a profile that no node has open, or the one under
// duress. Errors: ErrInUse, and those of api.Phraser.
func Rephrase(o Options, ask api.PhraseAsk) error {
	unlock, err := lockDir(o.Dir)
	if err != nil {
		return err
	}
	err = rephrase(o.Dir, ask)
	if unlock(); !errors.Is(err, sqlite.ErrDestroyed) {
		return err
	}
	o.Passphrase = append([]byte(nil), ask.Now...)
	d, err := Open(o) // now it is the passphrase of an empty profile
	if err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return err
	}
	return rephrase(o.Dir, ask)
}

func rephrase(dir string, ask api.PhraseAsk) (err error) {
	switch {
	case !ask.Off && len(ask.New) < minPassphrase:
		return fmt.Errorf("%w: take at least %d characters, best five random words", api.ErrUsage, minPassphrase)
	case ask.Duress && !NeedsPassphrase(dir):
		return fmt.Errorf("%w: this profile has no passphrase, so there is none under duress: give it one first", api.ErrUsage)
	case ask.Duress && ask.Off:
		err = sqlite.SetDuress(vaultPath(dir), ask.Now, nil)
	case ask.Duress:
		err = sqlite.SetDuress(vaultPath(dir), ask.Now, ask.New)
	case ask.Off:
		return fmt.Errorf("%w: a passphrase is changed, not taken away", api.ErrUsage)
	default:
		err = sqlite.ChangePassphrase(vaultPath(dir), ask.Now, ask.New, sqlite.Params{})
	}
	switch {
	case errors.Is(err, sqlite.ErrWrongPassphrase):
		return fmt.Errorf("%w: %w; nothing was changed", api.ErrMismatch, ErrPassphrase)
	case errors.Is(err, sqlite.ErrNear):
		return fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	return err
}

// Phrase implements api.Phraser. Whoever gives a wrong passphrase here finds the profile
// locked, and so does who gives the one under duress: nobody can tell them apart.
func (d *Daemon) Phrase(ctx context.Context, ask api.PhraseAsk) (api.Phrased, error) {
	defer clear(ask.Now)
	defer clear(ask.New)
	d.phrasing.Lock()
	defer d.phrasing.Unlock()
	err := rephrase(d.opts.Dir, ask)
	if k := d.opts.Keeper; k != nil {
		if k.Rephrased(); errors.Is(err, sqlite.ErrDestroyed) || errors.Is(err, ErrPassphrase) {
			_, _ = k.Lock(ctx, api.LockAsk{})
		}
	}
	if errors.Is(err, sqlite.ErrDestroyed) {
		err = fmt.Errorf("%w: %w; nothing was changed", api.ErrMismatch, ErrPassphrase)
	}
	return api.Phrased{}, err
}
