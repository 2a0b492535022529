package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/web"
)

func evidenceCommands(d *door) []*cli.Command {
	text := func(name, usage string) cli.Flag { return &cli.StringFlag{Name: name, Usage: usage, Local: true} }
	list := func(name, usage string) cli.Flag { return &cli.StringSliceFlag{Name: name, Usage: usage, Local: true} }
	return []*cli.Command{
		{
			Name: "report", Category: "evidence", Usage: "put a report and untouched originals into one file that anybody can check", ArgsUsage: "FILE [MEDIA]…, or --to INBOX [MEDIA]…",
			Description: "FILE is written; send it with `jauap send NAME --attach FILE`. It is not encrypted by itself and holds the\n" +
				"originals as they are, with all that a camera wrote into them (place, time, model). With --to nothing is\n" +
				"written: the report is sealed to a public inbox, and this device cannot open it again.",
			Flags: []cli.Flag{
				jsonFlag(),
				text("what", "what happened, in your words; - reads standard input"),
				text("when", "when: 2022-01-05T17:00, with an offset if not this device's zone; FROM..TO for a span"),
				text("where", "name of the place"),
				text("at", "LAT,LON,METRES: position and how exact it is"),
				text("basis", "witnessed, heard or inferred"),
				list("number", "killed, injured, detained or missing: killed=4 or killed=4-12"),
				list("actor", "who did it, as far as seen"),
				text("source", "kind of source, never a name: witness, relative, medical, official, media, other"),
				text("consent", "who may have it: private, desk or publish"),
				list("after", "a text that existed before: FILE, for example the newest bulletin"),
				text("to", "public inbox: its card, or its name if it is kept here (jauap inbox save)"),
				&cli.BoolFlag{Name: "claimable", Usage: "with --to: keep a secret here by which you can claim it later", Local: true},
				&cli.BoolFlag{Name: "bare", Usage: "with --to: do not name the newest notices that were seen here", Local: true},
				&cli.IntFlag{Name: "forget", Usage: "with --to: after so many receipts (a relay that holds all of it; the desk itself counts as enough) this device forgets it", Local: true},
				&cli.BoolFlag{Name: "erase", Usage: "with --forget: delete the MEDIA then, too", Local: true},
				text("ticket", "keep a secret here by which you can claim the report later; without it nobody ever can"),
			},
			Action: d.report,
			Commands: []*cli.Command{
				{Name: "sent", Usage: "how far reports and letters to public inboxes have come", Flags: []cli.Flag{jsonFlag()}, Action: d.sentReports},
				{Name: "claim", Usage: "tell the inbox that a report is yours", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag()}, Action: d.actSent("claim")},
				{Name: "forget", Usage: "forget here that a report was sent; it goes on", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag()}, Action: d.actSent("forget")},
				{
					Name: "countersign", Usage: "sign that a report was seen now; the signer learns only its root", ArgsUsage: "FILE|ROOT",
					Flags:  []cli.Flag{text("key", "file of the signing key, made if missing; not the key of a conversation"), &cli.BoolFlag{Name: "relay", Usage: "sign as a relay", Local: true}},
					Action: d.countersign,
				},
				{
					Name: "add", Usage: "copy a package with countersignatures, or claim it", ArgsUsage: "FILE NEWFILE [SEEN.json]…",
					Flags:  []cli.Flag{text("claim", "ticket of the report: says that it is yours")},
					Action: d.addEvidence,
				},
			},
		},
		{
			Name: "verify-evidence", Category: "evidence", Usage: "say what a package proves and what not; needs no profile", ArgsUsage: "FILE",
			Flags: []cli.Flag{jsonFlag(), text("lang", "en, ru or kk"), list("stamp", "a time stamp (.tsr) or proof (.ots) that was kept beside the package"),
				list("tsa-cert", "certificate of a time-stamp authority that you trust, PEM or DER")},
			Action: d.verifyEvidence,
		},
		stampCommands(d),
	}
}

// ticket lets an author claim a report.
type ticket struct {
	Root string `json:"root"`
	Seed string `json:"seed"`
	Salt string `json:"salt"`
}

func (d *door) report(ctx context.Context, c *cli.Command) error {
	if c.String("to") != "" {
		return d.reportTo(ctx, c)
	}
	for _, f := range []string{"claimable", "bare", "forget", "erase"} {
		if c.IsSet(f) {
			return usage("--%s is for a report with --to", f)
		}
	}
	name, err := arg(c, 0, "the file to write")
	if err != nil {
		return err
	}
	r, err := d.reportOf(c)
	if err != nil {
		return usageError{err}
	}
	if err := r.Check(); err != nil {
		return usageError{err}
	}
	media, err := originals(c.Args().Tail())
	if err != nil {
		return err
	}
	after, err := anchors(c.StringSlice("after"))
	if err != nil {
		return err
	}
	seed, salt := make([]byte, ed25519.SeedSize), [32]byte{}
	var by evidence.Author
	if c.String("ticket") != "" {
		rand.Read(seed)
		rand.Read(salt[:])
		by = evidence.Author{Key: ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey), Salt: salt}
	}
	var w evidence.Written
	err = newFile(name, 0o600, func(f io.Writer) (err error) {
		w, err = evidence.Write(f, r, media, after, by)
		return err
	})
	if err != nil {
		return err
	}
	if by.Key != nil {
		b, err := json.Marshal(ticket{w.Root.String(), hex.EncodeToString(seed), hex.EncodeToString(salt[:])})
		if err == nil {
			err = newFile(c.String("ticket"), 0o600, func(f io.Writer) error { _, err := f.Write(append(b, '\n')); return err })
		}
		if err != nil {
			return fmt.Errorf("the package %s is written, but nobody can claim it: %w", name, err)
		}
	}
	if c.Bool("json") {
		return d.json(map[string]any{"root": w.Root.String(), "bytes": w.Bytes})
	}
	d.say("Written: %s, %d bytes.", name, w.Bytes)
	d.say("Root: %s", w.Root)
	d.say("Others can sign that they saw it: jauap report countersign %s", w.Root)
	return nil
}

