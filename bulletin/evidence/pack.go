package evidence

import (
	"archive/zip"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// pack is a package whose layout, manifest and signatures hold.
type pack struct {
	files    []*zip.File
	manifest Manifest
	seen     []Seen
	claim    *Claim
	stamps   []*zip.File
}

// open checks everything but the media. The pack is nil when there is no
// manifest to judge by; the verdict then says why.
func open(in io.ReaderAt, size int64) (*pack, *Verdict) {
	v := &Verdict{}
	if size > MaxSize {
		v.fail("too large", "package", "The file has more than %d bytes; a package has not.", int64(MaxSize))
		return nil, v
	}
	z, err := zip.NewReader(in, size)
	if err != nil {
		v.fail("not a package", "package", "This is not a Jauap evidence package, or it was cut off.")
		return nil, v
	}
	p := &pack{files: z.File}
	if why := layout(in, size, z); why != "" {
		v.fail("layout", "package", "The package is put together in a way that is not allowed: %s.", why)
		return nil, v
	}
	if !p.readManifest(v) || !p.readRest(v) {
		return nil, v
	}
	return p, v
}

// layout looks for what makes two readers see two different packages: each
// entry's header of its own must say what the directory at the end says.
// spec/evidence.md, 1.
func layout(in io.ReaderAt, size int64, z *zip.Reader) string {
	if len(z.File) < 2 || len(z.File) > MaxEntries || z.Comment != "" {
		return fmt.Sprintf("%d entries, or a comment", len(z.File))
	}
	at := int64(0)
	for _, f := range z.File {
		if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 || f.Flags&^utf8Names != 0 {
			return "an entry is compressed, encrypted or of unknown size"
		}
		if f.Comment != "" || len(f.Extra) > 0 || f.CompressedSize64 > uint64(size) || len(f.Name) > maxPath {
			return "an entry has a comment, an extra field or an impossible size"
		}
		local := make([]byte, 30+len(f.Name)) // APPNOTE 6.3, 4.3.7
		if _, err := in.ReadAt(local, at); err != nil {
			return "an entry is cut off"
		}
		le := binary.LittleEndian
		if string(local[:4]) != "PK\x03\x04" || le.Uint16(local[6:]) != f.Flags || le.Uint16(local[8:]) != f.Method ||
			le.Uint32(local[14:]) != f.CRC32 || uint64(le.Uint32(local[18:])) != f.CompressedSize64 || uint64(le.Uint32(local[22:])) != f.UncompressedSize64 ||
			int(le.Uint16(local[26:])) != len(f.Name) || le.Uint16(local[28:]) != 0 || string(local[30:]) != f.Name {
			return "an entry's two headers differ, or there are gaps or overlaps"
		}
		if start, err := f.DataOffset(); err != nil || start != at+int64(len(local)) {
			return "there are gaps or overlaps between entries"
		}
		at += int64(len(local)) + int64(f.CompressedSize64)
	}
	end := make([]byte, 22) // APPNOTE 6.3, 4.3.16
	if _, err := in.ReadAt(end, size-22); err != nil && err != io.EOF || int64(binary.LittleEndian.Uint32(end[16:])) != at {
		return "there is something between the entries and the directory"
	}
	return ""
}

const (
	utf8Names = 0x800
	maxPath   = 80
)

// small reads an entry of at most so many bytes.
func small(f *zip.File, most int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(most) {
		return nil, fmt.Errorf("%s is larger than %d bytes", f.Name, most)
	}
	r, err := f.OpenRaw()
	if err != nil {
		return nil, err
	}
	b := make([]byte, f.UncompressedSize64)
	_, err = io.ReadFull(r, b)
	return b, err
}

// readManifest reads what is signed, and the signature.
func (p *pack) readManifest(v *Verdict) bool {
	if p.files[0].Name != "manifest.json" || p.files[1].Name != "manifest.sig" {
		v.fail("not a package", "package", "This is a ZIP file, but not a Jauap evidence package.")
		return false
	}
	body, err := small(p.files[0], maxManifest)
	if err != nil {
		v.fail("manifest", "report", "The manifest cannot be read: %v.", err)
		return false
	}
	m := &p.manifest
	if err = parse(body, m); err != nil || m.Format != format {
		if strings.HasPrefix(m.Format, "jauap-evidence/") && m.Format != format {
			v.fail("newer", "package", "The package is of a newer form (%q): check it with a newer Jauap.", clip(m.Format))
			return false
		}
		v.fail("manifest", "report", "The manifest is malformed: it is %s.", orText(err, "of an unknown form"))
		return false
	}
	if err := m.check(); err != nil {
		v.fail("manifest", "report", "The manifest is malformed: %v.", err)
		return false
	}
	v.Root, v.Manifest = rootOf(body), m
	sig, err := small(p.files[1], ed25519.SignatureSize)
	key, _ := unhex(m.Key, ed25519.PublicKeySize)
	if err != nil || len(sig) != ed25519.SignatureSize || !ed25519.Verify(key, signedRoot(v.Root), sig) {
		v.fail("signature", "report", "The report's signature is wrong: the report was changed or put together by somebody else.")
		return false
	}
	return true
}

func clip(s string) string { return s[:min(len(s), 40)] }

func orText(err error, text string) string {
	if err != nil {
		return err.Error()
	}
	return text
}

// readRest reads what stands beside the report, in its order.
func (p *pack) readRest(v *Verdict) bool {
	i := 2
	for _, x := range p.manifest.Media {
		if i >= len(p.files) || p.files[i].Name != "media/"+x.Name {
			v.fail("media", "media", "%s is missing from the package.", x.Name)
			return false
		}
		i++
	}
	for n := 1; i < len(p.files) && p.files[i].Name == fmt.Sprintf("seen/%d.json", n); n, i = n+1, i+1 {
		b, err := small(p.files[i], maxSeen)
		if err == nil {
			var s Seen
			if s, err = ParseSeen(b, v.Root); err == nil {
				p.seen = append(p.seen, s)
				continue
			}
		}
		v.fail("seen", "seen", "Countersignature %d does not hold: %v.", n, err)
		return false
	}
	v.Seen = p.seen
	if i < len(p.files) && p.files[i].Name == "claim.json" {
		if why := p.readClaim(i, v.Root); why != "" {
			v.fail("claim", "author", "The author's claim does not hold: %s.", why)
			return false
		}
		i++
	}
	for ; i < len(p.files); i++ {
		f := p.files[i]
		if !strings.HasPrefix(f.Name, "stamps/") || !stampName(f.Name) || f.UncompressedSize64 > maxStamp {
			v.fail("layout", "package", "The package holds something that does not belong there: %q.", clip(f.Name))
			return false
		}
		p.stamps = append(p.stamps, f)
	}
	return true
}

func (p *pack) readClaim(i int, root Root) string {
	b, err := small(p.files[i], maxSeen)
	c := &Claim{}
	if err == nil {
		err = parse(b, c)
	}
	if err != nil {
		return err.Error()
	}
	if why := c.fault(root, &p.manifest); why != "" {
		return why
	}
	p.claim = c
	return ""
}

// stampName allows stamps/N.tsr and stamps/N.ots.
func stampName(s string) bool {
	n, ok := strings.CutSuffix(strings.TrimPrefix(s, "stamps/"), ".tsr")
	if !ok {
		n, ok = strings.CutSuffix(n, ".ots")
	}
	return ok && n != "" && len(n) < 4 && strings.Trim(n, "0123456789") == "" && n[0] != '0'
}
