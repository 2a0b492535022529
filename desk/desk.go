package desk

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/bulletin/evidence"
)

// Tables of the vault.
const (
	tableEntries account.Table = 88 + iota // name 16 -> line
	tableSelf                              // nothing -> seed, name
	tableChecked                           // package 16 -> what became of it
	tableStamps                            // root 32, number -> stamp of an outside witness
)

// maxEntries bounds what a merge may bring.
const maxEntries = 200_000

// Desk is one desk in a vault. It reads its entries when it is first asked for
// something. Its methods may be called by several goroutines.
type Desk struct {
	vault account.Vault

	mu      sync.Mutex
	loaded  bool
	key     ed25519.PrivateKey
	by      string
	entries map[string]*Entry
	order   []*Entry // all, oldest first; nil when it is not known
	view    *View    // nil when it must be made anew

	checked  map[string]Checked // packages that came
	packages map[string]string  // root -> package
}

// New is the desk of a vault.
func New(v account.Vault) *Desk { return &Desk{vault: v} }

// load reads all once. mu is held.
func (d *Desk) load() error {
	if d.loaded {
		return nil
	}
	entries := map[string]*Entry{}
	err := d.vault.View(func(tx account.Tx) error {
		raw, err := tx.Get(tableSelf, nil)
		if err != nil {
			return err
		}
		if raw != nil {
			f := account.ReadRecord(raw)
			f.Version(1)
			seed, by := f.Raw(ed25519.SeedSize), f.Text()
			if err := f.Done(); err != nil {
				return err
			}
			d.key, d.by = ed25519.NewKeyFromSeed(seed), by
		}
		if err := d.loadChecked(tx); err != nil {
			return err
		}
		return tx.Scan(tableEntries, nil, nil, false, func(_, b []byte) (bool, error) {
			e, err := parse(b)
			if err != nil {
				return false, fmt.Errorf("%w: an entry of the desk", account.ErrDamaged)
			}
			entries[e.name] = e
			return true, nil
		})
	})
	if err == nil {
		d.entries, d.loaded = entries, true
	}
	return err
}

// Name gives the desk a name, which others see in what it enters.
func (d *Desk) Name(by string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if by = account.Clean(by); by == "" || len(by) > 100 {
		return fmt.Errorf("%w: a desk's name has 1 to 100 bytes", ErrEntry)
	}
	if err := d.load(); err != nil {
		return err
	}
	return d.self(by)
}

func (d *Desk) self(by string) error {
	if d.key == nil {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		d.key = ed25519.NewKeyFromSeed(seed)
	}
	d.by = by
	if d.view != nil {
		v := *d.view
		v.By, d.view = by, &v
	}
	return d.vault.Update(func(tx account.Tx) error {
		return tx.Put(tableSelf, nil, account.NewRecord(1).Raw(d.key.Seed()).Text(by).Bytes())
	})
}

// Enter signs entries and keeps them, all or none. Kind and what belongs to it
// are the caller's. It answers the entries: a new incident or claim is called by
// the name of its own.
func (d *Desk) Enter(at time.Time, list ...Entry) ([]Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(); err != nil {
		return nil, err
	}
	if d.key == nil {
		if err := d.self(cmp.Or(d.by, "desk")); err != nil {
			return nil, err
		}
	}
	var lines [][]byte
	for i := range list {
		e := &list[i]
		e.Format, e.Desk, e.By = format, hex.EncodeToString(d.key.Public().(ed25519.PublicKey)), d.by
		e.At = at.UTC().Add(time.Duration(i) * time.Millisecond).Format(timeForm) // in the order in which they are given
		e.Text, e.State = account.Clean(e.Text), account.Clean(e.State)
		if e.Kind == KindIncident || e.Kind == KindClaim {
			var b [8]byte
			rand.Read(b[:])
			e.Nonce = hex.EncodeToString(b[:])
		}
		if err := e.check(); err != nil {
			return nil, err
		}
		msg, err := e.signed()
		if err != nil {
			return nil, err
		}
		e.Sig = hex.EncodeToString(ed25519.Sign(d.key, msg))
		b, err := line(e)
		if err != nil {
			return nil, err
		}
		if len(b) > maxLine {
			return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrEntry, maxLine)
		}
		e.name = nameOf(b)
		lines = append(lines, b)
	}
	return list, d.keep(lines)
}

