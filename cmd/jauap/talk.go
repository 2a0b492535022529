package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

// photoFlags are the flags of everything that takes photos and voice notes.
func photoFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "photo", Usage: "a photo; place, time and camera are taken out of it", Local: true},
		&cli.StringFlag{Name: "size", Usage: "of photos: small, large or original", Value: "small", Local: true},
		&cli.BoolFlag{Name: "whole", Usage: "photos leave at once; else a tiny preview does, and the photo when they ask", Local: true},
		&cli.StringSliceFlag{Name: "voice", Usage: "a sound file, sent as a voice note", Local: true},
	}
}

func talkCommands(d *door) []*cli.Command {
	return []*cli.Command{
		{
			Name: "draft", Category: "letters", Usage: "show or change what is not sent yet; `send NAME --draft` sends it", ArgsUsage: "NAME [TEXT]",
			Flags: append([]cli.Flag{
				jsonFlag(),
				&cli.StringSliceFlag{Name: "attach", Usage: "a file to add", Local: true},
				&cli.UintFlag{Name: "drop", Usage: "take out the file of this number", Local: true},
			}, photoFlags()...),
			Action: d.draft,
		},
		{
			Name: "get", Category: "letters", Usage: "ask for a photo that waits at its sender, or save what arrived", ArgsUsage: "ID [FILE]",
			Flags:  []cli.Flag{jsonFlag(), &cli.BoolFlag{Name: "preview", Usage: "save the tiny preview", Local: true}},
			Action: d.get,
		},
		{Name: "delete", Category: "letters", Usage: "delete letters here; what has not left is withdrawn", ArgsUsage: "ID…", Flags: []cli.Flag{jsonFlag()}, Action: d.delete},
		{
			Name: "search", Category: "letters", Usage: "find letters by words; қ finds к, ё finds е", ArgsUsage: "WORDS…",
			Flags:  []cli.Flag{jsonFlag(), &cli.StringFlag{Name: "with", Usage: "only with this person", Local: true}, &cli.IntFlag{Name: "max", Usage: "at most so many", Value: 50, Local: true}},
			Action: d.search,
		},
	}
}

// riders are the files of one call, of all kinds.
func riders(c *cli.Command) ([]api.SendFile, error) {
	var all []api.SendFile
	for _, r := range []struct{ flag, kind string }{{"attach", ""}, {"photo", api.Photo}, {"voice", api.Voice}} {
		files, err := readFiles(c.StringSlice(r.flag))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			f.Kind = r.kind
			all = append(all, f)
		}
	}
	return all, nil
}

// parseVanish takes "1d", "2h" or "30m".
func parseVanish(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	var after time.Duration
	n, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	if days := strings.HasSuffix(s, "d"); days && err == nil && n < 400 {
		after = time.Duration(n) * 24 * time.Hour
	} else if after, err = time.ParseDuration(s); err != nil {
		return 0, usage("--vanish is a time such as 30m, 2h or 1d, not %q", s)
	}
	if after < time.Minute || after > 366*24*time.Hour {
		return 0, usage("--vanish is from 1m to 366d")
	}
	return int64(after / time.Second), nil
}

// costText says what sending takes: "180KB, as much as 300 texts; …".
func costText(c api.Cost) string {
	s := fmt.Sprintf("%s, as much as %d texts", config.FormatBytes(c.Bytes+c.Held), c.Texts)
	if c.Held > 0 {
		s += fmt.Sprintf("; %s of it leave when they ask", config.FormatBytes(c.Held))
	}
	if c.Pace == nil {
		return s + "; how fast a window is, is not known yet"
	}
	span := func(seconds int) string { return (time.Duration(seconds) * time.Second).String() }
	return s + fmt.Sprintf("; at the last window's pace (%s in %s) at most %s", config.FormatBytes(c.Pace.Bytes), span(c.Pace.Seconds), span(c.Seconds))
}

