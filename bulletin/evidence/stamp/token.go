package stamp

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"
)

const (
	oidContentType = "1.2.840.113549.1.9.3"
	oidDigest      = "1.2.840.113549.1.9.4"
	oidCertV1      = "1.2.840.113549.1.9.16.2.12" // RFC 2634, 5.4
	oidCertV2      = "1.2.840.113549.1.9.16.2.47" // RFC 5035, 3
	maxCerts       = 16
	maxAttributes  = 32
	maxRSA         = 8192 // bits
)

// contentInfo is of RFC 5652, 3.
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
}

// signedData is of RFC 5652, 5.1.
type signedData struct {
	Version int
	Digests asn1.RawValue
	Content contentInfo
	Certs   asn1.RawValue `asn1:"optional,tag:0"`
	CRLs    asn1.RawValue `asn1:"optional,tag:1"`
	Signers []signerInfo  `asn1:"set"`
}

// signerInfo is of RFC 5652, 5.3.
type signerInfo struct {
	Version   int
	SID       asn1.RawValue
	Digest    pkix.AlgorithmIdentifier
	Attrs     asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

// signed is an opened token.
type signed struct {
	content []byte
	certs   []*x509.Certificate
	info    signerInfo
	signer  *x509.Certificate
}

func form(what string) error { return fmt.Errorf("%w: %s", ErrForm, what) }

func openSigned(b []byte) (*signed, error) {
	var c contentInfo
	var d signedData
	if rest, err := asn1.Unmarshal(b, &c); err != nil || len(rest) > 0 || !oid(c.Type, oidSignedData) {
		return nil, form("no signed data")
	}
	if rest, err := asn1.Unmarshal(c.Content.Bytes, &d); err != nil || len(rest) > 0 || !oid(d.Content.Type, oidTSTInfo) {
		return nil, form("no time stamp in the signed data")
	}
	if len(d.Signers) != 1 { // RFC 3161, 2.4.2
		return nil, form("a time stamp has one signer")
	}
	s := &signed{info: d.Signers[0]}
	if rest, err := asn1.Unmarshal(d.Content.Content.Bytes, &s.content); err != nil || len(rest) > 0 {
		return nil, form("no content")
	}
	for rest := d.Certs.Bytes; len(rest) > 0; {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil || len(s.certs) == maxCerts {
			return nil, form("its certificates")
		}
		if c, err := x509.ParseCertificate(one.FullBytes); err == nil {
			s.certs = append(s.certs, c)
		}
	}
	for _, c := range s.certs {
		if s.info.isBy(c) {
			s.signer = c
			return s, nil
		}
	}
	return nil, form("the signer's certificate is not in it")
}

// isBy reports whether a certificate is the one that a signer names.
func (i *signerInfo) isBy(c *x509.Certificate) bool {
	if i.SID.Class == asn1.ClassContextSpecific {
		return len(i.SID.Bytes) > 0 && bytes.Equal(i.SID.Bytes, c.SubjectKeyId)
	}
	var id struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	_, err := asn1.Unmarshal(i.SID.FullBytes, &id)
	return err == nil && bytes.Equal(id.Issuer.FullBytes, c.RawIssuer) && id.Serial.Cmp(c.SerialNumber) == 0
}

// attribute finds the one value of a signed attribute.
func (i *signerInfo) attribute(name string) (value []byte) {
	rest := i.Attrs.Bytes
	for n := 0; len(rest) > 0 && n < maxAttributes; n++ {
		var a struct {
			Type   asn1.ObjectIdentifier
			Values asn1.RawValue
		}
		var err error
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return nil
		}
		if oid(a.Type, name) {
			if value != nil {
				return nil // said twice: RFC 5652, 11
			}
			value = a.Values.Bytes
		}
	}
	return value
}

func sum256(b []byte) [32]byte { return sha256.Sum256(b) }

// hashed is the digest by an algorithm, nil where it is not known here. SHA-1 is
// taken only to name a certificate (RFC 5816, 2.2.1).
func hashed(algorithm string, b []byte) []byte {
	switch algorithm {
	case oidSHA256:
		h := sha256.Sum256(b)
		return h[:]
	case oidSHA384:
		h := sha512.Sum384(b)
		return h[:]
	case oidSHA512:
		h := sha512.Sum512(b)
		return h[:]
	}
	return nil
}