// reportOf reads the form from the flags.
func (d *door) reportOf(c *cli.Command) (r evidence.Report, err error) {
	now := time.Now()
	r = evidence.Report{
		What: c.String("what"), Place: evidence.Place{Name: c.String("where")}, Basis: c.String("basis"),
		Actors: c.StringSlice("actor"), Source: c.String("source"), Consent: c.String("consent"),
		Made: now.Format(time.RFC3339), Tool: "jauap " + c.Root().Version,
	}
	if r.What == "-" {
		b, err := io.ReadAll(io.LimitReader(d.in, maxText+1))
		if err != nil {
			return r, fmt.Errorf("standard input: %w", err)
		}
		r.What = string(bytes.TrimSpace(b))
	}
	from, to, span := strings.Cut(c.String("when"), "..")
	if r.From, err = instant(from); err == nil && span {
		r.To, err = instant(to)
	}
	if err != nil {
		return r, err
	}
	if at := c.String("at"); at != "" {
		if r.Place, err = position(r.Place.Name, at); err != nil {
			return r, err
		}
	}
	for _, n := range c.StringSlice("number") {
		x, err := numbers(n)
		if err != nil {
			return r, err
		}
		r.Numbers = append(r.Numbers, x)
	}
	return r, nil
}

// instant reads a time of a person, in this device's zone where none is given.
func instant(s string) (string, error) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.Format(time.RFC3339), nil
	}
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil {
			return t.Format(time.RFC3339), nil
		}
	}
	return "", fmt.Errorf("--when: cannot read %q: write 2022-01-05T17:00 or 2022-01-05T17:00:00+06:00", s)
}

func position(name, s string) (p evidence.Place, err error) {
	f := strings.Split(s, ",")
	if len(f) != 3 {
		return p, fmt.Errorf("--at: cannot read %q: write LAT,LON,METRES", s)
	}
	lat, err1 := strconv.ParseFloat(strings.TrimSpace(f[0]), 64)
	lon, err2 := strconv.ParseFloat(strings.TrimSpace(f[1]), 64)
	near, err3 := strconv.Atoi(strings.TrimSpace(f[2]))
	if errors.Join(err1, err2, err3) != nil {
		return p, fmt.Errorf("--at: cannot read %q: write LAT,LON,METRES, for example 43.2567,76.9286,500", s)
	}
	return evidence.Place{Name: name, Lat: &lat, Lon: &lon, PrecisionM: &near}, nil
}

func numbers(s string) (n evidence.Numbers, err error) {
	what, span, ok := strings.Cut(s, "=")
	least, most, ranged := strings.Cut(span, "-")
	n.What = strings.TrimSpace(what)
	if n.Min, err = strconv.Atoi(strings.TrimSpace(least)); err == nil && ranged {
		var m int
		m, err = strconv.Atoi(strings.TrimSpace(most))
		n.Max = &m
	}
	if !ok || err != nil {
		return n, fmt.Errorf("--number: cannot read %q: write killed=4 or killed=4-12", s)
	}
	return n, nil
}

func originals(paths []string) (list []evidence.Original, err error) {
	for i, p := range paths {
		if info, err := os.Stat(p); err != nil {
			return nil, err
		} else if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is not a file", p)
		}
		// The name on this device may tell who took it; the package numbers them.
		ext := strings.ToLower(filepath.Ext(p))
		kind := mime.TypeByExtension(ext)
		if kind == "" || strings.Trim(ext, ".abcdefghijklmnopqrstuvwxyz0123456789") != "" || len(ext) > 8 {
			ext, kind = ".bin", "application/octet-stream"
		}
		name := fmt.Sprintf("original-%d%s", i+1, ext)
		list = append(list, evidence.Original{Name: name, Type: kind, Open: func() (io.ReadCloser, error) { return os.Open(p) }})
	}
	return list, nil
}

func anchors(paths []string) (list []evidence.Anchor, err error) {
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return nil, err
		}
		a, err := evidence.After(f, "text", "")
		f.Close()
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// newFile writes a file that was not there before, whole and synced or not at
// all.
func newFile(name string, mode os.FileMode, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Sync())
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

