package lan

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// A beacon says: somebody with this token listens at this port of the address
// that I come from. On the wire it has 32 bytes, numbers big-endian:
//
//	salt 8 | masked: zeros 5 | version u8 | port u16 | token 16
//
// The mask is the first 24 bytes of SHA-256("jauap/1 beacon" || salt) and no
// secret: it makes no two packets alike, so that a search for fixed bytes finds
// nothing. Whoever knows this page and is on the same network can tell that Jauap
// runs here, and follow the token until the next start. Later versions may
// append bytes.
type beacon struct {
	version uint8
	port    uint16
	token   token
}

const (
	beaconVersion = 1
	beaconSize    = 32
	beaconMost    = 512 // longer packets are none
	beaconSalt    = 8
	beaconZeros   = 5
)

// Errors of parseBeacon.
var (
	errNoBeacon    = errors.New("lan: not a beacon")
	errNewerBeacon = errors.New("lan: beacon of another version")
)

func maskBeacon(salt, b []byte) {
	sum := sha256.Sum256(append([]byte("jauap/1 beacon"), salt...))
	for i := range b {
		b[i] ^= sum[i]
	}
}

// encode makes a packet with a fresh salt.
func (b beacon) encode() []byte {
	p := make([]byte, beaconSalt, beaconSize)
	_, _ = rand.Read(p) // never fails
	p = append(p, make([]byte, beaconZeros)...)
	p = append(p, b.version)
	p = binary.BigEndian.AppendUint16(p, b.port)
	p = append(p, b.token[:]...)
	maskBeacon(p[:beaconSalt], p[beaconSalt:])
	return p
}

// parseBeacon reads one packet. Errors: errNoBeacon, errNewerBeacon.
func parseBeacon(p []byte) (beacon, error) {
	if len(p) < beaconSize || len(p) > beaconMost {
		return beacon{}, errNoBeacon
	}
	var m [beaconSize - beaconSalt]byte
	copy(m[:], p[beaconSalt:])
	maskBeacon(p[:beaconSalt], m[:])
	if !bytes.Equal(m[:beaconZeros], make([]byte, beaconZeros)) {
		return beacon{}, errNoBeacon
	}
	b := beacon{version: m[beaconZeros], port: binary.BigEndian.Uint16(m[6:]), token: token(m[8:])}
	switch {
	case b.version != beaconVersion:
		return beacon{}, errNewerBeacon
	case b.port == 0 || b.token == token{}:
		return beacon{}, errNoBeacon
	}
	return b, nil
}

// lower says whether a's token is lower than b's: the lower one dials.
func lower(a, b token) bool { return bytes.Compare(a[:], b[:]) < 0 }
