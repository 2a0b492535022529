package sqlite

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	ErrNear            = errors.New("account/sqlite: too near to the passphrase: a slip of the finger would erase everything; take quite other words")
	ErrDestroyed       = errors.New("account/sqlite: the key was destroyed; what opens now is an empty vault")
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
// sealed with a key that comes from the passphrase or from the key file, and in
// its other place noise or what a passphrase under duress opens: spec/vault.md.
type header struct {
	first  bool   // version 1, which has no other place
	kdf    string // "argon2id" or "file"
	params Params
	salt   [16]byte
	sealed []byte // nonce 24, root 32, tag 16
	other  []byte // as long, and by all looks the same
}

const (
	headerFormat = "jauap vault %d\nkdf %s memory %d passes %d threads %d\nsalt %x\n"
	sealedSize   = 24 + 32 + 16
)

// open part of the header: bound by the seals.
func (h header) public() []byte {
	version := 2
	if h.first {
		version = 1
	}
	return fmt.Appendf(nil, headerFormat, version, h.kdf, h.params.MemoryKiB, h.params.Passes, h.params.Threads, h.salt)
}

const rootWord, otherWord = "root ", "other "

func (h header) marshal() []byte {
	b := fmt.Appendf(h.public(), "%s%x\n", rootWord, h.sealed)
	if h.first {
		return b
	}
	return fmt.Appendf(b, "%s%x\n", otherWord, h.other)
}

func parseHeader(b []byte) (header, error) {
	var h header
	var version int
	var salt, root, other string
	unread := fmt.Errorf("%w: its header cannot be read", account.ErrDamaged)
	n, err := fmt.Sscanf(string(b), "jauap vault %d\nkdf %s memory %d passes %d threads %d\nsalt %s\nroot %s\nother %s\n",
		&version, &h.kdf, &h.params.MemoryKiB, &h.params.Passes, &h.params.Threads, &salt, &root, &other)
	if h.first = version == 1; h.first && n == 7 {
		n, err = 8, nil
	}
	if err != nil || n != 8 || version < 1 || version > 2 {
		return h, unread
	}
	s, err1 := hex.DecodeString(salt)
	h.sealed, err = hex.DecodeString(root)
	if err1 != nil || err != nil || len(s) != len(h.salt) || len(h.sealed) != sealedSize {
		return h, unread
	}
	if h.other, err = hex.DecodeString(other); err != nil || !h.first && len(h.other) != sealedSize {
		return h, unread
	}
	copy(h.salt[:], s)
	if !bytes.Equal(h.marshal(), b) {
		return h, unread
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

// newHeader seals the root key under a new salt; the other place is noise.
func newHeader(p Params, secret, root []byte) (header, error) {
	h := header{kdf: "argon2id", params: p}
	if p.NoPassphrase {
		h.kdf, h.params.NoPassphrase = "file", false
	}
	rand.Read(h.salt[:])
	key := h.kek(secret)
	defer clear(key)
	return h, h.fill(key, root)
}

// Uses of a seal, bound by it besides the open part of the header.
const (
	forWhole  = ""        // the root key of this vault
	forBegun  = "begun\n" // the root key of a vault that is to be made in place of another
	forDuress = "duress\n"
)

// fill puts the root key and noise into the two places.
func (h *header) fill(key, root []byte) (err error) {
	h.first, h.other = false, make([]byte, sealedSize)
	rand.Read(h.other)
	h.sealed, err = h.seal(key, root, forWhole)
	return err
}

func (h *header) seal(key, secret []byte, use string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, 24)
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, secret, append(h.public(), use...)), nil
}

// opens is what a secret opens.
type opens uint8

const (
	nothing opens = iota
	whole         // this vault
	begun         // one that is to be made in place of another, of which the key is gone
	duress        // the other place
)

// try answers what the key behind a secret opens, and what is sealed there. Each place
// is tried in any case, and the derivation before it is one: the time tells nothing.
func (h *header) try(key []byte) (root []byte, what opens, err error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, nothing, err
	}
	other := h.other
	if h.first {
		other = make([]byte, sealedSize)
	}
	for _, p := range [...]struct {
		what   opens
		sealed []byte
		use    string
	}{{whole, h.sealed, forWhole}, {begun, h.sealed, forBegun}, {duress, other, forDuress}} {
		b, err := aead.Open(nil, p.sealed[:24], p.sealed[24:], append(h.public(), p.use...))
		if err == nil && what == nothing {
			root, what = b, p.what
		}
	}
	return root, what, nil
}

// subkey separates the uses of the root key.
func subkey(root []byte, use string) ([]byte, error) {
	return hkdf.Expand(sha256.New, root, "jauap/1 vault "+use, 32) // RFC 5869, 2.3
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
