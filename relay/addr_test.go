package relay

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

const someKey = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

func TestParseAddr(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"https://relay.example:8443/#" + someKey, "https://relay.example:8443/#" + someKey},
		{"  HTTPS://Relay.Example/#" + someKey + "\n", "https://relay.example:443/#" + someKey},
		{"https://192.0.2.7:53#" + someKey, "https://192.0.2.7:53/#" + someKey},
		{"https://[2001:DB8::1]:3785/#" + someKey, "https://[2001:db8::1]:3785/#" + someKey},
		{"https://[2001:db8::1]/#" + someKey, "https://[2001:db8::1]:443/#" + someKey},
		{"https://a-b_c.x:1/#" + someKey, "https://a-b_c.x:1/#" + someKey},
	} {
		a, err := ParseAddr(c.text)
		if err != nil || a.String() != c.want {
			t.Errorf("%q: %q, %v; want %q", c.text, a, err, c.want)
		}
	}
	for _, text := range []string{
		"", "relay.example", "http://relay.example/#" + someKey, "https://relay.example/", "https://relay.example/#",
		"https://relay.example/#" + someKey[1:], "https://relay.example/#" + someKey + "A",
		"https://relay.example/#" + someKey[:42] + "V", // bits behind the end
		"https://relay.example/#" + someKey[:42] + "=", "https:///#" + someKey, "https://:443/#" + someKey,
		"https://relay.example:0/#" + someKey, "https://relay.example:65536/#" + someKey, "https://relay.example:/#" + someKey,
		"https://relay.example:08/#" + someKey, "https://relay.example:+8/#" + someKey,
		"https://user@relay.example/#" + someKey, "https://relay.example/path/#" + someKey, "https://relay.example?x/#" + someKey,
		"https://relay..example/#" + someKey, "https://-relay.example/#" + someKey, "https://relay.example./#" + someKey,
		"https://[::1%25lo]:443/#" + someKey, "https://[1.2.3.4]:443/#" + someKey, "https://[::1/#" + someKey, "https://::1/#" + someKey,
		"https://рилэй.example/#" + someKey, "https://relay.example/##" + someKey,
		"https://" + strings.Repeat("a.", 200) + "x/#" + someKey, strings.Repeat(" ", 1000) + "https://" + strings.Repeat("a", 600),
	} {
		if a, err := ParseAddr(text); !errors.Is(err, ErrAddr) {
			t.Errorf("%q: %q, %v; want ErrAddr", text, a, err)
		}
	}
}

func FuzzParseAddr(f *testing.F) {
	f.Add("https://relay.example:8443/#" + someKey)
	f.Add("https://[2001:db8::1]:3785/#" + someKey)
	f.Add(" HTTPS://192.0.2.7#" + someKey)
	f.Add("https://[::ffff:1.2.3.4]:1/#" + someKey)
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, text string) {
		defer limits.Watch(t, len(text))()
		a, err := ParseAddr(text)
		if err != nil {
			if !errors.Is(err, ErrAddr) || a != (Addr{}) {
				t.Fatalf("%q: %+v, %v", text, a, err)
			}
			return
		}
		again, err := ParseAddr(a.String())
		if err != nil || again != a {
			t.Fatalf("%q became %q, which is %+v, %v; not %+v", text, a, again, err, a)
		}
		if len(a.String()) > maxAddr || strings.ContainsAny(a.Host, " /#@?\n\x00") {
			t.Fatalf("%q became %q", text, a)
		}
	})
}

func TestKey(t *testing.T) {
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseKey(text)
	if err != nil || again.ID() != k.ID() {
		t.Fatalf("%v is %v, %v", k.ID(), again.ID(), err)
	}
	id, err := ParseKeyID(k.ID().String())
	if err != nil || id != k.ID() {
		t.Fatal(id, err)
	}
	for _, bad := range [][]byte{nil, []byte("hello"), bytes.Replace(text, []byte("PRIVATE"), []byte("PUBLIC"), 2),
		text[:len(text)/2], bytes.Replace(text, []byte("MIG"), []byte("MIH"), 1)} {
		if _, err := ParseKey(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := (Key{}).MarshalPEM(); !errors.Is(err, ErrKey) {
		t.Error("an empty key:", err)
	}
	if _, err := (Key{}).TLS(time.Now()); !errors.Is(err, ErrKey) {
		t.Error("an empty key:", err)
	}
	// Each start shows another certificate of the same key.
	var serials []string
	for range 2 {
		conf, err := k.TLS(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(conf.Certificates[0].Certificate[0])
		if err != nil || KeyIDOf(cert) != k.ID() {
			t.Fatal("the certificate has another key", err)
		}
		serials = append(serials, cert.SerialNumber.String())
	}
	if serials[0] == serials[1] {
		t.Error("the same certificate twice")
	}
}
