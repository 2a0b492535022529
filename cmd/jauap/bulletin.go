package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

func boardCommands(d *door) []*cli.Command {
	days := &cli.IntFlag{Name: "days", Usage: "how long it is shown: 1 to 120, 14 by default", Local: true}
	files := &cli.StringSliceFlag{Name: "attach", Usage: "a picture or recording; about 60 kB in all", Local: true}
	pin := &cli.BoolFlag{Name: "pin", Usage: "keep it above the others", Local: true}
	return []*cli.Command{{
		Name: "board", Category: "public notices", Usage: "follow public boards, and publish one", ArgsUsage: "[BOARD]",
		Description: "Without arguments it lists the boards; with one it shows what that board says. Notices are signed by\ntheir editors and carried by everybody, like letters.",
		Flags:       []cli.Flag{jsonFlag()},
		Action:      d.board,
		Commands: []*cli.Command{
			{Name: "follow", Usage: "follow a board", ArgsUsage: "CARD", Flags: []cli.Flag{jsonFlag()}, Action: d.followBoard},
			{Name: "leave", Usage: "forget a board and its notices on this device", ArgsUsage: "BOARD", Action: d.leaveBoard},
			{
				Name: "set", Usage: "change how a board is shown here", ArgsUsage: "BOARD",
				Flags:  []cli.Flag{&cli.StringFlag{Name: "name", Usage: "what to call it here", Local: true}, &cli.BoolFlag{Name: "mute", Usage: "not among the news", Local: true}, pin},
				Action: d.setBoard,
			},
			{
				Name: "new", Usage: "make a board of your own", ArgsUsage: "NAME",
				Flags: []cli.Flag{jsonFlag(), &cli.StringSliceFlag{Name: "editor", Usage: "an editor's key, as jauap board editor prints it there; this device alone by default", Local: true},
					&cli.IntFlag{Name: "need", Usage: "so many editors must sign each notice", Value: 1, Local: true}},
				Action: d.newBoard,
			},
			{Name: "post", Usage: "say something on your board", ArgsUsage: "BOARD [TEXT|-]", Flags: []cli.Flag{
				jsonFlag(), days, files, pin,
				&cli.StringFlag{Name: "make-draft", Usage: "write a draft for the other editors to this file, and post nothing", Local: true},
				&cli.StringFlag{Name: "draft", Usage: "post this draft", Local: true}, &cli.StringSliceFlag{Name: "signed", Usage: "an editor's signature, as jauap board sign prints it", Local: true},
			}, Action: d.postBoard},
			{Name: "editor", Usage: "print this device's key as an editor", Flags: []cli.Flag{jsonFlag()}, Action: d.editor},
			{Name: "sign", Usage: "sign another editor's draft; its text is shown", ArgsUsage: "DRAFT", Flags: []cli.Flag{jsonFlag()}, Action: d.signDraft},
			{Name: "feed", Usage: "write a board as an Atom feed", ArgsUsage: "BOARD", Action: d.feed},
		},
	}}
}

func (d *door) board(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 1); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		if name := c.Args().First(); name != "" {
			return d.showBoard(ctx, c, b, name)
		}
		list, err := b.Boards(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("No boards. Follow one with `jauap board follow CARD`, or make one with `jauap board new NAME`.")
		}
		for _, x := range list {
			mark := ""
			if x.Mine {
				mark = ", mine"
			}
			if len(x.Forks) > 0 {
				mark += ", FORKED: it told others something else"
			}
			d.say("%s  %s  %d notices, newest %s, signed by %d of %d%s", x.ID[:8], oneLine(x.Name), x.Notices, age(x.Newest), x.Need, x.Editors, mark)
		}
		return nil
	})
}

func (d *door) showBoard(ctx context.Context, c *cli.Command, b api.Backend, name string) error {
	list, err := b.Notices(ctx, name)
	if err != nil || c.Bool("json") {
		return errors.Join(err, d.jsonIf(err, list))
	}
	if len(list) == 0 {
		d.say("Nothing yet.")
	}
	for _, n := range list {
		d.say("%d  %s", n.Seq, age(&n.At))
		for line := range strings.Lines(n.Text) {
			d.say("    %s", oneLine(strings.TrimRight(line, "\n")))
		}
		for _, f := range n.Files {
			d.say("    [%s, %d bytes]", oneLine(f.Name), len(f.Data))
		}
		if n.Forked {
			d.say("    ! The notice before it was another one elsewhere: this board told people different things.")
		}
		if n.Missing > 0 {
			d.say("    (%d notices before it are not here)", n.Missing)
		}
	}
	return nil
}

func (d *door) followBoard(ctx context.Context, c *cli.Command) error {
	card, err := arg(c, 0, "the board's card: jauap-board:1:…")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		x, err := b.Board(ctx, api.BoardAsk{Do: "follow", Card: card})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, x))
		}
		d.say("You follow %s. What it says comes with everything else.", oneLine(x.Name))
		return nil
	})
}

