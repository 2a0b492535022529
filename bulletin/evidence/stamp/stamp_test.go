package stamp

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors anew; needs openssl")

const vectorFile = "../../../spec/vectors/stamps.json"

// vector is a stamp and what a reader must say of it.
type vector struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`   // tsr, ots
	Expect string `json:"expect"` // ok, form, other, signature, refused
	Root   string `json:"root"`
	Time   string `json:"time,omitempty"`
	Signer string `json:"signer,omitempty"`
	Height uint64 `json:"height,omitempty"`
	Merkle string `json:"merkle,omitempty"`
	Waits  string `json:"waits,omitempty"` // calendar
	Cert   []byte `json:"cert,omitempty"`  // that vouches for the signer
	File   []byte `json:"file"`
}

type vectors struct {
	About   string   `json:"about"`
	Vectors []vector `json:"vectors"`
}

func class(err error) string {
	for name, e := range map[string]error{"form": ErrForm, "other": ErrOther, "signature": ErrSignature, "refused": ErrRefused} {
		if errors.Is(err, e) {
			return name
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func readVectors(t testing.TB) (all vectors) {
	t.Helper()
	b, err := os.ReadFile(vectorFile)
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil || len(all.Vectors) < 20 {
		t.Fatal(len(all.Vectors), err)
	}
	return all
}

// TestVectors holds this reader to spec/vectors/stamps.json: tokens that openssl
// made, and proofs.
func TestVectors(t *testing.T) {
	if *writeVectors {
		makeVectors(t)
	}
	for _, c := range readVectors(t).Vectors {
		root, err := hex.DecodeString(c.Root)
		if err != nil {
			t.Fatal(err)
		}
		if c.Kind == "ots" {
			p, err := ReadProof(c.File, [32]byte(root))
			if class(err) != c.Expect {
				t.Errorf("%s: %v, want %s", c.Name, err, c.Expect)
				continue
			}
			if err != nil {
				continue
			}
			if b := p.Blocks(); c.Height > 0 && (len(b) == 0 || b[0].Height != c.Height || b[0].Merkle != c.Merkle) {
				t.Errorf("%s: %+v", c.Name, b)
			}
			if w := p.Waiting(); c.Waits != "" && (len(w) != 1 || w[0].Calendar != c.Waits) {
				t.Errorf("%s: %+v", c.Name, w)
			}
			if again, err := ReadProof(p.Bytes(), [32]byte(root)); err != nil || !bytes.Equal(again.Bytes(), p.Bytes()) {
				t.Errorf("%s: written, it is another: %v", c.Name, err)
			}
			continue
		}
		var named []*x509.Certificate
		if c.Cert != nil {
			x, err := x509.ParseCertificate(c.Cert)
			if err != nil {
				t.Fatal(err)
			}
			named = append(named, x)
		}
		k, err := Read(c.File, [32]byte(root), named)
		if class(err) != c.Expect {
			t.Errorf("%s: %v, want %s", c.Name, err, c.Expect)
		}
		if err == nil && (k.Time.Format(time.RFC3339) != c.Time || k.Signer != c.Signer || k.Led != (c.Cert != nil)) {
			t.Errorf("%s: %+v", c.Name, k)
		}
		if other, err := Read(c.File, sha256.Sum256(root), named); c.Expect == "ok" && !errors.Is(err, ErrOther) {
			t.Errorf("%s: holds for another root: %+v %v", c.Name, other, err)
		}
	}
}

// foreign is a time-stamp authority of openssl.
type foreign struct {
	t   testing.TB
	dir string
}

func (f foreign) run(args ...string) []byte {
	f.t.Helper()
	c := exec.Command("openssl", args...)
	c.Dir = f.dir
	out, err := c.CombinedOutput()
	if err != nil {
		f.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (f foreign) file(name string) []byte {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f foreign) put(name string, b []byte) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), b, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

const openssl = `
[tsa]
default_tsa = me
[me]
serial = serial
signer_cert = NAME.pem
signer_key = NAME.key
certs = ca.pem
default_policy = 1.2.3.4.1
digests = sha256, sha512
signer_digest = DIGEST
accuracy = secs:1, millisecs:500
ess_cert_id_chain = yes
ess_cert_id_alg = ESS
[for_tsa]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = critical,timeStamping
[for_web]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth
[for_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
`

// authority makes a certificate authority, and signers of three kinds below it.
func authority(t testing.TB) foreign {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatal("JAUAP_TEST=all, and there is no openssl in PATH: install openssl")
		}
		t.Skip("no openssl in PATH: no foreign time-stamp authority is asked (JAUAP_TEST=all makes this a failure)")
	}
	f := foreign{t, t.TempDir()}
	f.put("ca.cnf", []byte("[req]\ndistinguished_name=d\n[d]\n"+openssl))
	f.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", "/CN=Root of a test", "-config", "ca.cnf", "-extensions", "for_ca")
	for name, s := range map[string]struct{ key, use string }{"rsa": {"rsa:2048", "for_tsa"}, "ec": {"ec", "for_tsa"}, "web": {"ec", "for_web"}} {
		args := []string{"req", "-newkey", s.key, "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/O=Куәгер/CN=Stamps " + name, "-utf8", "-config", "ca.cnf"}
		if s.key == "ec" {
			args = append(args, "-pkeyopt", "ec_paramgen_curve:P-256")
		}
		f.run(args...)
		f.run("x509", "-req", "-in", name+".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", fmt.Sprint(len(name)+7), "-days", "3000", "-out", name+".pem", "-extfile", "ca.cnf", "-extensions", s.use)
	}
	f.put("serial", []byte("01\n"))
	return f
}

// answer lets openssl answer a request.
func (f foreign) answer(request []byte, signer, digest, ess string) []byte {
	f.t.Helper()
	f.put("q.tsq", request)
	f.put("tsa.cnf", []byte(strings.NewReplacer("NAME", signer, "DIGEST", digest, "ESS", ess).Replace(openssl)))
	f.run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "a.tsr")
	return f.file("a.tsr")
}

func (f foreign) ca() []byte {
	f.t.Helper()
	p, _ := pem.Decode(f.file("ca.pem"))
	return p.Bytes
}

// TestForeignAuthority: openssl answers what this room asks, in every form
// that authorities use, and agrees that the answers hold.
func TestForeignAuthority(t *testing.T) {
	f := authority(t)
	root := sha256.Sum256([]byte("a report"))
	nonce := bytes.Repeat([]byte{0x7a}, 16)
	q, err := Ask(root, nonce)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(f.ca())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{{"rsa", "sha256", "sha256"}, {"rsa", "sha512", "sha1"}, {"ec", "sha256", "sha256"}, {"ec", "sha384", "sha512"}} {
		b := f.answer(q, c[0], c[1], c[2])
		k, err := Read(b, root, []*x509.Certificate{ca})
		if err != nil || !k.Led || !k.Answers(nonce) || k.Answers([]byte("other")) || k.Signer != "Stamps "+c[0]+", Куәгер" || k.Accuracy != 1500*time.Millisecond || time.Since(k.Time).Abs() > time.Hour {
			t.Errorf("%v: %+v %v", c, k, err)
		}
		if k, err = Read(b, root, nil); err != nil || k.Led {
			t.Errorf("%v: without a named certificate: %+v %v", c, k, err)
		}
		leaf, _ := pem.Decode(f.file(c[0] + ".pem"))
		if x, err := x509.ParseCertificate(leaf.Bytes); err != nil {
			t.Error(err)
		} else if k, err = Read(b, root, []*x509.Certificate{x}); err != nil || !k.Led {
			t.Errorf("%v: its own certificate does not vouch for it: %v", c, err)
		}
		if out := f.run("ts", "-verify", "-digest", hex.EncodeToString(root[:]), "-in", "a.tsr", "-CAfile", "ca.pem"); !bytes.Contains(out, []byte("Verification: OK")) {
			t.Errorf("%v: openssl says %s", c, out)
		}
	}
	if out := f.run("ts", "-query", "-in", "q.tsq", "-text"); !bytes.Contains(out, []byte("Certificate required: yes")) || !bytes.Contains(out, []byte("sha256")) || !bytes.Contains(out, []byte("0x7A7A7A7A7A7A7A7A")) {
		t.Errorf("openssl reads our request as %s", out)
	}
}

// changed is b with one of its bytes changed where a pattern stands.
func changed(t testing.TB, b, pattern []byte, at int) []byte {
	t.Helper()
	i := bytes.Index(b, pattern)
	if i < 0 {
		t.Fatalf("no %x", pattern)
	}
	c := bytes.Clone(b)
	c[i+at] ^= 1
	return c
}

func makeVectors(t *testing.T) {
	f := authority(t)
	root := sha256.Sum256([]byte("a report"))
	q, err := Ask(root, bytes.Repeat([]byte{0x7a}, 16))
	if err != nil {
		t.Fatal(err)
	}
	all := vectors{About: "Time stamps of RFC 3161 (made by openssl) and proofs of OpenTimestamps: spec/evidence.md, 7."}
	add := func(name, kind, expect string, b []byte) *vector {
		all.Vectors = append(all.Vectors, vector{Name: name, Kind: kind, Expect: expect, Root: hex.EncodeToString(root[:]), File: b})
		return &all.Vectors[len(all.Vectors)-1]
	}
	good := map[string][]byte{}
	for _, c := range [][3]string{{"rsa", "sha256", "sha256"}, {"rsa", "sha512", "sha1"}, {"ec", "sha256", "sha256"}} {
		b := f.answer(q, c[0], c[1], c[2])
		k, err := Read(b, root, nil)
		if err != nil {
			t.Fatal(err)
		}
		good[c[0]] = b
		for _, cert := range [][]byte{nil, f.ca()} {
			v := add(fmt.Sprintf("%s, %s, certificate named by %s, vouched for: %v", c[0], c[1], c[2], cert != nil), "tsr", "ok", b)
			v.Time, v.Signer, v.Cert = k.Time.Format(time.RFC3339), k.Signer, cert
		}
	}
	ec := good["ec"]
	info := []byte{0x02, 0x01, 0x01, 0x06, 0x04, 0x2a, 0x03, 0x04, 0x01} // version and policy of the TSTInfo
	add("another root", "tsr", "other", changed(t, ec, root[:], 5))
	add("another policy", "tsr", "signature", changed(t, ec, info, 8))
	add("another time", "tsr", "signature", changed(t, ec, []byte("Z0\x07\x02\x01\x01"), -1))
	add("last bit of the signature", "tsr", "signature", append(bytes.Clone(ec[:len(ec)-1]), ec[len(ec)-1]^1))
	add("cut", "tsr", "form", ec[:len(ec)-9])
	add("something behind", "tsr", "form", append(bytes.Clone(ec), 0))
	add("nothing", "tsr", "form", nil)
	add("a web server's answer", "tsr", "form", []byte("<html>moved"))
	add("refused", "tsr", "refused", []byte("\x30\x05\x30\x03\x02\x01\x02"))
	add("a certificate of another", "tsr", "form", swapCert(t, f, ec))
	proofs(t, add, root)
	b, err := json.MarshalIndent(all, "", " ")
	if err == nil {
		err = os.WriteFile(vectorFile, append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// swapCert gives the signer's certificate another serial number.
func swapCert(t *testing.T, f foreign, b []byte) []byte {
	t.Helper()
	leaf, _ := pem.Decode(f.file("ec.pem"))
	return bytes.Replace(b, leaf.Bytes, changed(t, leaf.Bytes, []byte{0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01}, 7), 1)
}

// proofs adds proofs of OpenTimestamps, good and broken.
func proofs(t *testing.T, add func(name, kind, expect string, b []byte) *vector, root [32]byte) {
	p, send := NewProof(root, [16]byte{1, 2, 3})
	if err := p.Promise(promise("https://calendar.example")); err != nil {
		t.Fatal(err)
	}
	wait := bytes.Clone(p.Bytes())
	add("waits for a calendar", "ots", "ok", wait).Waits = "https://calendar.example"
	if done, err := p.Upgrade(p.Waiting()[0], block(358391)); !done || err != nil {
		t.Fatal(done, err)
	}
	v := add("in a block", "ots", "ok", p.Bytes())
	v.Height, v.Merkle = 358391, merkle(send, "https://calendar.example")
	head := append([]byte(magic), root[:]...)
	with := func(s string) []byte { return append(bytes.Clone(head), s...) }
	add("another root", "ots", "other", changed(t, wait, root[:], 5))
	add("cut", "ots", "form", wait[:len(wait)-3])
	add("something behind", "ots", "form", append(bytes.Clone(wait), 0))
	add("another magic", "ots", "form", changed(t, wait, []byte("Open"), 0))
	add("an operation that is not known", "ots", "form", with("\x77"))
	add("a length beyond the end", "ots", "form", with("\xf0\xff\xff\xff\xff\x7f"))
	add("deeper than 256", "ots", "form", with(strings.Repeat("\x08", 300)))
	add("a bomb of doublings", "ots", "form", with(strings.Repeat("\xf3", 20)))
	add("more than 4,096 branches", "ots", "form", with(strings.Repeat("\xff\x00"+tagBitcoin+"\x01\x01", 5000)))
	add("somebody unknown attests", "ots", "ok", with("\x00whatever\x01\x01"))
}

// promise is what a calendar answers at once, as its format is described.
func promise(uri string) []byte {
	payload := append([]byte{byte(len(uri))}, uri...)
	b := append([]byte{opAppend, 3, uri[8], uri[9], uri[10], opSHA256, 0}, tagPending...)
	return append(append(b, byte(len(payload))), payload...)
}

// block is what it answers later.
func block(height uint64) []byte {
	h := number(nil, height)
	b := append([]byte{opPrepend, 3, 'a', 'b', 'c', opSHA256, opSHA256, 0}, tagBitcoin...)
	return append(append(b, byte(len(h))), h...)
}

// merkle is what promise and block make of what was sent, counted here anew.
func merkle(send [32]byte, uri string) string {
	m := sha256.Sum256(append(send[:], uri[8:11]...))
	m = sha256.Sum256(append([]byte("abc"), m[:]...))
	m = sha256.Sum256(m[:])
	s := ""
	for _, c := range m {
		s = fmt.Sprintf("%02x", c) + s
	}
	return s
}

// TestProof begins a proof at two calendars and upgrades one.
func TestProof(t *testing.T) {
	root := sha256.Sum256([]byte("another report"))
	p, send := NewProof(root, [16]byte{9})
	for _, c := range []string{"https://one.example", "https://two.example"} {
		if err := p.Promise(promise(c)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := ReadProof(p.Bytes(), root)
	if err != nil || len(p.Waiting()) != 2 || len(p.Blocks()) != 0 {
		t.Fatalf("%+v %v", p.Waiting(), err)
	}
	w := p.Waiting()[1]
	if done, err := p.Upgrade(w, []byte{0}); done || !errors.Is(err, ErrForm) || len(p.Waiting()) != 2 {
		t.Error(done, err)
	}
	if done, err := p.Upgrade(w, promise("https://three.example")); done || err != nil || len(p.Waiting()) != 3 {
		t.Error(done, err, p.Waiting())
	}
	if done, err := p.Upgrade(w, block(700_000)); !done || err != nil || len(p.Waiting()) != 2 {
		t.Error(done, err, p.Waiting())
	}
	if p, err = ReadProof(p.Bytes(), root); err != nil {
		t.Fatal(err)
	}
	if b := p.Blocks(); len(b) != 1 || b[0].Height != 700_000 || b[0].Merkle != merkle(send, "https://two.example") {
		t.Errorf("%+v, want %s", b, merkle(send, "https://two.example"))
	}
	if w := p.Waiting(); w[0].Calendar != "https://one.example" {
		t.Errorf("%+v", w)
	}
}

func FuzzToken(f *testing.F) {
	root := sha256.Sum256([]byte("a report"))
	for _, c := range readVectors(f).Vectors {
		if c.Kind == "tsr" {
			f.Add(c.File)
		}
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if k, err := Read(b, root, nil); err == nil && (k.Time.IsZero() || k.Led) {
			t.Fatalf("%+v", k)
		}
	})
}

func FuzzProof(f *testing.F) {
	root := sha256.Sum256([]byte("a report"))
	for _, c := range readVectors(f).Vectors {
		if c.Kind == "ots" {
			f.Add(c.File)
		}
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b), limits.Cost{Bytes: 2 << 20})() // a tree and its messages
		p, err := ReadProof(b, root)
		if err != nil {
			return
		}
		p.Blocks()
		p.Waiting()
		if again, err := ReadProof(p.Bytes(), root); err != nil || !bytes.Equal(again.Bytes(), p.Bytes()) {
			t.Fatal("it is another when it is written")
		}
	})
}
