package sqlite

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/account"
)

// Errors of Create and Open, usable with errors.Is.
var (
	ErrWrongPassphrase = errors.New("account/sqlite: wrong passphrase")
	ErrPassphrase      = errors.New("account/sqlite: this vault needs a passphrase")
	ErrNoVault         = errors.New("account/sqlite: there is no vault here: make one with jauap init")
	ErrExists          = errors.New("account/sqlite: there is a vault here already")
	ErrInUse           = errors.New("account/sqlite: another program has this vault open")
	ErrDisk            = errors.New("account/sqlite: the disk does not give or take the vault's bytes")
	ErrParams          = errors.New("account/sqlite: unsuitable parameters")
)

// Params choose how expensive it is to guess the passphrase. Zero fields take
// the defaults.
type Params struct {
	MemoryKiB uint32 // of Argon2id; default 262144 (256 MiB), at least 65536 (64 MiB)
	Passes    uint32 // default 3, at most 64
	Threads   uint8  // default 2, at most 16

	// NoPassphrase keeps a random key in a file beside the vault instead: for
	// tests and kiosks. Whoever has the folder has everything.
	NoPassphrase bool
}

// Bounds of the parameters, also of those read from a header: a forged header
// must not make Open take the machine's whole memory.
const (
	defaultMemory = 256 << 10
	minMemory     = 64 << 10
	maxMemory     = 4 << 20
	defaultPasses = 3
	maxPasses     = 64
	defaultThread = 2
	maxThreads    = 16
	maxHeader     = 4096
)

func (p Params) filled() (Params, error) {
	if p.MemoryKiB == 0 {
		p.MemoryKiB = defaultMemory
	}
	if p.Passes == 0 {
		p.Passes = defaultPasses
	}
	if p.Threads == 0 {
		p.Threads = defaultThread
	}
	if p.MemoryKiB < minMemory || p.MemoryKiB > maxMemory || p.Passes > maxPasses || p.Threads > maxThreads {
		return p, fmt.Errorf("%w: memory %d to %d KiB, passes 1 to %d, threads 1 to %d",
			ErrParams, minMemory, maxMemory, maxPasses, maxThreads)
	}
	return p, nil
}

// header is the small file beside the data. It holds the vault's root key,
// sealed with a key that comes from the passphrase or from the key file.
type header struct {
	kdf    string // "argon2id" or "file"
	params Params
	salt   [16]byte
	sealed []byte // nonce 24, root 32, tag 16
}

const headerFormat = "jauap vault 1\nkdf %s memory %d passes %d threads %d\nsalt %x\n"

// open part of the header: bound by the seal over the root key.
func (h header) public() []byte {
	return fmt.Appendf(nil, headerFormat, h.kdf, h.params.MemoryKiB, h.params.Passes, h.params.Threads, h.salt)
}

func (h header) marshal() []byte {
	return fmt.Appendf(h.public(), "root %x\n", h.sealed)
}

func parseHeader(b []byte) (header, error) {
	var h header
	var salt, root string
	n, err := fmt.Sscanf(string(b), "jauap vault 1\nkdf %s memory %d passes %d threads %d\nsalt %s\nroot %s\n",
		&h.kdf, &h.params.MemoryKiB, &h.params.Passes, &h.params.Threads, &salt, &root)
	if err != nil || n != 6 {
		return h, fmt.Errorf("%w: its header cannot be read", account.ErrDamaged)
	}
	s, err1 := hex.DecodeString(salt)
	h.sealed, err = hex.DecodeString(root)
	if err1 != nil || err != nil || len(s) != len(h.salt) || len(h.sealed) != 24+32+16 {
		return h, fmt.Errorf("%w: its header cannot be read", account.ErrDamaged)
	}
	copy(h.salt[:], s)
	if !bytes.Equal(h.marshal(), b) {
		return h, fmt.Errorf("%w: its header cannot be read", account.ErrDamaged)
	}
	p, err := h.params.filled()
	if err != nil || p != h.params || h.kdf != "argon2id" && h.kdf != "file" {
		return h, fmt.Errorf("%w: its header asks for impossible parameters", account.ErrDamaged)
	}
	return h, nil
}

// kek derives the key that seals the root key. secret is the passphrase or the
// content of the key file.
func (h header) kek(secret []byte) []byte {
	if h.kdf == "file" {
		sum := sha256.Sum256(append(append([]byte("jauap/1 vault key file"), h.salt[:]...), secret...))
		return sum[:]
	}
	// RFC 9106, 3.1: Argon2id.
	return argon2.IDKey(secret, h.salt[:], h.params.Passes, h.params.MemoryKiB, h.params.Threads, 32)
}

func newHeader(p Params, secret, root []byte) (header, error) {
	h := header{kdf: "argon2id", params: p}
	if p.NoPassphrase {
		h.kdf, h.params.NoPassphrase = "file", false
	}
	rand.Read(h.salt[:])
	aead, err := chacha20poly1305.NewX(h.kek(secret))
	if err != nil {
		return h, err
	}
	nonce := make([]byte, 24)
	rand.Read(nonce)
	h.sealed = aead.Seal(nonce, nonce, root, h.public())
	return h, nil
}

// root opens the root key: ErrWrongPassphrase when the secret is not the one.
func (h header) root(secret []byte) ([]byte, error) {
	key := h.kek(secret)
	defer clear(key)
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	root, err := aead.Open(nil, h.sealed[:24], h.sealed[24:], h.public())
	if err != nil {
		return nil, ErrWrongPassphrase
	}
	return root, nil
}

// subkey separates the uses of the root key.
func subkey(root []byte, use string) ([]byte, error) {
	return hkdf.Expand(sha256.New, root, "jauap/1 vault "+use, 32) // RFC 5869, 2.3
}

func headerPath(path string) string { return path + ".head" }
func keyPath(path string) string    { return path + ".key" }
func draftPath(path string) string  { return path + ".new" }

func readHeader(path string) (header, error) {
	f, err := os.Open(headerPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return header{}, ErrNoVault
	}
	if err != nil {
		return header{}, fmt.Errorf("account/sqlite: %w", err)
	}
	defer f.Close()
	b := make([]byte, maxHeader)
	n, err := f.Read(b)
	if err != nil {
		return header{}, fmt.Errorf("%w: its header cannot be read: %w", account.ErrDamaged, err)
	}
	return parseHeader(b[:n])
}

// secretOf is what the header's key is derived from.
func (h header) secretOf(path string, passphrase []byte) ([]byte, error) {
	if h.kdf == "argon2id" {
		if passphrase == nil {
			return nil, ErrPassphrase
		}
		return passphrase, nil
	}
	b, err := os.ReadFile(keyPath(path))
	if err != nil {
		return nil, fmt.Errorf("%w: its key file is missing: %w", account.ErrDamaged, err)
	}
	return b, nil
}

// writeFile replaces a file durably: a power cut leaves the old or the new one.
func writeFile(path string, b []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp) // best effort: the next attempt truncates it
		return err
	}
	return syncDir(path)
}
