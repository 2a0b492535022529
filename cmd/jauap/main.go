package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

// Exit codes, a contract with scripts.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A small socket buffer is no news for the person at the terminal.
	os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	os.Exit(run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// usageError marks a call whose words are wrong.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// run is main without the process around it.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	d := &door{in: in, out: out, errs: errs}
	app := commands(d)
	app.Reader, app.Writer, app.ErrWriter = in, out, errs
	app.ExitErrHandler = func(context.Context, *cli.Command, error) {}
	setUsage(app)
	err := app.Run(ctx, args)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(errs, "jauap: "+err.Error())
	if errors.Is(err, api.ErrUnknownPerson) {
		fmt.Fprintln(errs, "`jauap people` lists whom you can write to; `jauap invite` and `jauap accept` add somebody.")
	}
	var wrong usageError
	if errors.As(err, &wrong) || errors.Is(err, api.ErrUsage) || errors.Is(err, api.ErrBadInvite) || errors.Is(err, api.ErrMistyped) {
		fmt.Fprintln(errs, "See `jauap help`.")
		return exitUsage
	}
	return exitFailed
}

// setUsage makes every wrong flag a usage error, in all commands.
func setUsage(c *cli.Command) {
	c.OnUsageError = func(_ context.Context, _ *cli.Command, err error, _ bool) error { return usageError{err} }
	for _, sub := range c.Commands {
		setUsage(sub)
	}
}

func commands(d *door) *cli.Command {
	return &cli.Command{
		Name:    "jauap",
		Version: "0.1.0-dev",
		Usage:   "gets an answer from a place that no longer responds",
		Description: "Letters are sealed on this device, carried by whatever still exists (a neighbour's\n" +
			"phone, a stick, a relay that answers for seconds) and opened only by their reader.\n" +
			"`jauap` alone starts this device's node and opens its page.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "folder of this profile", Value: defaultData(), Sources: cli.EnvVars("JAUAP_DATA")},
			&cli.StringFlag{Name: "passphrase-file", Usage: "read the passphrase from this file (or set JAUAP_PASSPHRASE)"},
			&cli.BoolFlag{Name: "trust-clock", Usage: "this device's clock is right, whatever it said before"},
			&cli.BoolFlag{Name: "verbose", Usage: "say more on standard error"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usage("there is no command %q", c.Args().First())
			}
			return d.up(ctx, c, true)
		},
		Commands: slices.Concat(personCommands(d), lockCommands(d), phraseCommands(d), wipeCommands(d), callCommands(d), safeCommands(d), letterCommands(d), talkCommands(d), groupCommands(d), netCommands(d), airCommands(d), bundleCommands(d), codeCommands(d), nearCommands(d), relayCommands(d), inquiryCommands(d), boardCommands(d), inboxCommands(d), deskCommands(d), evidenceCommands(d), showCommands(d)),
	}
}

// defaultData is the system's place for data of programs.
func defaultData() string {
	home, err := os.UserHomeDir()
	switch {
	case runtime.GOOS == "windows" || runtime.GOOS == "darwin" || err != nil:
		if dir, err := os.UserConfigDir(); err == nil {
			return filepath.Join(dir, "Jauap")
		}
		return "jauap-data"
	case os.Getenv("XDG_DATA_HOME") != "":
		return filepath.Join(os.Getenv("XDG_DATA_HOME"), "jauap")
	}
	return filepath.Join(home, ".local", "share", "jauap")
}
