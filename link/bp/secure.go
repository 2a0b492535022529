package bp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"time"
)

// secure encrypts a connection; who called is the client. RFC 9174, 4.4. Nobody's
// certificate is checked and ours is made for this one session: what bundles hold
// is sealed, and there is no root that both ends trust.
func secure(conn net.Conn, active bool) (net.Conn, error) {
	cert, err := throwaway()
	if err != nil {
		return conn, err
	}
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true,
		InsecureSkipVerify: true,
	}
	var c *tls.Conn
	if active {
		c = tls.Client(conn, cfg)
	} else {
		c = tls.Server(conn, cfg)
	}
	return c, c.Handshake()
}

// throwaway is a certificate without a name.
func throwaway() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	// Wide and round, so that it tells nothing of this device's clock.
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: serial, NotBefore: year(2020), NotAfter: year(2050)},
		&x509.Certificate{SerialNumber: serial}, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, err
}
