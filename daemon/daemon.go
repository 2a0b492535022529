package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/account/sqlite"
	"github.com/jauap/jauap/bulletin"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/desk"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/finds"
	"github.com/jauap/jauap/group"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/inquiry"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/link/lan"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/observe"
	"github.com/jauap/jauap/observe/probe"
	"github.com/jauap/jauap/pairing"
	"github.com/jauap/jauap/postage/purse"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/status"
	"github.com/jauap/jauap/sticks"
	"github.com/jauap/jauap/store"
	"github.com/jauap/jauap/web/api"
)

// Errors of Init and Open that a caller can act on.
var (
	ErrNoProfile     = errors.New("there is no Jauap profile here yet: run `jauap init`")
	ErrProfileExists = errors.New("there is a Jauap profile here already")
	ErrPassphrase    = errors.New("wrong passphrase")
	ErrInUse         = errors.New("another Jauap is using this data folder")
)

// Options of one node.
type Options struct {
	Dir        string // data folder
	Config     config.Config
	Passphrase []byte // nil for a profile without one
	TrustClock bool   // believe the wall clock whatever was seen before
	Erasable   bool   // the page may erase the profile: who runs the node heeds Gone
	Locked     bool   // carry and take in, but leave the vault closed; see Part
	Keeper     Keeper // shows the page and locks; nil for a node that has neither
	Now        func() time.Time
	Log        *slog.Logger
	// Place names the network that this device is in; nil for probe.Place.
	Place func() string
	// Plugged watches for sticks; nil for mounts.Watch.
	Plugged func(ctx context.Context, tell func(sticks []string)) error
	// Prompt lets receipts, proofs and hellos leave at once instead of after
	// a random delay: for the demo and for tests.
	Prompt bool
	// TorPorts are where a running Tor is looked for, nil for the usual ones; TorMore
	// are settings for a Tor of our own. For tests.
	TorPorts, TorMore []string

	handed handed // by the node before, in the same process
}

// Daemon is one running node with its person. Its methods may be called from
// any goroutine.
type Daemon struct {
	opts   Options
	log    *slog.Logger
	clock  *deviceClock
	unlock func() error

	// people guards the account and its conversations. It is taken before
	// courier where both are needed.
	people   sync.Mutex
	phrasing sync.Mutex // a passphrase is changed; before people
	vault    account.Vault
	acc      *account.Account
	chat     *chat.Chat
	inquiry  *inquiry.Desk
	groups   *group.Groups
	boards   *bulletin.Boards
	inboxes  *inbox.Inboxes
	desk     *desk.Desk
	mailSeq  uint64 // units of the shelf up to here were tried for inboxes
	board    *status.Board
	pairing  *pairing.Pairing
	purse    *purse.Purse
	scanning sync.Mutex
	unopened bool               // arrived units that the vault would not take or the shelf not give
	later    []account.Handover // own envelopes that left while the vault was closed
	running  bool               // Start was called
	taken    []api.Relay        // since Open

	// courier guards the node, the shelf and all that follows.
	courier   sync.Mutex
	shelf     *store.Shelf
	node      *node.Node
	room      *lan.Room
	meetings  map[node.LinkID]*meeting
	lastLink  node.LinkID
	arrived   []arrival
	handed    []node.Handed
	stored    []envelope.ID // submitted units that the shelf has synced
	stranded  bool          // sealed envelopes did not reach the shelf
	kept      int           // units that arrived since Open
	keptBytes int64         // theirs
	// For the first flight: own units submitted since Open, the one that was
	// sealed for it last, and the change at which was last looked for one.
	submits   int
	metered   *metered
	ahead     map[envelope.ID]int // bytes of own units that nobody else is known to hold
	firstUnit envelope.ID
	firstLook uint64
	watch     *observe.Log
	ear       observe.Ear
	rows      map[string]*row
	trouble   map[string]string
	leftAt    time.Time
	smalls    int // links that are up and carry little more than S0
	unsent    int // bytes of S0 that they have yet to send
	tor       *api.Tor
	lines     int // open sessions with bundle nodes

	ways    *ways
	finds   *finds.Book
	notice  *notice
	changes *changes
	eyes    eyes
	sticks  sticks.Desk
	stop    context.CancelFunc
	ctx     context.Context
	group   sync.WaitGroup
	end     *end
}

