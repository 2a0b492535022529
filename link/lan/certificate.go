package lan

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// newCertificate makes a self-signed certificate that says nothing: no name,
// no time that would tell about the clock, a random serial number.
func newCertificate() (cert tls.Certificate, own token, err error) {
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return cert, own, fmt.Errorf("lan: certificate: %w", err)
	}
	serial := make([]byte, 16)
	_, _ = rand.Read(serial) // never fails
	serial[0] = serial[0]&0x7f | 0x40
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280, 4.1.2.5: no end
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, secret)
	if err != nil {
		return cert, own, fmt.Errorf("lan: certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: secret}, tokenOf(der), nil
}

// tokenOf a Room is that of its certificate, so that whoever dials it knows it when
// the handshake is over.
func tokenOf(der []byte) (t token) {
	h := sha256.Sum256(der)
	copy(t[:], h[:])
	return t
}

// farToken is that of the Room at the other end of a handshake.
func farToken(s tls.ConnectionState) (token, error) {
	if len(s.PeerCertificates) == 0 {
		return token{}, errors.New("lan: the far end has no certificate")
	}
	return tokenOf(s.PeerCertificates[0].Raw), nil
}

// tlsConfigs are for the two carriers. Both ends use the same one.
//
// The protocol names are those of the web, so that these meetings look like the
// most ordinary traffic that a network sees; a name of our own would be readable
// in every handshake.
func tlsConfigs(cert tls.Certificate) (quic, tcp *tls.Config) {
	quic = &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{"h3"},
		// There is nobody to check: peers are strangers with throwaway
		// certificates. Letters are sealed before they come here, and contacts
		// recognise each other inside.
		InsecureSkipVerify: true,
		// The handshake fits a packet each way. A hybrid one would take two, a third of a
		// second on a slow link, for what only keeps listeners out: letters are sealed
		// against quantum computers before they come here.
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
	tcp = quic.Clone()
	tcp.SessionTicketsDisabled = true
	tcp.NextProtos = []string{"http/1.1"}
	return quic, tcp
}
