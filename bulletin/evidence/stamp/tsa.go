package stamp

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"crypto/x509/pkix"
)

// MaxToken bounds an answer of an authority or a calendar, in bytes.
const MaxToken = 64 << 10

// Errors, usable with errors.Is.
var (
	// ErrForm: the bytes cannot be read here.
	ErrForm = errors.New("stamp: this cannot be read")
	// ErrOther: the token is about something else.
	ErrOther = errors.New("stamp: this is about something else")
	// ErrSignature: the token's signature is wrong.
	ErrSignature = errors.New("stamp: the signature is wrong")
	// ErrRefused: the authority or calendar gave nothing.
	ErrRefused = errors.New("stamp: it was refused")
)

// oid compares without variables that something could change.
func oid(o asn1.ObjectIdentifier, s string) bool { return o.String() == s }

const (
	oidSHA256     = "2.16.840.1.101.3.4.2.1"
	oidSHA384     = "2.16.840.1.101.3.4.2.2"
	oidSHA512     = "2.16.840.1.101.3.4.2.3"
	oidSignedData = "1.2.840.113549.1.7.2"
	oidTSTInfo    = "1.2.840.113549.1.9.16.1.4"
)

// imprint is MessageImprint. RFC 3161, 2.4.1.
type imprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Hash      []byte
}

// request is TimeStampReq. RFC 3161, 2.4.1.
type request struct {
	Version int
	Imprint imprint
	Nonce   *big.Int `asn1:"optional"`
	CertReq bool     `asn1:"optional"`
}

// Ask is what is sent to an authority: the root as a SHA-256, a nonce, and the
// wish that it shows its certificate.
func Ask(root [32]byte, nonce []byte) ([]byte, error) {
	return asn1.Marshal(request{Version: 1, CertReq: true, Nonce: new(big.Int).SetBytes(nonce),
		Imprint: imprint{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, Parameters: asn1.NullRawValue}, root[:]}})
}

// response is TimeStampResp. RFC 3161, 2.4.2.
type response struct {
	Status struct {
		Status int
		Text   []string       `asn1:"optional,utf8"`
		Fail   asn1.BitString `asn1:"optional"`
	}
	Token asn1.RawValue `asn1:"optional"`
}

// tstInfo is TSTInfo. RFC 3161, 2.4.2.
type tstInfo struct {
	Version  int
	Policy   asn1.ObjectIdentifier
	Imprint  imprint
	Serial   *big.Int
	Time     time.Time `asn1:"generalized"`
	Accuracy struct {
		Seconds int `asn1:"optional"`
		Millis  int `asn1:"optional,tag:0"`
		Micros  int `asn1:"optional,tag:1"`
	} `asn1:"optional"`
	Ordering   bool          `asn1:"optional"`
	Nonce      *big.Int      `asn1:"optional"`
	TSA        asn1.RawValue `asn1:"optional,explicit,tag:0"`
	Extensions asn1.RawValue `asn1:"optional,tag:1"`
}

// Token is what an authority signed.
type Token struct {
	Time     time.Time
	Accuracy time.Duration // 0: not said
	Signer   string        // as its certificate calls it
	Print    [32]byte      // SHA-256 of that certificate
	Led      bool          // a named certificate vouches for it
	nonce    *big.Int
}

// Read reads an answer of an authority, checks it for the root, and says by
// whom it is. Errors wrap ErrForm, ErrOther, ErrSignature or ErrRefused. Where
// named certificates are given, Led tells whether the token leads to one.
func Read(answer []byte, root [32]byte, named []*x509.Certificate) (t Token, err error) {
	var r response
	if len(answer) > MaxToken {
		return t, fmt.Errorf("%w: longer than %d bytes", ErrForm, MaxToken)
	}
	if rest, err := asn1.Unmarshal(answer, &r); err != nil || len(rest) > 0 {
		return t, fmt.Errorf("%w: no answer of RFC 3161", ErrForm)
	}
	if r.Status.Status > 1 || len(r.Token.FullBytes) == 0 { // granted, granted with changes
		return t, fmt.Errorf("%w: status %d %.100q", ErrRefused, r.Status.Status, r.Status.Text)
	}
	s, err := openSigned(r.Token.FullBytes)
	if err != nil {
		return t, err
	}
	var info tstInfo
	if rest, err := asn1.Unmarshal(s.content, &info); err != nil || len(rest) > 0 || info.Version != 1 {
		return t, fmt.Errorf("%w: no TSTInfo", ErrForm)
	}
	if !oid(info.Imprint.Algorithm.Algorithm, oidSHA256) || !bytes.Equal(info.Imprint.Hash, root[:]) {
		return t, ErrOther
	}
	if err := s.verify(info.Time); err != nil {
		return t, err
	}
	a := info.Accuracy
	t = Token{Time: info.Time.UTC(), Signer: called(s.signer.Subject), Print: sum256(s.signer.Raw), nonce: info.Nonce}
	if a.Seconds >= 0 && a.Seconds < 1e6 && a.Millis >= 0 && a.Millis < 1000 && a.Micros >= 0 && a.Micros < 1000 {
		t.Accuracy = time.Duration(a.Seconds)*time.Second + time.Duration(a.Millis)*time.Millisecond + time.Duration(a.Micros)*time.Microsecond
	}
	t.Led = s.leads(named, info.Time)
	return t, nil
}

// Certificates are those in a file, PEM or DER.
func Certificates(b []byte) (list []*x509.Certificate) {
	if x, err := x509.ParseCertificate(b); err == nil {
		return append(list, x)
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if x, err := x509.ParseCertificate(block.Bytes); err == nil {
			list = append(list, x)
		}
	}
	return list
}

// Answers reports whether the token carries the nonce of a request.
func (t Token) Answers(nonce []byte) bool {
	return t.nonce != nil && t.nonce.Cmp(new(big.Int).SetBytes(nonce)) == 0
}

// called is how a person would name the holder of a certificate.
func called(n pkix.Name) string {
	s := n.CommonName
	if o := n.Organization; len(o) > 0 && o[0] != s {
		s += ", " + o[0]
	}
	if len(s) > 200 {
		s = s[:200]
	}
	return s
}