// arrival is an envelope that the courier kept and the person may own.
type arrival struct {
	id  envelope.ID
	raw []byte
}

// ConfigPath is the settings file of a data folder.
func ConfigPath(dir string) string { return filepath.Join(dir, "jauap.conf") }

func vaultPath(dir string) string { return filepath.Join(dir, "vault.db") }

// LoadConfig reads the settings of a data folder; a missing file means the
// defaults.
func LoadConfig(dir string) (config.Config, error) {
	b, err := os.ReadFile(ConfigPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return config.Default(), nil
	}
	if err != nil {
		return config.Config{}, ofDisk(dir, err)
	}
	c, err := config.ParseFile(b)
	if errors.Is(err, config.ErrShort) {
		return c, fmt.Errorf("%w; nothing starts, for what was cut off may be what keeps this device from calling past Tor: write into %s again what you had set, or delete it to begin with the usual settings", err, ConfigPath(dir))
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", ConfigPath(dir), err)
	}
	return c, nil
}

// SaveConfig keeps settings for the next start, each explained.
func SaveConfig(dir string, c config.Config) error {
	return replaceFile(ConfigPath(dir), []byte(c.Text()))
}

// Exists reports whether the folder holds a profile.
func Exists(dir string) bool {
	return sqlite.Exists(vaultPath(dir))
}

// NeedsPassphrase reports whether the profile in the folder has one.
func NeedsPassphrase(dir string) bool {
	yes, err := sqlite.Protected(vaultPath(dir))
	return yes || err != nil
}