func (d *door) verifyEvidence(_ context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "the package")
	if err != nil {
		return err
	}
	words := func(f evidence.Finding) (string, string) { return string(f.Class), f.Words }
	if lang := c.String("lang"); lang != "" && lang != "en" {
		said, err := web.Findings(lang)
		if err != nil {
			return usageError{err}
		}
		words = func(f evidence.Finding) (string, string) {
			return said.Class(string(f.Class)), said.Finding(f.Code, f.Args, f.Words)
		}
	}
	with, err := beside(c)
	if err != nil {
		return err
	}
	v, err := checkFile(name, with)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = d.json(v)
	} else {
		d.sayVerdict(&v, words)
	}
	if v.Broken() {
		return errors.Join(err, fmt.Errorf("%w (%s): do not rely on it, ask for the package again", evidence.ErrBroken, v.Fault()))
	}
	return err
}

func checkFile(name string, b evidence.Beside) (v evidence.Verdict, err error) {
	f, err := os.Open(name)
	if err != nil {
		return v, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return v, err
	}
	return evidence.CheckWith(f, info.Size(), b)
}

func numberText(what string, least int, most *int) string {
	if most == nil {
		return fmt.Sprintf("%s: at least %d", what, least)
	}
	if *most == least {
		return fmt.Sprintf("%s: %d", what, least)
	}
	return fmt.Sprintf("%s: %d to %d", what, least, *most)
}

func (d *door) sayVerdict(v *evidence.Verdict, words func(evidence.Finding) (class, sentence string)) {
	if m := v.Manifest; m != nil && !v.Broken() {
		d.say("Root: %s", v.Root)
		d.say("%s", oneLine(m.Report.What))
		d.say("%s, %s", oneLine(m.Report.Place.Name), m.Report.From)
		for _, n := range m.Report.Numbers {
			d.say("%s", numberText(n.What, n.Min, n.Max))
		}
		d.say("")
	}
	for _, f := range v.Findings {
		class, sentence := words(f)
		d.say("%-10s  %s", class, oneLine(sentence))
	}
}

// oneLine keeps a stranger's words from moving the cursor.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

func (d *door) countersign(_ context.Context, c *cli.Command) error {
	what, err := arg(c, 0, "a package or its root")
	if err != nil {
		return err
	}
	root, err := evidence.ParseRoot(what)
	if err != nil {
		v, bad := checkFile(what, evidence.Beside{})
		if bad != nil {
			return fmt.Errorf("%q is neither a root nor a file: %w", what, bad)
		}
		if v.Broken() {
			return fmt.Errorf("%w (%s): it is not signed", evidence.ErrBroken, v.Fault())
		}
		root = v.Root
	}
	if c.String("key") == "" {
		return usage("say which --key signs; the file is made if it is missing")
	}
	key, err := signingKey(c.String("key"))
	if err != nil {
		return err
	}
	kind := "neighbour"
	if c.Bool("relay") {
		kind = "relay"
	}
	b, err := evidence.Countersign(root, key, time.Now(), kind).Line()
	if err != nil {
		return err
	}
	_, err = d.out.Write(b)
	return err
}

// signingKey reads a seed in hexadecimal, or makes one.
func signingKey(name string) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		b = []byte(hex.EncodeToString(seed) + "\n")
		err = newFile(name, 0o600, func(f io.Writer) error { _, err := f.Write(b); return err })
	}
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s holds no signing key: it should be one line of 64 hexadecimal digits", name)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func (d *door) addEvidence(_ context.Context, c *cli.Command) error {
	from, err := arg(c, 0, "the package")
	if err != nil {
		return err
	}
	to, err := arg(c, 1, "the file to write")
	if err != nil {
		return err
	}
	v, err := checkFile(from, evidence.Beside{})
	if err != nil {
		return err
	}
	if v.Broken() {
		return fmt.Errorf("%w (%s)", evidence.ErrBroken, v.Fault())
	}
	var seen []evidence.Seen
	for _, p := range c.Args().Slice()[2:] {
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		s, err := evidence.ParseSeen(b, v.Root)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		seen = append(seen, s)
	}
	var claim *evidence.Claim
	if name := c.String("claim"); name != "" {
		if claim, err = readTicket(name); err != nil {
			return err
		}
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	n := 0
	err = newFile(to, 0o600, func(out io.Writer) (err error) {
		n, err = evidence.Add(f, info.Size(), out, seen, claim)
		return err
	})
	if err == nil {
		d.say("Written: %s, %d countersignatures added.", to, n)
	}
	return err
}

func readTicket(name string) (*evidence.Claim, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var t ticket
	bad := json.Unmarshal(b, &t)
	root, err1 := evidence.ParseRoot(t.Root)
	seed, err2 := hex.DecodeString(t.Seed)
	salt, err3 := hex.DecodeString(t.Salt)
	if errors.Join(bad, err1, err2, err3) != nil || len(seed) != ed25519.SeedSize || len(salt) != 32 {
		return nil, fmt.Errorf("%s is not a ticket of a report", name)
	}
	claim := evidence.Claiming(root, ed25519.NewKeyFromSeed(seed), [32]byte(salt))
	return &claim, nil
}
