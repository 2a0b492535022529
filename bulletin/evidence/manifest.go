package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a package. spec/evidence.md, 1.
const (
	MaxSize     = 4 << 30
	MaxEntries  = 256
	maxManifest = 256 << 10
	maxSeen     = 4 << 10
	maxStamp    = 64 << 10
	maxWhat     = 16 << 10
	maxText     = 500 // bytes of any other text
	maxList     = 32
)

// Formats. spec/evidence.md, 2, 4 and 5.
const (
	format      = "jauap-evidence/1"
	formatSeen  = "jauap-seen/1"
	formatClaim = "jauap-claim/1"
)

// Report is what a person says happened.
type Report struct {
	What    string    `json:"what"`
	From    string    `json:"from"` // RFC 3339
	To      string    `json:"to,omitempty"`
	Place   Place     `json:"place"`
	Basis   string    `json:"basis"` // witnessed, heard, inferred
	Numbers []Numbers `json:"numbers,omitempty"`
	Actors  []string  `json:"actors,omitempty"`
	Source  string    `json:"source,omitempty"` // kind, never an identity
	Consent string    `json:"consent"`          // private, desk, publish
	Made    string    `json:"made"`             // RFC 3339, this device's clock
	Clock   string    `json:"clock,omitempty"`  // why that is doubtful
	Tool    string    `json:"tool"`
}

// Place is where, as precisely as the reporter chose to say.
type Place struct {
	Name       string   `json:"name"`
	Lat        *float64 `json:"lat,omitempty"` // degrees, WGS 84
	Lon        *float64 `json:"lon,omitempty"`
	PrecisionM *int     `json:"precision_m,omitempty"` // metres
}

// Numbers counts people, at least and at most.
type Numbers struct {
	What string `json:"what"` // killed, injured, detained, missing
	Min  int    `json:"min"`
	Max  *int   `json:"max,omitempty"`
}

// Medium is one untouched original.
type Medium struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Root   string `json:"root"`
}

// Anchor is a text that the reporter had seen before.
type Anchor struct {
	Kind   string `json:"kind"` // bulletin, beacon, text
	SHA256 string `json:"sha256"`
	Note   string `json:"note,omitempty"`
}

// Manifest is what the one-report key signs.
type Manifest struct {
	Format string   `json:"format"`
	Key    string   `json:"key"`
	Claim  string   `json:"claim,omitempty"`
	Report Report   `json:"report"`
	Media  []Medium `json:"media,omitempty"`
	After  []Anchor `json:"after,omitempty"`
}

// Seen is a countersignature over a root.
type Seen struct {
	Format string `json:"format"`
	Root   string `json:"root"`
	Key    string `json:"key"`
	At     string `json:"at"`   // RFC 3339, the signer's clock
	Kind   string `json:"kind"` // neighbour, relay
	Sig    string `json:"sig"`
}

// Claim says who made the report.
type Claim struct {
	Format string `json:"format"`
	Root   string `json:"root"`
	Key    string `json:"key"`
	Salt   string `json:"salt"`
	Sig    string `json:"sig"`
}

// canonical is the one form of a record. spec/evidence.md, 2.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b) // ends with a newline
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// parse reads a record and refuses every other form of it: a second key of the
// same name, an unknown field, a space.
func parse(b []byte, v any) error {
	if !utf8.Valid(b) {
		return errors.New("not UTF-8")
	}
	if err := json.Unmarshal(b, v); err != nil {
		return errors.New("not JSON of this form")
	}
	again, err := canonical(v)
	if err != nil || !bytes.Equal(again, b) {
		return errors.New("not in the one form that is allowed")
	}
	return nil
}

func label(text string, parts ...[]byte) []byte {
	b := append([]byte(text), 0)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// Root names a report. spec/evidence.md, 3.
type Root [32]byte

func (r Root) String() string { return hex.EncodeToString(r[:]) }

// ParseRoot reads 64 hexadecimal digits.
func ParseRoot(s string) (r Root, err error) {
	b, err := unhex(strings.TrimSpace(strings.ToLower(s)), len(r))
	if err != nil {
		return r, fmt.Errorf("evidence: a root has 64 hexadecimal digits: %w", err)
	}
	return Root(b), nil
}

func rootOf(manifest []byte) Root { return sha256.Sum256(label("jauap/1 evidence", manifest)) }

func signedRoot(r Root) []byte { return label("jauap/1 evidence root", r[:]) }

func signedSeen(r Root, at string) []byte {
	return label("jauap/1 evidence seen", r[:], []byte(at))
}

func signedAuthor(r Root) []byte { return label("jauap/1 evidence author", r[:]) }

func commitment(salt, key []byte) string {
	sum := sha256.Sum256(label("jauap/1 evidence claim", salt, key))
	return hex.EncodeToString(sum[:])
}

func unhex(s string, n int) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != n || strings.ToLower(s) != s {
		return nil, fmt.Errorf("not %d lower-case hexadecimal digits", 2*n)
	}
	return b, nil
}