// changeBoard does to a board what ask says.
func (d *door) changeBoard(ctx context.Context, c *cli.Command, ask api.BoardAsk) error {
	name, err := arg(c, 0, "a board")
	if err != nil {
		return err
	}
	ask.ID = name
	return d.with(ctx, c, func(b api.Backend) error {
		_, err := b.Board(ctx, ask)
		return err
	})
}

func (d *door) leaveBoard(ctx context.Context, c *cli.Command) error {
	return d.changeBoard(ctx, c, api.BoardAsk{Do: "leave"})
}

func (d *door) setBoard(ctx context.Context, c *cli.Command) error {
	return d.changeBoard(ctx, c, api.BoardAsk{Do: "set", Name: c.String("name"), Muted: c.Bool("mute"), Pinned: c.Bool("pin")})
}

func (d *door) newBoard(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "the board's name")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		x, err := b.Board(ctx, api.BoardAsk{Do: "create", Name: name, Editors: c.StringSlice("editor"), Need: c.Int("need")})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, x))
		}
		d.say("%s", x.Card)
		d.say("This is the board's card: whoever has it can follow %s. It is known by no other name.", oneLine(x.Name))
		return nil
	})
}

// postAsk reads the form of a notice from the flags.
func (d *door) postAsk(c *cli.Command, name string) (a api.PostAsk, err error) {
	a = api.PostAsk{Board: name, Days: c.Int("days"), Pinned: c.Bool("pin"), Signed: c.StringSlice("signed"), Only: c.String("make-draft") != ""}
	if draft := c.String("draft"); draft != "" {
		a.Draft, err = os.ReadFile(draft)
		return a, err
	}
	texts, err := d.texts(c)
	if err != nil {
		return a, err
	}
	a.Text = texts[0]
	for _, p := range c.StringSlice("attach") {
		data, err := os.ReadFile(p)
		if err != nil {
			return a, err
		}
		a.Files = append(a.Files, api.NoticeFile{Name: filepath.Base(p), Type: mime.TypeByExtension(filepath.Ext(p)), Data: data})
	}
	return a, nil
}

func (d *door) postBoard(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "a board")
	if err != nil {
		return err
	}
	a, err := d.postAsk(c, name)
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		p, err := b.Post(ctx, a)
		if err == nil && a.Only {
			err = newFile(c.String("make-draft"), 0o600, func(f io.Writer) error { _, err := f.Write(p.Draft); return err })
		}
		switch {
		case err != nil || c.Bool("json"):
			return errors.Join(err, d.jsonIf(err, p))
		case a.Only:
			d.say("The draft is written. Other editors sign it with `jauap board sign`.")
		default:
			d.say("Posted as notice %d. It leaves by itself.", p.Seq)
		}
		return nil
	})
}

func (d *door) editor(ctx context.Context, c *cli.Command) error {
	return d.with(ctx, c, func(b api.Backend) error {
		e, err := b.Editor(ctx, api.EditorAsk{})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, e))
		}
		d.say("%s", e.Key)
		return nil
	})
}

func (d *door) signDraft(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "the draft's file")
	if err != nil {
		return err
	}
	draft, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		e, err := b.Editor(ctx, api.EditorAsk{Draft: draft})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, e))
		}
		fmt.Fprintln(d.errs, "You sign this text:")
		for line := range strings.Lines(e.Text) {
			fmt.Fprintln(d.errs, "    "+oneLine(strings.TrimRight(line, "\n")))
		}
		d.say("%s", e.Signed)
		return nil
	})
}

// atom is a feed. RFC 4287.
type atom struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Entries []atomEntry `xml:"entry"`
}

type atomEntry struct {
	ID      string `xml:"id"`
	Title   string `xml:"title"`
	Updated string `xml:"updated"`
	Content string `xml:"content"`
}

func (d *door) feed(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "a board")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Notices(ctx, name)
		if err != nil {
			return err
		}
		f := atom{ID: "urn:jauap:board:" + name, Title: name, Author: name, Updated: time.Unix(0, 0).UTC().Format(time.RFC3339)}
		boards, err := b.Boards(ctx)
		if err != nil {
			return err
		}
		for _, x := range boards {
			if x.ID == name || strings.EqualFold(x.Name, name) || len(name) >= 4 && strings.HasPrefix(x.ID, name) {
				f.ID, f.Title, f.Author = "urn:jauap:board:"+x.ID, x.Name, x.Name
			}
		}
		for i, n := range list {
			at := n.At.Format(time.RFC3339)
			if i == 0 {
				f.Updated = at
			}
			title, _, _ := strings.Cut(n.Text, "\n")
			f.Entries = append(f.Entries, atomEntry{fmt.Sprintf("%s:%d", f.ID, n.Seq), title, at, n.Text})
		}
		if _, err := io.WriteString(d.out, xml.Header); err != nil {
			return err
		}
		enc := xml.NewEncoder(d.out)
		enc.Indent("", " ")
		return errors.Join(enc.Encode(f), enc.Close())
	})
}