// Init makes a pseudonym in an empty data folder. A nil passphrase makes a
// profile that the disk alone protects.
func Init(dir, name string, passphrase []byte, now func() time.Time) error {
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if Exists(dir) {
		return fmt.Errorf("%w: %s", ErrProfileExists, dir)
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock()
	c, err := openClock(dir, now, false)
	if err != nil {
		return err
	}
	v, err := createVault(dir, passphrase)
	if err != nil {
		return err
	}
	defer v.Close()
	m, _ := c.moment()
	if _, err := account.Create(v, name, m); err != nil {
		return err
	}
	if _, err := os.Stat(ConfigPath(dir)); errors.Is(err, fs.ErrNotExist) {
		if err := replaceFile(ConfigPath(dir), []byte(config.Default().Text())); err != nil {
			return err
		}
	}
	return c.save()
}

func createVault(dir string, passphrase []byte) (account.Vault, error) {
	return sqlite.Create(vaultPath(dir), passphrase, sqlite.Params{NoPassphrase: passphrase == nil})
}

// Open opens a profile without starting any link.
func Open(o Options) (*Daemon, error) {
	if !Exists(o.Dir) {
		return nil, fmt.Errorf("%w (%s)", ErrNoProfile, o.Dir)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Place == nil {
		o.Place = probe.Place
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return openAs(o)
}

// openAs is Open with what an earlier node of this process handed over.
func openAs(o Options) (d *Daemon, err error) {
	if o.handed.folder == nil {
		if o.handed.folder, err = lockDir(o.Dir); err != nil {
			return nil, err
		}
	}
	if o.handed.end == nil {
		o.handed.changes, o.handed.end = newChanges(), &end{}
		if o.Erasable {
			o.handed.end.gone = make(chan struct{})
		}
	}
	h := o.handed
	o.handed = handed{}
	d = &Daemon{
		opts: o, log: o.Log, unlock: h.folder, end: h.end, vault: h.vault, later: h.later, ahead: map[envelope.ID]int{},
		metered:  openMetered(o.Dir, o.Config.Metered, o.Now),
		meetings: map[node.LinkID]*meeting{}, rows: map[string]*row{}, trouble: map[string]string{},
		changes: h.changes, watch: &observe.Log{}, notice: newNotice(), ways: newWays(),
	}
	d.sticks.Now, d.sticks.Changed = d.opts.Now, d.changes.bump
	d.ctx, d.stop = context.WithCancel(context.Background())
	if err := d.open(); err != nil {
		return nil, errors.Join(ofDisk(o.Dir, err), d.Close())
	}
	return d, nil
}

func (d *Daemon) open() (err error) {
	o := d.opts
	if d.clock, err = openClock(o.Dir, o.Now, o.TrustClock); err != nil {
		return err
	}
	if d.metered.lost {
		d.setTrouble("metered", "what metered links cost cannot be read: the budget counts as used up until its period ends; to begin it anew, delete metered.json")
	}
	m, _ := d.clock.moment()
	if err := d.openVault(m); err != nil {
		return err
	}
	if err := d.beginAnew(m); err != nil {
		return err
	}
	if d.acc, err = account.Open(d.vault, m); err != nil {
		return err
	}
	d.acc.Configure(d.accountConfig())
	d.board = status.New(d.acc, d.boardConfig())
	d.chat = chat.New(d.acc, d.chatConfig())
	d.inquiry = inquiry.New(d.acc, d.vault, d.acc.Me().Name())
	d.acc.Also(d.inquiry, account.Claim{Kinds: inquiry.Kinds()})
	if err = d.openGroups(); err != nil {
		return err
	}
	if err := d.openBoards(); err != nil {
		return err
	}
	if err := d.openInboxes(); err != nil {
		return err
	}
	if d.pairing, err = pairing.New(d.acc, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))); err != nil {
		return err
	}
	if err := d.openFinds(); err != nil {
		return err
	}
	if err := d.openPurse(); err != nil {
		return err
	}
	if err := d.settleAnew(); err != nil {
		return err
	}
	if err := d.openShelf(m); err != nil {
		return err
	}
	if b, err := os.ReadFile(d.windowsPath()); err == nil {
		if d.watch, err = observe.Restore(b); err != nil {
			d.log.Warn("window log", "error", err)
		}
	}
	if err := d.recover(); err != nil {
		return err
	}
	return d.sweepNow()
}

func (d *Daemon) openShelf(m account.Moment) error {
	dir := filepath.Join(d.opts.Dir, "shelf")
	fsys, err := durable.OS(dir)
	if err != nil {
		return fmt.Errorf("daemon: shelf: %w", err)
	}
	sh, report, err := store.Open(fsys, store.Options{Quota: d.opts.Config.Quota, Today: m.Day, Shares: routing.Shares()})
	if err != nil {
		return fmt.Errorf("daemon: shelf: %w", err)
	}
	d.opened(report)
	d.shelf = sh
	d.node = node.New(node.Config{Today: d.clock.clearing(m), Postage: d.purse}, sh, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	return nil
}

// logReport tells what a shelf found when it was opened, if anything was odd.
func logReport(log *slog.Logger, r store.Report) {
	if r.Cut > 0 || r.Damaged > 0 || r.Unread > 0 || len(r.Ignored) > 0 {
		log.Warn("shelf opened", "envelopes", r.Envelopes, "torn_bytes", r.Cut, "damaged", r.Damaged, "unread_blocks", r.Unread, "foreign_files", len(r.Ignored))
	}
}

// recover puts right what a crash left between vault and shelf: sealed
// envelopes that the shelf never got, and envelopes on the shelf that the
// person never saw.
func (d *Daemon) recover() error {
	d.people.Lock()
	defer d.people.Unlock()
	left, err := d.acc.Unhanded()
	if err != nil {
		return err
	}
	d.submit(left)
	d.noteLater()
	d.offerShelf()
	d.searchDrops()
	d.settleLocked()
	return nil
}

// Close ends the links and releases the folder. It may be called on a daemon that
// is only half open.
func (d *Daemon) Close() error {
	err := d.shut()
	if d.unlock != nil {
		err = errors.Join(err, d.unlock())
	}
	return err
}

// shut is Close without giving the folder up.
func (d *Daemon) shut() error {
	d.stop()
	d.courier.Lock()
	for _, m := range d.meetings {
		if m.conn != nil {
			m.conn.Close()
		}
	}
	d.courier.Unlock()
	d.group.Wait()
	var errs []error
	if d.clock != nil {
		errs = append(errs, d.clock.save(), d.saveWindows(), d.metered.close())
	}
	if d.finds != nil {
		errs = append(errs, d.finds.Flush(d.today()))
	}
	if d.shelf != nil {
		errs = append(errs, d.shelf.Close())
	}
	if d.vault != nil {
		errs = append(errs, d.vault.Close())
	}
	if d.erased() {
		// That what is gone could not be saved is no fault.
		_, err := erase(d.opts.Dir)
		errs = []error{err}
	}
	return errors.Join(errs...)
}
