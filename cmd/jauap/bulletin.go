package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web"
	"github.com/jauap/jauap/web/api"
)

func boardCommands(d *door) []*cli.Command {
	days := &cli.IntFlag{Name: "days", Usage: "how long it is shown: 1 to 120, 14 by default", Local: true}
	files := &cli.StringSliceFlag{Name: "attach", Usage: "a photo, which is made small and cleaned, or a recording of at most 48 KiB", Local: true}
	pin := &cli.BoolFlag{Name: "pin", Usage: "keep it above the others", Local: true}
	return []*cli.Command{{
		Name: "board", Category: "public notices", Usage: "follow public boards, and publish one", ArgsUsage: "[BOARD]",
		Description: "Without arguments it lists the boards; with one it shows what that board says. Notices are signed by\ntheir editors and carried by everybody, like letters. Your contacts may learn with your next letter that you\nsaw a notice they have too; `receipts = off` in the settings ends that.",
		Flags:       []cli.Flag{jsonFlag()},
		Action:      d.board,
		Commands: []*cli.Command{
			{Name: "follow", Usage: "follow a board", ArgsUsage: "CARD", Flags: []cli.Flag{jsonFlag()}, Action: d.followBoard},
			{Name: "leave", Usage: "forget a board and its notices on this device", ArgsUsage: "BOARD", Action: d.leaveBoard,
				Flags: []cli.Flag{&cli.BoolFlag{Name: "yes", Usage: "also a board of your own, on which nobody can publish then", Local: true}}},
			{
				Name: "set", Usage: "change how a board is shown here", ArgsUsage: "BOARD",
				Flags:  []cli.Flag{&cli.StringFlag{Name: "name", Usage: "what to call it here", Local: true}, &cli.BoolFlag{Name: "mute", Usage: "not among the news", Local: true}, pin, &cli.BoolFlag{Name: "text-only", Usage: "keep no photos and recordings", Local: true}},
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
				&cli.StringFlag{Name: "make-bare", Usage: "write the draft without its photo or recording to this file, too, for a way that takes few words", Local: true},
				&cli.StringFlag{Name: "draft", Usage: "post this draft", Local: true}, &cli.StringSliceFlag{Name: "signed", Usage: "an editor's signature, as jauap board sign prints it", Local: true},
			}, Action: d.postBoard},
			{Name: "editor", Usage: "print this device's key as an editor", Flags: []cli.Flag{jsonFlag()}, Action: d.editor},
			{Name: "sign", Usage: "sign another editor's draft; its text is shown", ArgsUsage: "DRAFT", Flags: []cli.Flag{jsonFlag(),
				&cli.StringFlag{Name: "media", Usage: "write its photo or recording to this file, and sign only then", Local: true},
				&cli.BoolFlag{Name: "unseen", Usage: "sign although its photo or recording did not come with the draft", Local: true}}, Action: d.signDraft},
			{Name: "media", Usage: "write the photo or recording of a notice to a file", ArgsUsage: "BOARD NUMBER FILE", Action: d.saveNoticeMedia},
			{
				Name: "feed", Usage: "write a board, or all that are not muted, as an Atom feed; or print where a feed reader finds it", ArgsUsage: "[BOARD]", Action: d.feed,
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "address", Usage: "print the address for a feed reader on this device, while `jauap up` runs", Local: true},
					&cli.BoolFlag{Name: "new", Usage: "print a new address; the old one no longer works", Local: true},
					&cli.BoolFlag{Name: "off", Usage: "let no feed reader in any more", Local: true},
				},
			},
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
	sort.SliceStable(list, func(i, j int) bool { return list[i].Pinned && !list[j].Pinned })
	var seqs []uint64
	for _, n := range list {
		seqs = append(seqs, n.Seq)
		d.say("%d  %s", n.Seq, age(&n.At))
		for line := range strings.Lines(n.Text) {
			d.say("    %s", oneLine(strings.TrimRight(line, "\n")))
		}
		for _, f := range n.Files {
			switch {
			case f.Here:
				d.say("    [%s, %d bytes]", oneLine(f.Name), f.Bytes)
			case f.Sort == "photo":
				d.say("    [the photo has not arrived]")
			default:
				d.say("    [the recording has not arrived]")
			}
		}
		if n.Forked {
			d.say("    ! The notice before it was another one elsewhere: this board told people different things.")
		}
		if n.Missing > 0 {
			d.say("    (%d notices before it are not here)", n.Missing)
		}
		if n.SeenBy > 0 {
			d.say("    seen by %d of your contacts", n.SeenBy)
		}
	}
	_, err = b.Board(ctx, api.BoardAsk{Do: "seen", ID: name, Seqs: seqs})
	return err
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
	return d.changeBoard(ctx, c, api.BoardAsk{Do: "leave", Sure: c.Bool("yes")})
}

