package sqlite

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum" // registers the encrypting file system
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/account"
)

// Vault is an account.Vault in one SQLite file with one connection:
// transactions run one after the other. It is safe for concurrent use.
type Vault struct {
	mu    sync.Mutex
	db    *sqlite3.Conn // nil when closed
	aead  cipher.AEAD
	stmts statements
	begun *beginning // nil for one that is whole
}

// Create makes a vault at path with a header beside it (path.head). The
// passphrase must not be empty unless p.NoPassphrase is set, and then it must
// be nil. ErrExists when something is there already, ErrParams when p or the
// passphrase is unsuitable. An interrupted Create can be repeated.
func Create(path string, passphrase []byte, p Params) (*Vault, error) {
	p, err := p.filled()
	if err != nil {
		return nil, err
	}
	if p.NoPassphrase != (len(passphrase) == 0) {
		return nil, fmt.Errorf("%w: a passphrase, or NoPassphrase, and not both", ErrParams)
	}
	for _, name := range []string{headerPath(path), path} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s", ErrExists, name)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault(err)
	}
	f, secret := files{path: path}, passphrase
	if p.NoPassphrase {
		secret = make([]byte, 32)
		rand.Read(secret)
		if err := f.write(keyPath(path), secret); err != nil {
			return nil, fault(err)
		}
	}
	root := make([]byte, 32)
	rand.Read(root)
	h, err := newHeader(p, secret, root)
	if err != nil {
		return nil, err
	}
	if err := makeData(draftPath(path), root); err != nil {
		return nil, err
	}
	// The header is the moment at which the vault exists; Open finishes the
	// renaming when the power is cut between these two steps.
	if err := f.write(headerPath(path), h.marshal()); err != nil {
		return nil, fault(err)
	}
	defer clear(root)
	debug.FreeOSMemory() // Argon2id leaves its memory to the collector
	return openData(path, root, "adiantum")
}

// Open opens a vault; passphrase is ignored by vaults without one. The passphrase of
// SetDuress destroys the vault's key first, and what opens is empty and Begun. Errors:
// ErrNoVault, ErrPassphrase, ErrWrongPassphrase, ErrInUse, account.ErrDamaged.
func Open(path string, passphrase []byte) (*Vault, error) {
	return files{path: path}.open(passphrase)
}

func (f files) open(passphrase []byte) (*Vault, error) {
	h, key, root, err := f.unseal(passphrase)
	if errors.Is(err, ErrDestroyed) {
		return f.begin(h, key, root)
	}
	if err != nil {
		return nil, err
	}
	defer clear(key)
	defer clear(root)
	v, err := openData(f.path, root, "adiantum")
	if err != nil {
		return nil, err
	}
	// Nothing depends on these two: they are tried again at the next opening.
	_ = f.tidy()
	if h.first || h.kdf == "argon2id" {
		_ = f.renew(h, key, root)
	}
	return v, nil
}

// Protected reports whether the vault at path asks for a passphrase.
func Protected(path string) (bool, error) {
	h, err := readHeader(path)
	return h.kdf == "argon2id", err
}

// ChangePassphrase seals the vault's key anew; the data is not rewritten. A passphrase
// of SetDuress is gone with it. A copy of the old header still opens with the old one.
// Errors: ErrParams, and those of SetDuress.
func ChangePassphrase(path string, old, passphrase []byte, p Params) error {
	return files{path: path}.change(old, passphrase, p)
}

func (f files) change(old, passphrase []byte, p Params) error {
	p, err := p.filled()
	if err != nil {
		return err
	}
	if len(passphrase) == 0 || p.NoPassphrase {
		return fmt.Errorf("%w: the new passphrase is empty", ErrParams)
	}
	_, key, root, err := f.unseal(old)
	if err != nil {
		return err
	}
	defer clear(root)
	clear(key)
	h := header{kdf: "argon2id", params: p}
	rand.Read(h.salt[:])
	key = f.derive(h, passphrase)
	defer clear(key)
	if err := h.fill(key, root); err != nil {
		return err
	}
	if err := f.putQuietly(h, key, root); err != nil {
		return err
	}
	if err := f.destroy(keyPath(f.path)); err != nil {
		return fault(err)
	}
	return syncDir(f.path)
}

