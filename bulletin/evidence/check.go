package evidence

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrBroken is wrapped by errors about a package that does not hold.
var ErrBroken = errors.New("evidence: the package does not hold")

// What a report may not say: errors of Report.Check.
var (
	ErrWhat     = fmt.Errorf("evidence: say what happened, in 1 to %d bytes", maxWhat)
	ErrWhen     = errors.New("evidence: say when it happened, as 2022-01-05T17:00:00+06:00")
	ErrEnds     = errors.New("evidence: it ends before it begins")
	ErrWhere    = errors.New("evidence: say where it happened")
	ErrPosition = errors.New("evidence: latitude, longitude and precision go together")
	ErrRange    = errors.New("evidence: latitude is -90 to 90, longitude -180 to 180, precision 1 to 10,000,000 metres")
	ErrLeast    = errors.New("evidence: the least is above the most")
)

// Class of a finding.
type Class string

// Classes. spec/evidence.md, 6.
const (
	Proven    Class = "proven"
	Claimed   Class = "claimed"
	NotProven Class = "not proven"
	Broken    Class = "broken"
)

// Finding is one sentence about a package.
type Finding struct {
	Class Class  `json:"class"`
	About string `json:"about"` // media, report, author, time, place, seen, after, stamp, package
	// Code names the sentence for catalogues in other languages; Args are what
	// stands in it, in its order. spec/evidence.md, 6.
	Code  string   `json:"code"`
	Args  []string `json:"args,omitempty"`
	Words string   `json:"words"` // the sentence in English
	// Fault is set for broken ones: a class of spec/vectors/evidence.json.
	Fault string `json:"fault,omitempty"`
}

// Verdict is what a check found.
type Verdict struct {
	Root     Root      `json:"-"`
	Findings []Finding `json:"findings"`
	// Manifest is nil when it could not be read.
	Manifest *Manifest `json:"manifest,omitempty"`
	Seen     []Seen    `json:"seen,omitempty"`
	Author   string    `json:"author,omitempty"` // key of a claim that holds
}

// Broken reports whether anything contradicts the package.
func (v *Verdict) Broken() bool { return v.Fault() != "" }

// Fault is the class of the first broken finding, empty when there is none.
func (v *Verdict) Fault() string {
	for _, f := range v.Findings {
		if f.Class == Broken {
			return f.Fault
		}
	}
	return ""
}

func (v *Verdict) first() string {
	for _, f := range v.Findings {
		if f.Class == Broken {
			return f.Words
		}
	}
	return ""
}

func (v *Verdict) say(c Class, about, code, words string, args ...any) {
	f := Finding{Class: c, About: about, Code: code, Words: fmt.Sprintf(words, args...)}
	for _, a := range args {
		f.Args = append(f.Args, fmt.Sprint(a))
	}
	v.Findings = append(v.Findings, f)
}

// fail says what is broken; its code is "bad-" and the class of the fault.
func (v *Verdict) fail(fault, about, words string, args ...any) {
	v.say(Broken, about, "bad-"+strings.ReplaceAll(fault, " ", "-"), words, args...)
	v.Findings[len(v.Findings)-1].Fault = fault
}

// Beside is what a reader brings to a package.
type Beside struct {
	Stamps []File              // time stamps and proofs kept beside it
	Named  []*x509.Certificate // of authorities whom the reader trusts
}

// Check reads a package and says what holds. It reads every byte once. An
// error is one of in, never of the package: that is a Verdict.
func Check(in io.ReaderAt, size int64) (Verdict, error) { return CheckWith(in, size, Beside{}) }

// CheckWith is Check with what a reader brings.
func CheckWith(in io.ReaderAt, size int64, b Beside) (Verdict, error) {
	p, v := open(in, size)
	if p == nil {
		return *v, nil
	}
	if err := p.checkMedia(v); err != nil {
		return *v, err
	}
	if !v.Broken() {
		p.judge(v)
		err := p.checkStamps(v, b)
		p.author(v)
		return *v, err
	}
	return *v, nil
}

