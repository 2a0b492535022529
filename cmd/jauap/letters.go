package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

// Limits of one call.
const (
	maxText = 1 << 20  // bytes of one letter from standard input
	maxFile = 64 << 20 // bytes of one attachment
)

func letterCommands(d *door) []*cli.Command {
	return []*cli.Command{
		{
			Name: "send", Category: "letters", Usage: "write a letter; it leaves by itself when anything opens", ArgsUsage: "NAME [TEXT|-]",
			Flags: append([]cli.Flag{
				jsonFlag(),
				&cli.BoolFlag{Name: "lines", Usage: "one letter per line of standard input", Local: true},
				&cli.StringSliceFlag{Name: "attach", Usage: "a file to send along", Local: true},
				&cli.IntFlag{Name: "days", Usage: "how long it may be under way: 1 to 120, 30 by default", Local: true},
				&cli.StringFlag{Name: "vanish", Usage: "both ends delete it so long after it was read: 30m, 2h, 1d", Local: true},
				&cli.BoolFlag{Name: "draft", Usage: "send the draft to this person", Local: true},
			}, photoFlags()...),
			Action: d.send,
		},
		{
			Name: "read", Category: "letters", Usage: "read what arrived", ArgsUsage: "[NAME]",
			Flags: []cli.Flag{
				jsonFlag(),
				&cli.BoolFlag{Name: "follow", Usage: "go on reading what arrives later, also after the node ended and runs again", Local: true},
				&cli.BoolFlag{Name: "keep", Usage: "leave it marked as new", Local: true},
				&cli.StringFlag{Name: "save", Usage: "put attachments into this folder", Local: true},
			},
			Action: d.read,
		},
		{Name: "outbox", Category: "letters", Usage: "what became of my letters", Flags: []cli.Flag{jsonFlag()}, Action: d.outbox},
	}
}

func (d *door) send(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "whom to write to")
	if err != nil {
		return err
	}
	if days := c.Int("days"); days < 0 || days > 120 {
		return usage("--days is from 1 to 120")
	}
	texts, err := d.texts(c)
	if err != nil {
		return err
	}
	files, err := riders(c)
	if err != nil {
		return err
	}
	ask := api.SendAsk{To: name, Files: files, Days: c.Int("days"), Size: c.String("size"), Whole: c.Bool("whole"), Draft: c.Bool("draft")}
	if ask.Vanish, err = parseVanish(c.String("vanish")); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		for _, text := range texts {
			ask.Text = text
			sent, err := b.Send(ctx, ask)
			if err != nil {
				return err
			}
			if len(ask.Files) > 0 && sent.Cost != nil && !c.Bool("json") {
				d.say("%s.", costText(*sent.Cost))
			}
			ask.Files, ask.Draft = nil, false // with the first letter only
			switch {
			case !c.Bool("json"):
			case c.Bool("lines"):
				err = d.line(sent)
			default:
				err = d.json(sent)
			}
			if err != nil {
				return err
			}
		}
		if !c.Bool("json") {
			d.say("Saved. It leaves by itself when anything opens.")
		}
		return nil
	})
}

// texts are the letters of one call: an argument, standard input, or its lines.
func (d *door) texts(c *cli.Command) ([]string, error) {
	words := c.Args().Tail()
	switch {
	case c.Bool("lines"):
		if len(words) > 0 {
			return nil, usage("send: --lines reads standard input; the text %q is too much", words[0])
		}
		var list []string
		s := bufio.NewScanner(d.in)
		s.Buffer(nil, maxText)
		for s.Scan() {
			if strings.TrimSpace(s.Text()) != "" {
				list = append(list, s.Text())
			}
		}
		if err := s.Err(); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		if len(list) == 0 {
			return nil, usage("send: standard input had no lines, so nothing was written")
		}
		return list, nil
	case len(words) == 1 && words[0] == "-":
		b, err := io.ReadAll(io.LimitReader(d.in, maxText+1))
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		if len(b) > maxText {
			return nil, usage("send: more than %d bytes; attach it as a file", maxText)
		}
		return []string{string(b)}, nil
	case len(words) == 0 && !c.Bool("draft") && len(c.StringSlice("attach"))+len(c.StringSlice("photo"))+len(c.StringSlice("voice")) == 0:
		return nil, usage("send: the text is missing (or - for standard input, or --lines)")
	}
	return []string{strings.Join(words, " ")}, nil
}

