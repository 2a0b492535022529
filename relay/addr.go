package relay

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ErrAddr says that a text is no relay address.
var ErrAddr = errors.New("relay: not a relay address")

// maxAddr bounds the text of an address, in bytes.
const maxAddr = 512

const defaultPort = 443

// OddPorts are the ports, besides an address's own, on which a relay may
// answer by TCP and UDP and a client may look for it. 179 and 3785 (TCP) stayed
// open in Kazakhstan's shutdown of January 2022. spec/relay.md, 11.
func OddPorts() []uint16 { return []uint16{443, 3785, 179, 53, 123, 5060, 8080} }

// KeyID is what an address pins: the SHA-256 of the relay's public key in
// SubjectPublicKeyInfo form. spec/relay.md, 1.
type KeyID [32]byte

func (k KeyID) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// ParseKeyID reads the 43 characters that String writes.
func ParseKeyID(s string) (KeyID, error) {
	var k KeyID
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(k) {
		return k, fmt.Errorf("%w: the part after # is not a key of 43 letters and digits; copy the whole address", ErrAddr)
	}
	return KeyID(b), nil
}

// Addr is where a relay answers and the key by which it is known. Equal
// relays have equal Addr values when the text came from ParseAddr.
type Addr struct {
	Host string // DNS name in lower case, or an IP literal without brackets
	Port uint16
	Key  KeyID
}

// HostPort is the pair for dialling, with brackets where IPv6 needs them.
func (a Addr) HostPort() string {
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

// String is the address text: https://HOST:PORT/#KEY.
func (a Addr) String() string {
	return "https://" + a.HostPort() + "/#" + a.Key.String()
}

// ParseAddr reads an address text: spaces around it, a missing port (443) and
// a missing slash are forgiven; everything else is ErrAddr. spec/relay.md, 1.
func ParseAddr(text string) (Addr, error) {
	s := strings.TrimSpace(text)
	if len(s) > maxAddr {
		return Addr{}, fmt.Errorf("%w: longer than %d characters", ErrAddr, maxAddr)
	}
	const scheme = "https://"
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return Addr{}, fmt.Errorf("%w: it begins with https://", ErrAddr)
	}
	where, key, ok := strings.Cut(s[len(scheme):], "#")
	if !ok {
		return Addr{}, fmt.Errorf("%w: the part from # on is missing; copy the whole address", ErrAddr)
	}
	id, err := ParseKeyID(key)
	if err != nil {
		return Addr{}, err
	}
	host, port, err := splitHost(strings.TrimSuffix(where, "/"))
	if err != nil {
		return Addr{}, err
	}
	return Addr{Host: host, Port: port, Key: id}, nil
}

// splitHost reads HOST, HOST:PORT or [IPv6]:PORT.
func splitHost(s string) (string, uint16, error) {
	host, port := s, uint16(defaultPort)
	bracket := strings.LastIndexByte(s, ']')
	if colon := strings.LastIndexByte(s, ':'); colon > bracket {
		n, err := strconv.ParseUint(s[colon+1:], 10, 16)
		if err != nil || n == 0 || s[colon+1] == '0' {
			return "", 0, fmt.Errorf("%w: the port after the last : is not a number from 1 to 65535", ErrAddr)
		}
		host, port = s[:colon], uint16(n)
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		ip, err := netip.ParseAddr(host[1 : len(host)-1])
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", 0, fmt.Errorf("%w: no IPv6 address in the brackets", ErrAddr)
		}
		return ip.String(), port, nil
	}
	if !plainHost(host) {
		return "", 0, fmt.Errorf("%w: no host name or IP address after https://", ErrAddr)
	}
	return strings.ToLower(host), port, nil
}

// plainHost allows what a DNS name or an IPv4 literal is made of. RFC 1123, 2.1
func plainHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			default:
				return false
			}
		}
	}
	return true
}