// verify checks what RFC 3161, 2.4.2 asks of a token.
func (s *signed) verify(at time.Time) error {
	var kind asn1.ObjectIdentifier
	var digest []byte
	_, err1 := asn1.Unmarshal(s.info.attribute(oidContentType), &kind)
	_, err2 := asn1.Unmarshal(s.info.attribute(oidDigest), &digest)
	if err1 != nil || err2 != nil || !oid(kind, oidTSTInfo) {
		return form("its signed attributes")
	}
	want := hashed(s.info.Digest.Algorithm.String(), s.content)
	if want == nil {
		return form("a digest that is not known here")
	}
	if !bytes.Equal(want, digest) {
		return fmt.Errorf("%w: its content was changed", ErrSignature)
	}
	named, err := s.namesSigner()
	if err != nil {
		return err
	}
	if !named {
		return fmt.Errorf("%w: it names another certificate", ErrSignature)
	}
	if k, ok := s.signer.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSA {
		return form("a key larger than 8192 bits")
	}
	a, err := s.algorithm()
	if err != nil {
		return err
	}
	set := bytes.Clone(s.info.Attrs.FullBytes)
	set[0] = 0x31 // RFC 5652, 5.4: signed as a SET
	if err := s.signer.CheckSignature(a, set, s.info.Signature); err != nil {
		return ErrSignature
	}
	if !slices.Contains(s.signer.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) { // RFC 3161, 2.3
		return fmt.Errorf("%w: the certificate is not for time stamps", ErrSignature)
	}
	if at.Before(s.signer.NotBefore) || at.After(s.signer.NotAfter) {
		return fmt.Errorf("%w: the certificate was not valid at that time", ErrSignature)
	}
	return nil
}

// namesSigner compares the signed name of the certificate, of either kind.
func (s *signed) namesSigner() (bool, error) {
	type list struct {
		Certs    []asn1.RawValue
		Policies asn1.RawValue `asn1:"optional"`
	}
	var l list
	if v := s.info.attribute(oidCertV2); v != nil {
		if _, err := asn1.Unmarshal(v, &l); err != nil || len(l.Certs) == 0 {
			return false, form("the name of its certificate")
		}
		algorithm, rest := pkix.AlgorithmIdentifier{}, l.Certs[0].Bytes
		name := oidSHA256 // RFC 5035, 4: the default
		if len(rest) > 0 && rest[0] == 0x30 {
			var err error
			if rest, err = asn1.Unmarshal(rest, &algorithm); err != nil {
				return false, form("the name of its certificate")
			}
			name = algorithm.Algorithm.String()
		}
		var hash []byte
		if _, err := asn1.Unmarshal(rest, &hash); err != nil {
			return false, form("the name of its certificate")
		}
		want := hashed(name, s.signer.Raw)
		return want != nil && bytes.Equal(want, hash), nil
	}
	if v := s.info.attribute(oidCertV1); v != nil {
		var hash []byte
		if _, err := asn1.Unmarshal(v, &l); err != nil || len(l.Certs) == 0 {
			return false, form("the name of its certificate")
		}
		if _, err := asn1.Unmarshal(l.Certs[0].Bytes, &hash); err != nil {
			return false, form("the name of its certificate")
		}
		want := sha1.Sum(s.signer.Raw)
		return bytes.Equal(want[:], hash), nil
	}
	return false, form("it does not name its certificate")
}

// algorithm is how the signature was made; an RSA key without a digest takes
// the signer's. RFC 5754, 3.
func (s *signed) algorithm() (x509.SignatureAlgorithm, error) {
	name := s.info.Algorithm.Algorithm.String()
	hash := map[string]crypto.Hash{oidSHA256: crypto.SHA256, oidSHA384: crypto.SHA384, oidSHA512: crypto.SHA512}[s.info.Digest.Algorithm.String()]
	pick := func(a, b, c x509.SignatureAlgorithm) (x509.SignatureAlgorithm, error) {
		switch hash {
		case crypto.SHA256:
			return a, nil
		case crypto.SHA384:
			return b, nil
		}
		return c, nil
	}
	switch name {
	case "1.2.840.113549.1.1.1":
		return pick(x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA)
	case "1.2.840.113549.1.1.10": // parameters other than the digest's do not verify
		return pick(x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS)
	case "1.2.840.113549.1.1.11":
		return x509.SHA256WithRSA, nil
	case "1.2.840.113549.1.1.12":
		return x509.SHA384WithRSA, nil
	case "1.2.840.113549.1.1.13":
		return x509.SHA512WithRSA, nil
	case "1.2.840.10045.4.3.2":
		return x509.ECDSAWithSHA256, nil
	case "1.2.840.10045.4.3.3":
		return x509.ECDSAWithSHA384, nil
	case "1.2.840.10045.4.3.4":
		return x509.ECDSAWithSHA512, nil
	case "1.3.101.112":
		return x509.PureEd25519, nil
	}
	return 0, form("a signature that is not known here")
}

// leads reports whether one of the named certificates vouches for the signer
// at that time, for time stamps.
func (s *signed) leads(named []*x509.Certificate, at time.Time) bool {
	if len(named) == 0 {
		return false
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range named {
		roots.AddCert(c)
	}
	for _, c := range s.certs {
		between.AddCert(c)
	}
	_, err := s.signer.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	return err == nil
}
