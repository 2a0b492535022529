package evidence

import (
	"archive/zip"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"time"
)

// Original is one medium that goes into a package. Open is called twice: once
// to hash, once to copy.
type Original struct {
	Name string // as spec/evidence.md, 1, allows
	Type string // media type, for people
	Open func() (io.ReadCloser, error)
}

// After names a text that existed before the report, by its hash.
func After(text io.Reader, kind, note string) (Anchor, error) {
	h := sha256.New()
	if _, err := io.Copy(h, text); err != nil {
		return Anchor{}, err
	}
	return Anchor{Kind: kind, SHA256: hex.EncodeToString(h.Sum(nil)), Note: note}, nil
}

// Author lets a report be claimed later. The zero value claims nothing.
type Author struct {
	Key  ed25519.PublicKey
	Salt [32]byte // random; keep it with the root
}

// Written is what Write made.
type Written struct {
	Root  Root
	Key   ed25519.PrivateKey // may be thrown away
	Bytes int64
}

// Write makes a package. Errors: those of Report.Check, of Open and of out.
func Write(out io.Writer, r Report, media []Original, after []Anchor, by Author) (w Written, err error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return w, err
	}
	m := Manifest{Format: format, Key: hex.EncodeToString(pub), Report: r, After: after}
	crcs := make([]uint32, len(media))
	if by.Key != nil {
		m.Claim = commitment(by.Salt[:], by.Key)
	}
	for i, o := range media {
		var x Medium
		if x, crcs[i], err = weigh(o); err != nil {
			return w, err
		}
		m.Media = append(m.Media, x)
	}
	if err := m.check(); err != nil {
		return w, err
	}
	body, err := canonical(m)
	if err != nil {
		return w, err
	}
	if len(body) > maxManifest {
		return w, fmt.Errorf("evidence: the report is longer than %d bytes", maxManifest)
	}
	w.Root, w.Key = rootOf(body), key
	c := &counter{w: out}
	z := zip.NewWriter(c)
	add := func(name string, b []byte) { err = errors.Join(err, stored(z, name, b)) }
	add("manifest.json", body)
	add("manifest.sig", ed25519.Sign(key, signedRoot(w.Root)))
	for i, o := range media {
		err = errors.Join(err, copyMedium(z, o, m.Media[i], crcs[i]))
	}
	err = errors.Join(err, z.Close())
	w.Bytes = c.n
	return w, err
}

// counter counts what goes through.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func weigh(o Original) (Medium, uint32, error) {
	f, err := o.Open()
	if err != nil {
		return Medium{}, 0, err
	}
	defer f.Close()
	s, crc := newSums(), crc32.NewIEEE()
	if _, err := io.Copy(io.MultiWriter(s, crc), f); err != nil {
		return Medium{}, 0, fmt.Errorf("evidence: %s: %w", o.Name, err)
	}
	sum, root := s.end()
	return Medium{o.Name, o.Type, s.n, hex.EncodeToString(sum[:]), hex.EncodeToString(root[:])}, crc.Sum32(), nil
}

func copyMedium(z *zip.Writer, o Original, x Medium, crc uint32) error {
	f, err := o.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := z.CreateRaw(header("media/"+o.Name, x.Bytes, crc))
	if err != nil {
		return err
	}
	s := newSums()
	if _, err := io.Copy(io.MultiWriter(w, s), io.LimitReader(f, x.Bytes)); err != nil {
		return fmt.Errorf("evidence: %s: %w", o.Name, err)
	}
	if sum, _ := s.end(); hex.EncodeToString(sum[:]) != x.SHA256 {
		return fmt.Errorf("evidence: %s changed while it was copied; try again", o.Name)
	}
	return nil
}

// header is that of a stored entry. spec/evidence.md, 1.
func header(name string, size int64, crc uint32) *zip.FileHeader {
	return &zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc,
		CompressedSize64: uint64(size), UncompressedSize64: uint64(size)}
}

