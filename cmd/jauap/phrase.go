package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

func phraseCommands(d *door) []*cli.Command {
	return []*cli.Command{{
		Name: "passphrase", Category: "people", Usage: "change this profile's passphrase, or set one for when somebody forces you to open it",
		Description: "With --duress: a second passphrase. Given wherever the first is asked for, on the page, here or\n" +
			"at the start, it erases letters, people and keys for good, the key first, and an empty profile\n" +
			"opens, which carries letters for others. It must be far from the first, and no wrong passphrase\n" +
			"does the same. Nothing on the disk, on the page or in a list tells whether there is one.\n\n" +
			"It protects from who asks at the device, not from who copied the disk before: the copy opens\n" +
			"with the first passphrase. Who examines the disk after it was used can see that the profile is\n" +
			"younger than what it carries. Erasing may be an offence where you live.\n\n" +
			"A changed passphrase takes the one under duress away: set it again. While the node runs a wrong\n" +
			"passphrase here locks the profile.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "duress", Usage: "set the passphrase that erases everything; a profile without a passphrase has none", Local: true},
			&cli.BoolFlag{Name: "off", Usage: "with --duress: no passphrase erases anything", Local: true},
			&cli.StringFlag{Name: "new-file", Usage: "read the new passphrase from this file", Local: true},
		},
		Action: d.phrase,
	}}
}

func (d *door) phrase(ctx context.Context, c *cli.Command) (err error) {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	dir := c.String("data")
	ask := api.PhraseAsk{Duress: c.Bool("duress"), Off: c.Bool("off")}
	switch {
	case ask.Off && !ask.Duress:
		return usage("--off goes with --duress: a passphrase is changed, not taken away")
	case !daemon.Exists(dir):
		return fmt.Errorf("%w (%s)", daemon.ErrNoProfile, dir)
	case daemon.NeedsPassphrase(dir):
		if ask.Now, err = d.passphrase(c, "Your passphrase now: "); err != nil {
			return err
		}
		defer clear(ask.Now)
	case ask.Duress:
		return usage("this profile has no passphrase, so there is none under duress: `jauap passphrase` gives it one, then set this")
	}
	if !ask.Off {
		if ask.New, err = d.newPhrase(c); err != nil {
			return err
		}
		defer clear(ask.New)
	}
	if err := d.rephrase(ctx, c, ask); err != nil {
		return err
	}
	switch {
	case ask.Off:
		d.say("Done: no passphrase erases anything. Nothing here tells whether one did.")
	case ask.Duress:
		d.say("Done. Given in place of yours, it erases everything of you on this device, and an empty profile opens.")
		d.say("Who copied the disk before opens the copy with yours.")
	default:
		d.say("The passphrase is changed. If you want one under duress, set it now: `jauap passphrase --duress`.")
	}
	return nil
}

// rephrase asks the running node, or does it itself.
func (d *door) rephrase(ctx context.Context, c *cli.Command, ask api.PhraseAsk) error {
	return d.reach(ctx, c, func(node *api.Client) error {
		_, err := node.Phrase(ctx, ask)
		if errors.Is(err, api.ErrMismatch) {
			settles(ctx, node)
		}
		return err
	}, func() error {
		cfg, err := d.config(c.String("data"))
		if err != nil {
			return err
		}
		return daemon.Rephrase(daemon.Options{Dir: c.String("data"), Config: cfg, TrustClock: c.Bool("trust-clock"), Log: d.logger(c)}, ask)
	})
}

// newPhrase comes from a file or, twice, from a person.
func (d *door) newPhrase(c *cli.Command) ([]byte, error) {
	if name := c.String("new-file"); name != "" {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("new passphrase: %w", err)
		}
		return bytes.TrimRight(b, "\r\n"), nil
	}
	pass, err := d.prompt("New passphrase (five random words are good): ", "give the new one by --new-file, or run in a terminal")
	if err != nil {
		return nil, err
	}
	again, err := d.prompt("Once more: ", "run in a terminal")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(pass, again) {
		return nil, errors.New("the two passphrases differ: start again")
	}
	return pass, nil
}