func readFiles(names []string) ([]api.SendFile, error) {
	var files []api.SendFile
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() || info.Size() > maxFile {
			return nil, usage("%s: only a plain file of at most %d MiB can be attached", name, maxFile>>20)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, api.SendFile{Name: filepath.Base(name), Data: b})
	}
	return files, nil
}

func (d *door) read(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 1); err != nil {
		return err
	}
	if dir := c.String("save"); dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return usage("--save: %s is not a folder", dir)
		}
	}
	ask := api.ReadAsk{From: c.Args().First(), Keep: c.Bool("keep")}
	if c.Bool("follow") {
		return d.followLetters(ctx, c, ask)
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Read(ctx, ask)
		if err != nil {
			return err
		}
		if err := d.show(c, list); err != nil {
			return err
		}
		return saveFiles(ctx, b, c.String("save"), list)
	})
}

func (d *door) show(c *cli.Command, list []api.Letter) error {
	switch {
	case c.Bool("json") && c.Bool("follow"):
		for _, l := range list {
			if err := d.line(l); err != nil {
				return err
			}
		}
	case c.Bool("json"):
		if err := d.json(list); err != nil {
			return err
		}
	case len(list) == 0 && !c.Bool("follow"):
		d.say("Nothing has arrived.")
	default:
		for _, l := range list {
			from := l.From
			if l.Group != "" {
				from += " in " + l.Group
			}
			d.say("%s, written %s (arrived %s):", from, l.SentAt.Local().Format("2 Jan 15:04"), age(l.ReceivedAt))
			d.say("  %s", strings.ReplaceAll(plain(l.Text), "\n", "\n  "))
			for _, f := range l.Attachments {
				d.say("  [%s, %d of %d bytes%s]", plain(f.Name), f.Have, f.Bytes, heldText(f))
			}
		}
	}
	return nil
}

// heldText says how to get a file that its sender holds back.
func heldText(f api.File) string {
	switch {
	case !f.Held || f.Have == f.Bytes:
		return ""
	case f.Asked:
		return "; asked for"
	}
	return "; ask for it with `jauap get " + f.ID + "`"
}

// plain takes from a stranger's text what could command a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || (r >= 0x20 && r != 0x7f && (r < 0x80 || r > 0x9f)) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// saveFiles puts whole attachments into dir under names that cannot leave it
// and never over a file that is there.
func saveFiles(ctx context.Context, b api.Backend, dir string, list []api.Letter) error {
	if dir == "" {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, l := range list {
		for _, f := range l.Attachments {
			if f.Have < f.Bytes {
				continue
			}
			if err := saveFile(ctx, b, root, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func saveFile(ctx context.Context, b api.Backend, root *os.Root, f api.File) error {
	info, r, err := b.Attachment(ctx, f.ID)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return err
	}
	base := filepath.Base(filepath.Clean("/" + info.Name))
	for n := 0; n < 1000; n++ {
		name := base
		if n > 0 {
			name = fmt.Sprintf("%d-%s", n, base)
		}
		w, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			if there, err := root.ReadFile(name); err == nil && bytes.Equal(there, data) {
				return nil // saved before
			}
			continue
		}
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return errors.Join(err, w.Close())
	}
	return fmt.Errorf("too many files named %s", base)
}

func (d *door) outbox(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Outbox(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("You have written nothing yet.")
		}
		for _, o := range list {
			d.say("%-24s to %s: %s (%d bytes) %s", stateText(o), o.To, age(ref(o.At)), o.Bytes, plain(o.Text))
		}
		return nil
	})
}

func ref(t time.Time) *time.Time { return &t }

func stateText(o api.Outgoing) string {
	if r := o.Reach; r != nil && r.Of > 0 && r.Delivered > 0 {
		return fmt.Sprintf("with %d of %d, read by %d", r.Delivered, r.Of, r.Read)
	}
	switch o.State {
	case api.Carried:
		return "with others, " + many(o.Carriers, "meeting") // who meets twice without a name counts twice
	case api.Left:
		return "left the country"
	}
	return string(o.State)
}