func (d *door) draft(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "whom it is for")
	if err != nil {
		return err
	}
	ask := api.DraftAsk{With: name, Size: c.String("size"), Whole: c.Bool("whole")}
	if ask.Files, err = riders(c); err != nil {
		return err
	}
	if words := c.Args().Tail(); len(words) > 0 {
		text := strings.Join(words, " ")
		ask.Text = &text
	}
	if c.IsSet("drop") {
		n := uint32(c.Uint("drop"))
		ask.Drop = &n
	}
	return d.with(ctx, c, func(b api.Backend) error {
		draft, err := b.Draft(ctx, ask)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, draft))
		}
		if draft.Text == "" && len(draft.Files) == 0 {
			d.say("There is no draft to %s.", name)
			return nil
		}
		d.say("%s", plain(draft.Text))
		for _, f := range draft.Files {
			d.say("  [%d: %s, %s]", f.Key, plain(f.Name), config.FormatBytes(f.Bytes))
		}
		d.say("%s", costText(draft.Cost))
		return nil
	})
}

func (d *door) get(ctx context.Context, c *cli.Command) error {
	id, err := arg(c, 0, "the id of a file (see `jauap read --json`)")
	if err != nil {
		return err
	}
	if err := tooMany(c, 2); err != nil {
		return err
	}
	file := c.Args().Get(1)
	return d.with(ctx, c, func(b api.Backend) error {
		if c.Bool("preview") {
			p, err := b.Picture(ctx, api.PictureAsk{ID: id, Preview: true})
			if err != nil {
				return err
			}
			return saveAs(file, p.JPEG)
		}
		f, err := b.Fetch(ctx, api.FetchAsk{ID: id})
		if err != nil {
			return err
		}
		whole := f.Have == f.Bytes
		switch {
		case whole && file != "":
			if err := copyOut(ctx, b, id, file); err != nil {
				return err
			}
			if !c.Bool("json") {
				d.say("Saved as %s.", file)
			}
		case c.Bool("json"):
		case whole:
			d.say("It is here: give the name of a file to save it.")
		case f.Held:
			d.say("Asked for. It comes by itself when anything opens: %d of %d bytes are here.", f.Have, f.Bytes)
		default:
			d.say("It is on its way: %d of %d bytes are here.", f.Have, f.Bytes)
		}
		if c.Bool("json") {
			return d.json(f)
		}
		return nil
	})
}

func copyOut(ctx context.Context, b api.Backend, id, file string) error {
	_, r, err := b.Attachment(ctx, id)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.ReadFrom(r)
	return errors.Join(err, w.Close())
}

func saveAs(file string, b []byte) error {
	if file == "" {
		return usage("get: the name of the file to save it in is missing")
	}
	w, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return errors.Join(err, w.Close())
}

func (d *door) delete(ctx context.Context, c *cli.Command) error {
	if !c.Args().Present() {
		return usage("delete: the id of a letter is missing (see `jauap read --json` and `jauap outbox --json`)")
	}
	return d.with(ctx, c, func(b api.Backend) error {
		done, err := b.Delete(ctx, api.DeleteAsk{IDs: c.Args().Slice()})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, done))
		}
		d.say("%d deleted on this device.", done.Deleted)
		if done.Withdrawn > 0 {
			d.say("%d of them had not left and never will.", done.Withdrawn)
		}
		if done.Out > 0 {
			d.say("%d of them had left: what others hold is not touched.", done.Out)
		}
		return nil
	})
}

func (d *door) search(ctx context.Context, c *cli.Command) error {
	query := strings.Join(c.Args().Slice(), " ")
	if strings.TrimSpace(query) == "" {
		return usage("search: the words are missing")
	}
	ask := api.SearchAsk{Query: query, With: c.String("with"), Max: c.Int("max")}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Search(ctx, ask)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("Nothing was found.")
		}
		for _, l := range list {
			who := l.From
			if who == "" {
				who = "to " + l.To
			}
			d.say("%s, %s  [%s]", who, l.SentAt.Local().Format("2 Jan 2006 15:04"), l.ID)
			d.say("  %s", strings.ReplaceAll(plain(l.Text), "\n", "\n  "))
		}
		return nil
	})
}
