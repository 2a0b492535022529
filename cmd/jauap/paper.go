package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"
	"rsc.io/qr"

	"github.com/jauap/jauap/web/api"
)

// sms files what came by SMS or on paper: a text, standard input, or photos.
func (d *door) sms(ctx context.Context, c *cli.Command) error {
	args := c.Args().Slice()
	text := strings.Join(args, " ")
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(d.in, 1<<17))
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		text = string(b)
	}
	if strings.TrimSpace(text) == "" {
		return usage("sms: the text is missing (or - for standard input, or a photo of the code)")
	}
	photos, err := picturesOf(args)
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		var list []api.Outcome
		for _, p := range photos {
			s, err := b.Scan(ctx, p.data)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			some, err := b.TakeNotes(ctx, api.TakeAsk{Text: s.Code})
			if err != nil {
				return err
			}
			list = append(list, some...)
		}
		if photos == nil {
			if list, err = b.TakeNotes(ctx, api.TakeAsk{Text: text}); err != nil {
				return err
			}
		}
		return d.outcomes(c, list)
	})
}

// isNote tells a message that came by SMS or on paper from an invitation.
func isNote(text string) bool {
	return strings.ContainsAny(text, "#№") && !strings.Contains(strings.ToLower(text), "jauap:")
}

// notes files the notes of a text.
func (d *door) notes(ctx context.Context, c *cli.Command, text string) error {
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.TakeNotes(ctx, api.TakeAsk{Text: text})
		if err != nil {
			return err
		}
		return d.outcomes(c, list)
	})
}

// outcomes tells what became of notes. It fails when none was filed.
func (d *door) outcomes(c *cli.Command, list []api.Outcome) error {
	var err error
	taken := 0
	for _, o := range list {
		if o.Taken != nil {
			taken++
		} else if err == nil {
			err = outcomeError(o)
		}
	}
	if taken > 0 {
		err = nil
	}
	if c.Bool("json") {
		if len(list) == 1 && list[0].Taken != nil {
			return d.json(list[0].Taken)
		}
		return errors.Join(d.json(list), err)
	}
	if err != nil && len(list) == 1 {
		return err
	}
	for _, o := range list {
		if o.Taken != nil {
			d.taken(*o.Taken)
			continue
		}
		d.say("NOT filed: %s", o.Error)
		d.say("  %s", plain(begin(o.Text)))
	}
	return err
}

// outcomeError is an error with which scripts can tell why a note was not filed.
func outcomeError(o api.Outcome) error {
	is := map[string]error{"typo": api.ErrTypo, "mismatch": api.ErrMismatch, "no-code": api.ErrUsage, "mine": api.ErrUsage}[o.Why]
	if is == nil {
		return errors.New(o.Error)
	}
	return fmt.Errorf("%w: %s", is, strings.TrimPrefix(o.Error, is.Error()+": "))
}

func (d *door) taken(t api.Taken) {
	d.say("The code is right: this is from %s.", t.From)
	d.say("  %s", wordText(t.Word))
	if t.Typo {
		d.say("  A wrong character of the code was put right.")
	}
	switch {
	case t.Known:
		d.say("  It was here already.")
	case t.Older:
		d.say("  A newer word of theirs was here already.")
	}
	if t.Word.Doubt {
		d.say("  The words beside the code are NOT those that were written: mistyped, or changed by somebody.")
	}
}

// begin is as much of a text as tells which it is.
func begin(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return string(r)
}

type photo struct {
	name string
	data []byte
}

// picturesOf reads the photos that the arguments name; nil when they are a text.
func picturesOf(args []string) (list []photo, err error) {
	for _, name := range args {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return nil, nil
		}
		if info.Size() > api.MaxPicture {
			return nil, usage("%s is too large for a photo of a code", name)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if !isPicture(b) {
			return nil, usage("%s is no JPEG or PNG; a text goes in by `jauap sms - < FILE`", name)
		}
		list = append(list, photo{name, b})
	}
	return list, nil
}

func isPicture(b []byte) bool {
	return bytes.HasPrefix(b, []byte("\xff\xd8")) || bytes.HasPrefix(b, []byte("\x89PNG"))
}

// writeNotes writes the code of each note as a picture into a folder, which it makes.
// The names of files are those of people: it is for the writer's own printer.
func writeNotes(dir string, notes []api.Note) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, n := range notes {
		code, err := qr.Encode(n.Text, qr.M)
		if err != nil {
			return fmt.Errorf("the code for %s: %w", n.To, err)
		}
		name := strings.Map(func(r rune) rune {
			if strings.ContainsRune("/\\:*?\"<>|.", r) || r < ' ' {
				return '_'
			}
			return r
		}, n.To)
		if err := os.WriteFile(filepath.Join(dir, name+".png"), code.PNG(), 0o600); err != nil {
			return err
		}
	}
	return nil
}