func (d *door) setBoard(ctx context.Context, c *cli.Command) error {
	return d.changeBoard(ctx, c, api.BoardAsk{Do: "set", Name: c.String("name"), Muted: c.Bool("mute"), Pinned: c.Bool("pin"), Plain: c.Bool("text-only")})
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
		a.Files = append(a.Files, api.NoticeFile{Name: filepath.Base(p), Data: data})
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
			err = writeNew(c.String("make-draft"), p.Draft)
			if name := c.String("make-bare"); err == nil && name != "" && p.Bare != nil {
				err = writeNew(name, p.Bare)
			}
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
		if err != nil {
			return err
		}
		if m := e.Media; m != nil && m.Here && !c.Bool("json") {
			name := c.String("media")
			if name == "" {
				return usage("the draft shows a %s, too: name a file for it with --media, look at it, and decide then", m.Sort)
			}
			if err := writeNew(name, m.Data); err != nil {
				return err
			}
		} else if m != nil && !m.Here && !c.Bool("unseen") {
			return usage("the draft shows a %s that did not come with it: ask for the whole draft, or sign it with --unseen", m.Sort)
		}
		signed, err := b.Editor(ctx, api.EditorAsk{Draft: draft, Sign: true, Unseen: c.Bool("unseen")})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, signed))
		}
		fmt.Fprintf(d.errs, "You sign this text, shown until %s:\n", e.Until.Local().Format("2006-01-02"))
		for line := range strings.Lines(e.Text) {
			fmt.Fprintln(d.errs, "    "+oneLine(strings.TrimRight(line, "\n")))
		}
		if m := e.Media; m != nil && !m.Here {
			fmt.Fprintf(d.errs, "and a %s that you have not seen.\n", m.Sort)
		}
		d.say("%s", signed.Signed)
		return nil
	})
}

func writeNew(name string, b []byte) error {
	return newFile(name, 0o600, func(f io.Writer) error { _, err := f.Write(b); return err })
}

func (d *door) saveNoticeMedia(ctx context.Context, c *cli.Command) error {
	board, err := arg(c, 0, "a board")
	if err != nil {
		return err
	}
	number, err := arg(c, 1, "the number of a notice")
	if err != nil {
		return err
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return usage("%q is no number of a notice, as `jauap board BOARD` shows them", number)
	}
	name, err := arg(c, 2, "a file to write to")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		m, err := b.NoticeMedia(ctx, api.NoticeMediaAsk{Board: board, Seq: seq})
		if err != nil {
			return err
		}
		return writeNew(name, m.Data)
	})
}

func (d *door) feed(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 1); err != nil {
		return err
	}
	name, do := c.Args().First(), ""
	switch {
	case c.Bool("off"):
		do = "off"
	case c.Bool("new"):
		do = "new"
	}
	return d.with(ctx, c, func(b api.Backend) error {
		f, err := b.Feed(ctx, api.FeedAsk{Do: do})
		if err != nil || do == "off" {
			return err
		}
		boards, err := b.Boards(ctx)
		if err != nil {
			return err
		}
		out, id := web.Feed{ID: f.ID, Title: "Public boards"}, ""
		for _, x := range boards {
			if name != "" && x.ID != name && !strings.EqualFold(x.Name, name) && (len(name) < 4 || !strings.HasPrefix(x.ID, name)) || name == "" && x.Muted {
				continue
			}
			list, err := b.Notices(ctx, x.ID)
			if err != nil {
				return err
			}
			if out.Boards = append(out.Boards, web.FeedBoard{Board: x, Notices: list}); name != "" {
				out.ID, out.Title, id = x.ID, x.Name, x.ID
			}
		}
		if name != "" && len(out.Boards) != 1 {
			return fmt.Errorf("%w: not one board is called %q; `jauap board` lists them", api.ErrNotFound, name)
		}
		if !c.Bool("address") && do == "" {
			return web.WriteFeed(d.out, out)
		}
		if f.Key == "" {
			if f, err = b.Feed(ctx, api.FeedAsk{Do: "new"}); err != nil {
				return err
			}
		}
		d.say("%s", f.Address(f.At, id))
		return nil
	})
}
