package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/account/sqlite"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/web/api"
)

// Keeper shows the page of a node, and locks and unlocks it.
type Keeper interface {
	api.Locker
	api.Opener
	Addr() string             // where the page is, host:port
	Lockable() *api.LockState // nil when this profile has no passphrase
	Rephrased()               // the profile may have one now
}

// handed is what one node of a process leaves to the next.
type handed struct {
	folder  func() error // gives the data folder up
	vault   account.Vault
	later   []account.Handover
	changes *changes
	end     *end
}

// maxLater bounds what is remembered of own envelopes that left while the vault was
// closed. What is forgotten shows when a peer names them again.
const maxLater = 1 << 16

// next are the options of the node after d, which has ended.
func (d *Daemon) next(locked bool) Options {
	o := d.opts
	o.Locked, o.handed = locked, handed{folder: d.unlock, later: d.later, changes: d.changes, end: d.end}
	for _, r := range d.taken {
		if r.Inland {
			o.Config.Inland = append(slices.Clone(o.Config.Inland), r.Addr)
		} else {
			o.Config.Relays = append(slices.Clone(o.Config.Relays), r.Addr)
		}
	}
	return o
}

// openVault opens the vault, or nobody's in memory: to a node that is locked all
// letters are other people's.
func (d *Daemon) openVault(m account.Moment) error {
	switch {
	case d.vault != nil:
		return nil
	case d.opts.Locked:
		d.vault = account.NewMemVault()
		_, err := account.Create(d.vault, "", m)
		return err
	}
	v, err := unlockVault(d.opts.Dir, d.opts.Passphrase)
	if err != nil {
		return err
	}
	d.vault, d.opts.Passphrase = v, nil
	return nil
}

func unlockVault(dir string, passphrase []byte) (account.Vault, error) {
	v, err := sqlite.Open(vaultPath(dir), passphrase)
	if errors.Is(err, sqlite.ErrWrongPassphrase) {
		return nil, fmt.Errorf("%w; nothing was changed, try again", ErrPassphrase)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// sealLast seals what waits before there is nobody who could.
func (d *Daemon) sealLast() {
	d.people.Lock()
	defer d.people.Unlock()
	d.settleLocked()
	d.pack(packBytes)
}

// Leave is Close of a node that is to run on without its person.
func (d *Daemon) Leave() error {
	d.sealLast()
	return d.Close()
}

// Part closes the person's half of a node and answers one that goes on without it,
// not started: it carries for others, sends what is sealed and takes in what comes.
// d is closed in any case; beside an error nothing runs any more.
func (d *Daemon) Part() (*Daemon, error) {
	d.sealLast()
	if err := d.shut(); err != nil {
		d.log.Warn("locking", "error", err) // what could not be saved is found anew
	}
	return openAs(d.next(true))
}

// Rejoin opens the vault of a node that runs without its person and answers the
// whole node, not started. Beside ErrPassphrase that is d, untouched; beside
// another error one without its person, or nil when nothing runs any more.
func (d *Daemon) Rejoin(passphrase []byte) (*Daemon, error) {
	v, err := unlockVault(d.opts.Dir, passphrase)
	if err != nil {
		return d, err
	}
	if err := d.shut(); err != nil {
		d.log.Warn("unlocking", "error", err)
	}
	o := d.next(false)
	o.handed.vault = v
	next, err := openAs(o)
	if err == nil {
		return next, nil
	}
	o = d.next(true)
	o.handed.folder = nil // given up by what did not open
	next, again := openAs(o)
	return next, errors.Join(err, again)
}

// noteLater tells the account which own envelopes left while it was closed. people
// is held.
func (d *Daemon) noteLater() {
	if d.opts.Locked || len(d.later) == 0 {
		return
	}
	m, _ := d.clock.moment()
	if err := d.acc.HandedAll(m, d.later); err != nil {
		d.log.Warn("letter states", "error", err) // a peer will name them again
	}
	d.later = nil
}

// Lock implements api.Locker.
func (d *Daemon) Lock(ctx context.Context, ask api.LockAsk) (api.LockState, error) {
	if d.opts.Keeper == nil {
		return api.LockState{}, cause.ErrNoLock
	}
	return d.opts.Keeper.Lock(ctx, ask)
}

// Unlock implements api.Locker.
func (d *Daemon) Unlock(ctx context.Context, ask api.UnlockAsk) (api.LockState, error) {
	if d.opts.Keeper == nil {
		return api.LockState{}, cause.ErrNoLock
	}
	return d.opts.Keeper.Unlock(ctx, ask)
}
