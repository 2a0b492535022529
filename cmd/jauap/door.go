package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

// door is what all commands share: where to read and write, and the way to
// the node.
type door struct {
	in        io.Reader
	out, errs io.Writer
}

// with runs f with this profile's node: through its local door when it is up,
// else opened here for the moment.
func (d *door) with(ctx context.Context, c *cli.Command, f func(api.Backend) error) error {
	var o daemon.Options
	return d.reach(ctx, c, func(node *api.Client) error { return f(node) }, func() (err error) {
		if o.Dir == "" {
			if o, err = d.options(c); err != nil {
				return err
			}
		}
		node, err := daemon.Open(o)
		if err != nil {
			return err
		}
		return errors.Join(f(node), node.Close())
	})
}

// reach asks the node that runs, or does it alone when none does. While another command
// is at it, or a node is just starting, it waits.
func (d *door) reach(ctx context.Context, c *cli.Command, node func(*api.Client) error, alone func() error) error {
	for begin := time.Now(); ; {
		client, err := api.Dial(ctx, c.String("data"))
		if err == nil {
			return node(client)
		}
		if !errors.Is(err, api.ErrNoDoor) {
			return err
		}
		if err = alone(); !errors.Is(err, daemon.ErrInUse) || time.Since(begin) > busyFor {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(busyStep):
		}
	}
}

// How long a command waits for another one on the same data, and how often it
// looks.
const (
	busyFor  = 20 * time.Second
	busyStep = 50 * time.Millisecond
)

func (d *door) options(c *cli.Command) (daemon.Options, error) {
	dir := c.String("data")
	if !daemon.Exists(dir) {
		return daemon.Options{}, fmt.Errorf("%w (%s)", daemon.ErrNoProfile, dir)
	}
	cfg, err := d.config(dir)
	if err != nil {
		return daemon.Options{}, err
	}
	o := daemon.Options{Dir: dir, Config: cfg, TrustClock: c.Bool("trust-clock"), Log: d.logger(c)}
	if daemon.NeedsPassphrase(dir) {
		o.Passphrase, err = d.passphrase(c, "Passphrase: ")
	}
	return o, err
}

func (d *door) config(dir string) (config.Config, error) {
	cfg, err := daemon.LoadConfig(dir)
	if errors.Is(err, config.ErrSyntax) {
		err = usageError{err}
	}
	return cfg, err
}

func (d *door) logger(c *cli.Command) *slog.Logger {
	if !c.Bool("verbose") {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(d.errs, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// passphrase comes from the file, the environment or a person at a terminal.
func (d *door) passphrase(c *cli.Command, prompt string) ([]byte, error) {
	if name := c.String("passphrase-file"); name != "" {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("passphrase file: %w", err)
		}
		if b = bytes.TrimRight(b, "\r\n"); len(b) == 0 {
			return nil, usage("the passphrase file %s is empty", name)
		}
		return b, nil
	}
	if p := os.Getenv("JAUAP_PASSPHRASE"); p != "" {
		return []byte(p), nil
	}
	return d.prompt(prompt, "set JAUAP_PASSPHRASE, give --passphrase-file, or run in a terminal (for a profile without one: init --no-passphrase)")
}

// prompt asks a person at a terminal; else says what to do.
func (d *door) prompt(words, do string) ([]byte, error) {
	f, ok := d.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, usage("a passphrase is needed: %s", do)
	}
	fmt.Fprint(d.errs, words)
	b, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(d.errs)
	return b, err
}

// json writes v for scripts.
func (d *door) json(v any) error {
	enc := json.NewEncoder(d.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (d *door) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "answer in JSON", Local: true}
}

// line writes v on one line, for streams of several.
func (d *door) line(v any) error {
	enc := json.NewEncoder(d.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// age says how long ago t was, for a person.
func age(t *time.Time) string {
	if t == nil {
		return "not known"
	}
	switch d := time.Since(*t); {
	case d < -time.Minute:
		return t.Local().Format("2006-01-02 15:04")
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// arg is the n-th argument or a usage error that names it.
func arg(c *cli.Command, n int, what string) (string, error) {
	if c.Args().Len() <= n || strings.TrimSpace(c.Args().Get(n)) == "" {
		return "", usage("%s: %s is missing", c.Name, what)
	}
	return c.Args().Get(n), nil
}

func tooMany(c *cli.Command, most int) error {
	if c.Args().Len() > most {
		return usage("%s: too many words, from %q on", c.Name, c.Args().Get(most))
	}
	return nil
}
