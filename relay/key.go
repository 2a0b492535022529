package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// ErrKey says that bytes hold no relay key.
var ErrKey = errors.New("relay: not a relay key")

// Key is a relay's secret key. Clients know the relay by its KeyID, so an
// operator who loses the key must hand out a new address. Whoever steals it
// can pose as the relay: keep its file readable by the relay alone.
type Key struct {
	secret *ecdsa.PrivateKey
	id     KeyID
}

// NewKey draws a key from crypto/rand. P-256 because that is what ordinary
// web servers show.
func NewKey() (Key, error) {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("relay: new key: %w", err)
	}
	return keyOf(secret)
}

func keyOf(secret *ecdsa.PrivateKey) (Key, error) {
	spki, err := x509.MarshalPKIXPublicKey(&secret.PublicKey)
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return Key{secret: secret, id: sha256.Sum256(spki)}, nil
}

// ID is what addresses pin.
func (k Key) ID() KeyID { return k.id }

// MarshalPEM is the key for a file, in PKCS #8 PEM.
func (k Key) MarshalPEM() ([]byte, error) {
	if k.secret == nil {
		return nil, fmt.Errorf("%w: empty", ErrKey)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.secret)
	if err != nil {
		return nil, fmt.Errorf("relay: marshal key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

const pemType = "PRIVATE KEY"

// ParseKey reads what MarshalPEM wrote. Errors: ErrKey.
func ParseKey(b []byte) (Key, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != pemType {
		return Key{}, fmt.Errorf("%w: no PEM block %q; restore the file from a backup or delete it for a new key and address", ErrKey, pemType)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	secret, ok := k.(*ecdsa.PrivateKey)
	if !ok || secret.Curve != elliptic.P256() {
		return Key{}, fmt.Errorf("%w: not an ECDSA key on P-256", ErrKey)
	}
	return keyOf(secret)
}

// KeyIDOf is the KeyID of the certificate that a far end showed.
func KeyIDOf(c *x509.Certificate) KeyID { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// TLS is TLS 1.3 with a certificate that the key signs for itself.
// The certificate says nothing true: clients look only at the key, never at
// names or dates, because their clocks may be wrong. No session tickets: they
// would let the relay link a person's connections. spec/relay.md, 2.
func (k Key) TLS(now time.Time) (*tls.Config, error) {
	if k.secret == nil {
		return nil, fmt.Errorf("%w: empty", ErrKey)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("relay: certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "localhost"},
		DNSNames:              []string{"localhost"},
		NotBefore:             now.AddDate(0, 0, -1).UTC(),
		NotAfter:              now.AddDate(2, 0, 0).UTC(),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.secret.PublicKey, k.secret)
	if err != nil {
		return nil, fmt.Errorf("relay: certificate: %w", err)
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: k.secret}},
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true,
	}, nil
}

// Derive makes a secret for another protocol of the same relay, so that one file
// holds all that must not be lost. It tells nothing of the key or of other secrets.
func (k Key) Derive(purpose string) (secret [32]byte, err error) {
	if k.secret == nil {
		return secret, fmt.Errorf("%w: empty", ErrKey)
	}
	own, err := k.secret.Bytes()
	if err != nil {
		return secret, fmt.Errorf("relay: derive: %w", err)
	}
	b, err := hkdf.Key(sha256.New, own, nil, "jauap/1 relay "+purpose, len(secret))
	if err != nil {
		return secret, fmt.Errorf("relay: derive: %w", err)
	}
	return [32]byte(b), nil
}