// check looks for what a manifest may not say.
func (m *Manifest) check() error {
	if _, err := unhex(m.Key, ed25519.PublicKeySize); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if _, err := unhex(m.Claim, 32); m.Claim != "" && err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	if err := m.Report.Check(); err != nil {
		return err
	}
	if len(m.Media) > MaxEntries {
		return errors.New("too many media")
	}
	names := map[string]bool{}
	for _, x := range m.Media {
		_, bad1 := unhex(x.SHA256, 32)
		_, bad2 := unhex(x.Root, 32)
		if !goodName(x.Name) || names[x.Name] || x.Bytes < 0 || x.Bytes > MaxSize || bad1 != nil || bad2 != nil || !short(x.Type) {
			return fmt.Errorf("media: an entry is malformed")
		}
		names[x.Name] = true
	}
	if len(m.After) > maxList {
		return errors.New("after: too many")
	}
	for _, a := range m.After {
		if _, err := unhex(a.SHA256, 32); err != nil || !slices.Contains([]string{"bulletin", "beacon", "text"}, a.Kind) || !short(a.Note) {
			return errors.New("after: an entry is malformed")
		}
	}
	return nil
}

func short(s string) bool { return len(s) <= maxText && utf8.ValidString(s) }

// goodName allows the names of media in a package. spec/evidence.md, 1.
func goodName(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '.' {
		return false
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-') {
			return false
		}
	}
	return true
}

// Check tells the first thing that a report may not say, in words for the
// person who fills it in.
func (r *Report) Check() error {
	made := func(s string) bool { _, err := time.Parse(time.RFC3339, s); return err == nil }
	switch {
	case strings.TrimSpace(r.What) == "" || len(r.What) > maxWhat || !utf8.ValidString(r.What):
		return ErrWhat
	case !made(r.From) || r.To != "" && !made(r.To):
		return ErrWhen
	case r.To != "" && before(r.To, r.From):
		return ErrEnds
	case strings.TrimSpace(r.Place.Name) == "" || !short(r.Place.Name):
		return ErrWhere
	case !slices.Contains([]string{"witnessed", "heard", "inferred"}, r.Basis):
		return errors.New("evidence: say how it is known: witnessed, heard or inferred")
	case !slices.Contains([]string{"private", "desk", "publish"}, r.Consent):
		return errors.New("evidence: say who may have it: private, desk or publish")
	case r.Source != "" && !slices.Contains([]string{"witness", "relative", "medical", "official", "media", "other"}, r.Source):
		return errors.New("evidence: the source is a kind: witness, relative, medical, official, media or other")
	case !made(r.Made) || !short(r.Clock) || !short(r.Tool):
		return errors.New("evidence: made, clock or tool is malformed")
	case len(r.Actors) > maxList || slices.ContainsFunc(r.Actors, func(a string) bool { return a == "" || !short(a) }):
		return fmt.Errorf("evidence: at most %d actors of 1 to %d bytes", maxList, maxText)
	}
	if err := r.Place.check(); err != nil {
		return err
	}
	return checkNumbers(r.Numbers)
}

func before(a, b string) bool {
	x, _ := time.Parse(time.RFC3339, a)
	y, _ := time.Parse(time.RFC3339, b)
	return x.Before(y)
}

func (p *Place) check() error {
	if p.Lat == nil && p.Lon == nil && p.PrecisionM == nil {
		return nil
	}
	if p.Lat == nil || p.Lon == nil || p.PrecisionM == nil {
		return ErrPosition
	}
	if !(math.Abs(*p.Lat) <= 90) || !(math.Abs(*p.Lon) <= 180) || *p.PrecisionM < 1 || *p.PrecisionM > 1e7 {
		return ErrRange
	}
	return nil
}

func checkNumbers(list []Numbers) error {
	seen := map[string]bool{}
	for _, n := range list {
		if !slices.Contains([]string{"killed", "injured", "detained", "missing"}, n.What) || seen[n.What] {
			return errors.New("evidence: numbers are of killed, injured, detained and missing, each once")
		}
		if n.Min < 0 || n.Min > 1e9 || n.Max != nil && (*n.Max < n.Min || *n.Max > 1e9) {
			return fmt.Errorf("%w: %s", ErrLeast, n.What)
		}
		seen[n.What] = true
	}
	return nil
}