func stored(z *zip.Writer, name string, b []byte) error {
	w, err := z.CreateRaw(header(name, int64(len(b)), crc32.ChecksumIEEE(b)))
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// Countersign says that a root was seen, at a time of the signer's clock.
// kind is neighbour or relay.
func Countersign(root Root, key ed25519.PrivateKey, at time.Time, kind string) Seen {
	s := Seen{Format: formatSeen, Root: root.String(), Key: hex.EncodeToString(key.Public().(ed25519.PublicKey)),
		At: at.UTC().Format(time.RFC3339), Kind: kind}
	s.Sig = hex.EncodeToString(ed25519.Sign(key, signedSeen(root, s.At)))
	return s
}

// Line is the countersignature as a file or letter carries it.
func (s Seen) Line() ([]byte, error) { return canonical(s) }

// ParseSeen reads a countersignature and checks it for the root.
func ParseSeen(b []byte, root Root) (s Seen, err error) {
	if len(b) > maxSeen {
		return s, errors.New("evidence: this is no countersignature: it is too long")
	}
	if err := parse(b, &s); err != nil {
		return s, fmt.Errorf("evidence: this is no countersignature: %w", err)
	}
	if why := s.fault(root); why != "" {
		return s, fmt.Errorf("evidence: the countersignature does not hold: %s", why)
	}
	return s, nil
}

// Claiming makes the entry by which an author claims a report.
func Claiming(root Root, key ed25519.PrivateKey, salt [32]byte) Claim {
	return Claim{Format: formatClaim, Root: root.String(), Key: hex.EncodeToString(key.Public().(ed25519.PublicKey)),
		Salt: hex.EncodeToString(salt[:]), Sig: hex.EncodeToString(ed25519.Sign(key, signedAuthor(root)))}
}

// Line is the claim as a file or letter carries it.
func (c Claim) Line() ([]byte, error) { return canonical(c) }

// ParseClaim reads a claim. Whether it holds Check says.
func ParseClaim(b []byte) (c Claim, err error) {
	if len(b) > maxSeen {
		return c, errors.New("evidence: this is no claim: it is too long")
	}
	if err := parse(b, &c); err != nil {
		return c, fmt.Errorf("evidence: this is no claim: %w", err)
	}
	return c, nil
}

// Check reports why a claim does not hold for the report with this root.
func (c *Claim) Check(root Root, m *Manifest) error {
	if why := c.fault(root, m); why != "" {
		return fmt.Errorf("evidence: the claim does not hold: %s", why)
	}
	return nil
}

// Add copies a package and puts countersignatures and a claim into the copy.
// A countersignature by a key that is there already is left out. The package
// must be whole; the answer says how many of seen were added.
func Add(in io.ReaderAt, size int64, out io.Writer, seen []Seen, claim *Claim) (added int, err error) {
	p, v := open(in, size)
	if p == nil || v.Broken() {
		return 0, fmt.Errorf("%w: %s", ErrBroken, v.first())
	}
	had := map[string]bool{}
	for _, s := range p.seen {
		had[s.Key] = true
	}
	list := p.seen
	for _, s := range seen {
		if why := s.fault(v.Root); why != "" {
			return 0, fmt.Errorf("evidence: the countersignature does not hold: %s", why)
		}
		if !had[s.Key] {
			had[s.Key] = true
			list = append(list, s)
			added++
		}
	}
	if claim == nil {
		claim = p.claim
	} else if why := claim.fault(v.Root, &p.manifest); why != "" {
		return 0, fmt.Errorf("evidence: the claim does not hold: %s", why)
	}
	return added, p.write(out, list, claim, nil)
}

// Stamped copies a package with these stamps instead of those it had.
func Stamped(in io.ReaderAt, size int64, out io.Writer, stamps []File) error {
	p, v := open(in, size)
	if p == nil || v.Broken() {
		return fmt.Errorf("%w: %s", ErrBroken, v.first())
	}
	p.stamps = nil
	for i, s := range stamps {
		if len(s.Data) > maxStamp || !stampName("stamps/1"+path.Ext(s.Name)) || len(p.files)+i >= MaxEntries {
			return fmt.Errorf("evidence: %.40q is no stamp, or one too many", s.Name)
		}
	}
	return p.write(out, p.seen, p.claim, stamps)
}

func (p *pack) write(out io.Writer, seen []Seen, claim *Claim, stamps []File) (err error) {
	z := zip.NewWriter(out)
	copied := func(f *zip.File) { err = errors.Join(err, z.Copy(f)) }
	for _, f := range p.files[:2+len(p.manifest.Media)] {
		copied(f)
	}
	for i, s := range seen {
		b, bad := s.Line()
		err = errors.Join(err, bad, stored(z, fmt.Sprintf("seen/%d.json", i+1), b))
	}
	if claim != nil {
		b, bad := canonical(claim)
		err = errors.Join(err, bad, stored(z, "claim.json", b))
	}
	for _, f := range p.stamps {
		copied(f)
	}
	for i, f := range stamps {
		err = errors.Join(err, stored(z, fmt.Sprintf("stamps/%d%s", i+1, path.Ext(f.Name)), f.Data))
	}
	return errors.Join(err, z.Close())
}
