package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

func codeCommands(d *door) []*cli.Command {
	return []*cli.Command{{
		Name: "qr", Category: "network", Usage: "letters from this screen to a camera, or from pictures of such a screen",
		Commands: []*cli.Command{
			{
				Name: "show", Usage: "show what is carried as QR codes: one, or a series that repeats",
				Description: "In a terminal until interrupted; with --file as a GIF that moves by itself, with\n" +
					"--frames as one PNG for each code.",
				Flags: []cli.Flag{
					jsonFlag(),
					&cli.StringFlag{Name: "file", Usage: "write a moving GIF", Local: true},
					&cli.StringFlag{Name: "frames", Usage: "write PNG pictures into this folder", Local: true},
					&cli.StringFlag{Name: "max", Usage: "at most so much, up to 100kB", Local: true},
					&cli.BoolFlag{Name: "still", Usage: "one code with the shortest letters, such as a word that one is safe", Local: true},
					&cli.BoolFlag{Name: "coarse", Usage: "larger modules and more frames, for weak cameras", Local: true},
				},
				Action: d.showCodes,
			},
			{
				Name: "read", Usage: "take letters from pictures of codes", ArgsUsage: "FILE|FOLDER…",
				Description: "PNG, JPEG, moving GIF, or JPEG after JPEG (MJPEG). Other films need ffmpeg, which takes\n" +
					"them apart; nothing of them is kept.",
				Flags:  []cli.Flag{jsonFlag()},
				Action: d.readCodes,
			},
		},
	}}
}

func (d *door) showCodes(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	file, frames := c.String("file"), c.String("frames")
	terminal := file == "" && frames == "" && !c.Bool("json")
	ask := api.CodesAsk{Coarse: c.Bool("coarse") || terminal, Still: c.Bool("still")}
	if s := c.String("max"); s != "" {
		var err error
		if ask.Max, err = config.ParseBytes(s); err != nil {
			return usageError{err}
		}
	}
	return d.with(ctx, c, func(b api.Backend) error {
		codes, err := b.ShowCodes(ctx, ask)
		if err != nil {
			return err
		}
		g, err := gif.DecodeAll(bytes.NewReader(codes.Picture))
		if err != nil {
			return err
		}
		if file != "" {
			err = os.WriteFile(file, enlarge(g), 0o600)
		}
		if frames != "" {
			err = errors.Join(err, writeFrames(frames, g))
		}
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return d.json(codes)
		}
		if terminal {
			return d.play(ctx, g, codes)
		}
		d.say("%d envelopes (%s) in %d codes; a camera must see %d of them.", codes.Envelopes, config.FormatBytes(codes.Bytes), codes.Frames, codes.Needed)
		return nil
	})
}

// pictureScale is pixels to a module's side in files.
const pictureScale = 5

func enlarge(g *gif.GIF) []byte {
	for i, img := range g.Image {
		g.Image[i] = scaled(img, pictureScale)
	}
	g.Config.Width, g.Config.Height = g.Config.Width*pictureScale, g.Config.Height*pictureScale
	var b bytes.Buffer
	if gif.EncodeAll(&b, g) != nil { // a buffer takes everything
		return nil
	}
	return b.Bytes()
}

func writeFrames(dir string, g *gif.GIF) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for i, img := range g.Image {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%05d.png", i+1)), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		if err := errors.Join(png.Encode(f, scaled(img, pictureScale)), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// play shows codes in a terminal, two modules in a character, until ctx ends.
func (d *door) play(ctx context.Context, g *gif.GIF, codes api.Codes) error {
	side := g.Config.Width
	f, ok := d.out.(*os.File)
	moves := ok && term.IsTerminal(int(f.Fd()))
	if moves {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && (w < side || h < side/2+2) {
			return usage("this terminal is too small: %d by %d characters are needed; make it larger, or use --file", side, side/2+2)
		}
	} else if len(g.Image) > 1 {
		return usage("several codes need a terminal, --file or --frames")
	}
	for i := 0; ; i = (i + 1) % len(g.Image) {
		var b strings.Builder
		if moves {
			b.WriteString("\x1b[H\x1b[2J")
		}
		for y := 0; y < side; y += 2 {
			// Black on white whatever the terminal's colours are.
			b.WriteString("\x1b[30;107m")
			for x := range side {
				up, low := g.Image[i].ColorIndexAt(x, y) == 1, y+1 < side && g.Image[i].ColorIndexAt(x, y+1) == 1
				b.WriteString(map[[2]bool]string{{false, false}: " ", {true, false}: "▀", {false, true}: "▄", {true, true}: "█"}[[2]bool{up, low}])
			}
			b.WriteString("\x1b[0m\n")
		}
		d.say("%s%d envelopes, %d of %d codes are needed; end with Ctrl-C", b.String(), codes.Envelopes, codes.Needed, codes.Frames)
		if len(g.Image) == 1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second / time.Duration(codes.PerSecond)):
		}
	}
}

func (d *door) readCodes(ctx context.Context, c *cli.Command) error {
	names, err := pictures(c.Args().Slice())
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		var sum api.CodesSeen
		for _, name := range names {
			err := lookInto(ctx, b, name, &sum)
			if errors.Is(err, errNoPicture) && len(names) > 1 {
				continue // something else lies in the folder
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if c.Bool("json") {
			return d.json(sum)
		}
		d.say("Read %d codes in %d pictures: took %d envelopes (%d letters for you).", sum.Codes, sum.Frames, sum.Read, sum.Opened)
		if sum.Need > 0 {
			d.say("A series is not complete: %d of %d codes are here. Film it longer; what is here is kept for an hour while `jauap` runs.", sum.Have, sum.Need)
		}
		return nil
	})
}

// pictures are the files that arguments name, and those in folders, by name.
func pictures(args []string) (names []string, err error) {
	if len(args) == 0 {
		return nil, usage("qr read: a picture or a folder of pictures is missing")
	}
	for _, a := range args {
		info, err := os.Stat(a)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			names = append(names, a)
			continue
		}
		list, err := os.ReadDir(a)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if e.Type().IsRegular() {
				names = append(names, filepath.Join(a, e.Name()))
			}
		}
	}
	if len(names) == 0 {
		return nil, usage("qr read: there is no picture in %s", strings.Join(args, " "))
	}
	slices.Sort(names)
	return names, nil
}

// scaled draws a picture larger, each pixel a square.
func scaled(img *image.Paletted, n int) *image.Paletted {
	b := img.Bounds()
	out := image.NewPaletted(image.Rect(0, 0, b.Dx()*n, b.Dy()*n), img.Palette)
	for y := range b.Dy() * n {
		for x := range b.Dx() * n {
			out.Pix[y*out.Stride+x] = img.ColorIndexAt(b.Min.X+x/n, b.Min.Y+y/n)
		}
	}
	return out
}
