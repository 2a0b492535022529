package lan

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"
)

// newCertificate makes a self-signed certificate that says nothing: no name,
// no time that would tell about the clock, a random serial number.
func newCertificate() (tls.Certificate, error) {
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("lan: certificate: %w", err)
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
		return tls.Certificate{}, fmt.Errorf("lan: certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: secret}, nil
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
		// A ticket would link two meetings of one device.
		SessionTicketsDisabled: true,
	}
	tcp = quic.Clone()
	tcp.NextProtos = []string{"http/1.1"}
	return quic, tcp
}