// checkMedia compares each original with the manifest.
func (p *pack) checkMedia(v *Verdict) error {
	good, bytes := 0, int64(0)
	for i, x := range p.manifest.Media {
		f, err := p.files[2+i].OpenRaw()
		if err != nil {
			v.fail("layout", "media", "%s cannot be read: %v", x.Name, err)
			continue
		}
		s := newSums()
		if _, err := io.Copy(s, f); err != nil {
			return fmt.Errorf("evidence: read %s: %w", x.Name, err)
		}
		sum, root := s.end()
		if s.n != x.Bytes || hex.EncodeToString(sum[:]) != x.SHA256 || hex.EncodeToString(root[:]) != x.Root {
			v.fail("media", "media", "%s is not what was reported: it was changed, cut or swapped", x.Name)
			continue
		}
		good, bytes = good+1, bytes+x.Bytes
	}
	if good > 0 && good == len(p.manifest.Media) {
		v.say(Proven, "media", "whole", "Originals: %d (%d bytes). They are those that were reported, unchanged.", good, bytes)
	}
	return nil
}

// judge says what the signed words are worth.
func (p *pack) judge(v *Verdict) {
	m, r := &p.manifest, &p.manifest.Report
	v.say(Proven, "report", "signed", "Nothing was added to the report or taken from it since it was signed with its own key %s….", m.Key[:16])
	v.say(Claimed, "report", r.Basis, "What happened is told by the report (%s); no file can prove it.", r.Basis)
	v.say(Claimed, "place", "place", "Where it happened is told by the report: %s.", r.Place.Name)
	if r.Clock != "" {
		v.say(Claimed, "time", "clock-doubt", "The report gives %s for the event and %s for itself, by a clock in doubt: %s.", r.From, r.Made, r.Clock)
	} else {
		v.say(Claimed, "time", "clock", "The report gives %s for the event and %s for itself, by the device's clock.", r.From, r.Made)
	}
	for _, s := range p.seen {
		v.say(Proven, "seen", "seen-"+s.Kind, "Whoever trusts the %s with the key %s… knows that the report existed at %s.", s.Kind, s.Key[:16], s.At)
	}
	if len(p.seen) == 0 {
		v.say(NotProven, "seen", "unseen", "Nobody else signed that the report existed at any time.")
	}
	for _, a := range m.After {
		v.say(Proven, "after", "after-"+a.Kind, "The report is not older than the %s with the hash %s…%s.", a.Kind, a.SHA256[:16], note(a.Note))
	}
	if len(m.After) == 0 {
		v.say(NotProven, "after", "not-after", "Nothing shows that the report is not older than it says.")
	}
}

// author says what is known of who made the report.
func (p *pack) author(v *Verdict) {
	switch {
	case p.claim != nil:
		v.Author = p.claim.Key
		v.say(Proven, "author", "author", "The report was made for the holder of the key %s…, who claims it.", p.claim.Key[:16])
	case p.manifest.Claim != "":
		v.say(NotProven, "author", "unclaimed", "Who made the report is not known; its author could claim it later.")
	default:
		v.say(NotProven, "author", "unknown", "Who made the report is not known, and nobody can claim it.")
	}
}

func note(s string) string {
	if s == "" {
		return ""
	}
	return " (" + strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s) + ")"
}

// fault says why a countersignature does not hold for a root; empty when it does.
func (s *Seen) fault(root Root) string {
	key, bad1 := unhex(s.Key, ed25519.PublicKeySize)
	sig, bad2 := unhex(s.Sig, ed25519.SignatureSize)
	_, bad3 := time.Parse(time.RFC3339, s.At)
	switch {
	case s.Format != formatSeen || bad1 != nil || bad2 != nil || bad3 != nil || s.Kind != "neighbour" && s.Kind != "relay":
		return "it is malformed"
	case s.Root != root.String():
		return "it is for another report"
	case !ed25519.Verify(key, signedSeen(root, s.At), sig):
		return "its signature is wrong"
	}
	return ""
}

// fault says why a claim does not hold; empty when it does.
func (c *Claim) fault(root Root, m *Manifest) string {
	key, bad1 := unhex(c.Key, ed25519.PublicKeySize)
	sig, bad2 := unhex(c.Sig, ed25519.SignatureSize)
	salt, bad3 := unhex(c.Salt, 32)
	switch {
	case c.Format != formatClaim || bad1 != nil || bad2 != nil || bad3 != nil:
		return "it is malformed"
	case c.Root != root.String():
		return "it is for another report"
	case m.Claim == "" || commitment(salt, key) != m.Claim:
		return "the report was not made for this author"
	case !ed25519.Verify(key, signedAuthor(root), sig):
		return "its signature is wrong"
	}
	return ""
}
