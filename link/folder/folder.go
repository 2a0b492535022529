package folder

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/jauap/jauap/link"
)

// Errors, usable with errors.Is.
var (
	ErrNoFolder = errors.New("folder: there is no folder at this path: is the stick plugged in and mounted?")
	ErrFull     = errors.New("folder: no space left: delete something or take another stick")
	ErrReadOnly = errors.New("folder: cannot be written: undo the write protection or take another stick")
	ErrUnit     = errors.New("folder: a unit has 1 to 262144 bytes")
)

// Defaults and limits of one walk. spec/folder.md, 5.
const (
	defaultFiles = 20_000
	defaultBytes = 8 << 30
	maxDepth     = 8
	maxNotes     = 64
	maxKnown     = 1 << 21 // units remembered, so that they are not left twice
	perFolder    = 500
)

// Options of a Folder. The zero value is right for a stick.
type Options struct {
	MaxFiles int   // entries that one walk looks at; 0 for 20,000
	MaxBytes int64 // bytes that one walk reads; 0 for 8 GiB
	MaxWrite int64 // bytes that one Leave writes, spare files included; 0 for what fits
	// Progress is told now and then how far a call is; it must return soon.
	Progress func(Progress)
	// Keep says whether a unit found is still good for anybody. A whole pack in
	// which Each found none such is removed by the next Leave. Nil removes
	// nothing.
	Keep func(unit []byte) bool
}

// Folder is a link.Drop over a folder, a stick or a card. Its methods may be
// called at the same time, also from several Folders and processes.
type Folder struct {
	path string
	o    Options
	open func(path string) (disk, error)
	seed maphash.Seed

	mu     sync.Mutex
	known  map[string]knownPack // by name
	hashes int                  // in known
	asks   []foundAsk           // that the last Each found
	stale  []foundAsk           // and those that are too many
}

var _ link.Drop = (*Folder)(nil)

// knownPack is a whole pack that this Folder read or wrote.
type knownPack struct {
	size    int64
	time    time.Time
	units   []uint64 // hashes, only good within this process
	useless bool     // Keep wanted none of its units
}

// Open makes a link of the folder at path, which must exist: ErrNoFolder
// otherwise. Nothing stays open, so that a stick can be unmounted at any time.
func Open(path string, o Options) (*Folder, error) {
	if o.MaxFiles <= 0 {
		o.MaxFiles = defaultFiles
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultBytes
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%w: %s", ErrNoFolder, show(path))
	}
	return &Folder{path: path, o: o, open: openRoot, seed: maphash.MakeSeed(), known: make(map[string]knownPack)}, nil
}

// Traits implements link.Drop. A stick takes days and can get lost.
func (f *Folder) Traits() link.Traits {
	return link.Traits{Latency: 3 * 24 * time.Hour, Unit: MaxUnit, Way: link.Both, Lossy: true, Exposure: link.Nearby}
}

// enter opens the folder for one call.
func (f *Folder) enter() (disk, error) {
	d, err := f.open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoFolder, show(f.path))
	}
	if err != nil {
		return nil, fmt.Errorf("folder: open: %w", err)
	}
	return d, nil
}

// hash is a number for a file, only good within this process.
func (f *Folder) hash(name string, size, time int64) uint64 {
	return maphash.String(f.seed, fmt.Sprint(name, size, time))
}

// remember keeps in mind what a whole pack holds.
func (f *Folder) remember(name string, p knownPack) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(name)
	if f.hashes+len(p.units) > maxKnown {
		return
	}
	f.known[name] = p
	f.hashes += len(p.units)
}

// forget needs mu.
func (f *Folder) forget(name string) {
	f.hashes -= len(f.known[name].units)
	delete(f.known, name)
}

// show makes a name from a stranger's stick fit for a person's screen: it may
// hold line ends, terminal commands or marks that turn the writing round.
func show(name string) string {
	const most = 120
	plain := utf8.ValidString(name)
	for _, r := range name {
		plain = plain && strconv.IsPrint(r)
	}
	if !plain {
		name = strconv.Quote(name)
	}
	if runes := []rune(name); len(runes) > most {
		name = string(runes[:most]) + "…"
	}
	return name
}