// makeData writes an empty data file and closes it.
func makeData(path string, root []byte) error {
	for _, name := range []string{path, path + "-wal", path + "-journal"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault(err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fault(err)
	}
	f.Close()
	v, err := connect(path, root, "adiantum")
	if err != nil {
		return err
	}
	return v.Close()
}

func openData(path string, root []byte, vfs string) (*Vault, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(draftPath(path), path); err != nil {
			return nil, fmt.Errorf("%w: its data file is missing", account.ErrDamaged)
		}
		if err := syncDir(path); err != nil {
			return nil, fault(err)
		}
	}
	return connect(path, root, vfs)
}

// setup is run at each opening. The values stand beside the index and not in
// it (WITHOUT ROWID): SQLite reads whole records to compare their keys, which
// are up to 256 KiB here. The exclusive lock keeps a second process out
// and needs no shared memory. Pages are 4 KiB because the cipher's blocks are.
const setup = `
PRAGMA locking_mode=EXCLUSIVE;
PRAGMA page_size=4096;
PRAGMA temp_store=memory;
PRAGMA cache_size=-1024;
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA secure_delete=ON;
PRAGMA journal_size_limit=4194304;
CREATE TABLE IF NOT EXISTS kv(id INTEGER PRIMARY KEY, t INTEGER NOT NULL, k BLOB NOT NULL, v BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS place ON kv(t,k);
CREATE TABLE IF NOT EXISTS opened(n INTEGER NOT NULL);
INSERT INTO opened SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM opened);
UPDATE opened SET n=n+1;
`

func connect(path string, root []byte, vfs string) (*Vault, error) {
	pages, err := subkey(root, "pages")
	if err != nil {
		return nil, err
	}
	records, err := subkey(root, "records")
	if err != nil {
		return nil, err
	}
	defer clear(pages)
	defer clear(records) // the cipher has a copy
	v := &Vault{}
	if v.aead, err = chacha20poly1305.NewX(records); err != nil {
		return nil, err
	}
	q := url.Values{"vfs": {vfs}, "modeof": {path}}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}
	v.db, err = sqlite3.OpenFlags(name.String(), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, fault(err)
	}
	if err = v.db.Exec(fmt.Sprintf("PRAGMA hexkey='%x'", pages)); err == nil {
		err = v.db.Exec(setup)
	}
	if err == nil {
		err = v.stmts.prepare(v.db)
	}
	if err == nil {
		// The log file was just made or written: its name must be durable too,
		// and the file system below flushes only its bytes.
		err = syncDir(path)
	}
	if err != nil {
		v.Close()
		return nil, fault(err)
	}
	return v, nil
}

// fault translates what a caller can act on.
func fault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, account.ErrFull), errors.Is(err, account.ErrDamaged):
		return err
	case errors.Is(err, sqlite3.FULL), diskFull(err):
		return fmt.Errorf("%w (%w)", account.ErrFull, err)
	case errors.Is(err, sqlite3.BUSY):
		return ErrInUse
	case errors.Is(err, sqlite3.IOERR):
		return fmt.Errorf("%w: %w", ErrDisk, err)
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return fmt.Errorf("%w: %w", account.ErrDamaged, err)
	}
	return fmt.Errorf("account/sqlite: %w", err)
}

// View implements account.Vault.
func (v *Vault) View(f func(account.Tx) error) error { return v.run(f, false) }

// Update implements account.Vault.
func (v *Vault) Update(f func(account.Tx) error) error { return v.run(f, true) }

func (v *Vault) run(f func(account.Tx) error, write bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.db == nil {
		return account.ErrClosed
	}
	begin := &v.stmts.begin
	if write {
		begin = &v.stmts.beginWrite
	}
	if err := (*begin).Exec(); err != nil {
		return fault(err)
	}
	done := false
	defer func() {
		// Also when f panics; SQLite may have rolled back by itself already.
		if !done && !v.db.GetAutocommit() {
			v.stmts.rollback.Exec()
		}
	}()
	x := &tx{v: v, write: write}
	err := f(x)
	x.v = nil
	if err != nil {
		return err
	}
	if x.failed != nil {
		// f swallowed an error: half of what it wanted must not be committed.
		return x.failed
	}
	if err := v.stmts.commit.Exec(); err != nil {
		return fault(err)
	}
	done = true
	return nil
}

// Close implements account.Vault. Closing twice is allowed.
func (v *Vault) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.db == nil {
		return nil
	}
	v.forget()
	v.stmts.close()
	err := v.db.Close()
	v.db, v.aead = nil, nil
	return fault(err)
}