// keep stores lines whose form is good. mu is held.
func (d *Desk) keep(lines [][]byte) error {
	if len(d.entries)+len(lines) > maxEntries {
		return fmt.Errorf("%w: a desk holds %d entries", ErrEntry, maxEntries)
	}
	fresh := map[string]*Entry{}
	err := d.vault.Update(func(tx account.Tx) error {
		for _, b := range lines {
			e, err := parse(b)
			if err != nil {
				return err
			}
			key, err := hex.DecodeString(e.name)
			if err == nil {
				err = tx.Put(tableEntries, key, b)
			}
			if err != nil {
				return err
			}
			fresh[e.name] = e
		}
		return nil
	})
	if err != nil {
		return err
	}
	for n, e := range fresh {
		if d.entries[n] != nil {
			delete(fresh, n) // nothing is said twice
		}
		d.entries[n] = e
	}
	if len(fresh) > 0 {
		d.advance(fresh)
	}
	return nil
}

// File keeps a package that held, once. It says whether it is new.
func (d *Desk) File(at, came time.Time, v *evidence.Verdict) (bool, error) {
	if v.Manifest == nil || v.Broken() {
		return false, fmt.Errorf("%w: the package does not hold", ErrEntry)
	}
	root := v.Root.String()
	all, err := d.View()
	if err != nil {
		return false, err
	}
	var list []Entry
	if all.reports[root] == nil {
		list = append(list, Entry{Kind: KindReport, Of: root, Came: came.UTC().Format(time.RFC3339), Report: v.Manifest})
	}
	if r := all.reports[root]; v.Author != "" && (r == nil || r.Author != v.Author) {
		list = append(list, Entry{Kind: KindClaimed, Of: root, Author: v.Author})
	}
	if len(list) == 0 {
		return false, nil
	}
	_, err = d.Enter(at, list...)
	return err == nil, err
}

// Claimed keeps an author's claim of a report that is here; false when it does
// not hold, or the report has not come.
func (d *Desk) Claimed(at time.Time, c evidence.Claim) (bool, error) {
	all, err := d.View()
	if err != nil {
		return false, err
	}
	r := all.reports[c.Root]
	root, bad := evidence.ParseRoot(c.Root)
	if r == nil || bad != nil || c.Check(root, r.Manifest) != nil || r.Author == c.Key {
		return r != nil && r.Author == c.Key, nil
	}
	_, err = d.Enter(at, Entry{Kind: KindClaimed, Of: c.Root, Author: c.Key})
	return err == nil, err
}

// Write gives all entries to another desk, oldest first. Of reports that are
// private only the owner's desk knows: they, and what is about them alone, are
// left out.
func (d *Desk) Write(w io.Writer) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(); err != nil {
		return 0, err
	}
	hidden, list := map[string]bool{}, d.sorted()
	v := fold(list)
	for _, r := range v.Reports {
		hidden[r.Root] = r.Manifest.Report.Consent == "private"
	}
	for _, i := range v.Incidents {
		all := len(i.Reports) > 0
		for _, r := range i.Reports {
			all = all && hidden[r.Root]
		}
		hidden[i.ID] = all
	}
	for _, e := range list {
		if hidden[e.Of] || hidden[e.name] || hidden[e.Into] {
			continue
		}
		b, err := line(e)
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// sorted are the entries in the order of spec/desk.md, 2. mu is held.
func (d *Desk) sorted() []*Entry {
	if d.order == nil {
		list := make([]*Entry, 0, len(d.entries))
		for _, e := range d.entries {
			list = append(list, e)
		}
		slices.SortFunc(list, before)
		d.order = list
	}
	return d.order
}

// Merge takes the entries of another desk. It says how many were new and how
// many were refused.
func (d *Desk) Merge(r io.Reader) (fresh, refused int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(); err != nil {
		return 0, 0, err
	}
	var lines [][]byte
	seen := map[string]bool{}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine+1)
	for s.Scan() {
		if len(s.Bytes()) < leastLine || !bytes.HasPrefix(s.Bytes(), []byte(lineBegins)) {
			refused++ // without a look at the rest: there may be thousands of them
			continue
		}
		b := append(bytes.Clone(s.Bytes()), '\n')
		e, err := receive(b)
		switch {
		case err != nil:
			refused++
		case d.entries[e.name] == nil && !seen[e.name]:
			seen[e.name] = true
			lines = append(lines, b)
		}
	}
	if s.Err() != nil {
		refused++ // a line without an end
	}
	if len(lines) == 0 {
		return 0, refused, nil
	}
	return len(lines), refused, d.keep(lines)
}
