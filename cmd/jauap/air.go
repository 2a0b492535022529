package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

func airCommands(d *door) []*cli.Command {
	return []*cli.Command{
		{
			Name: "broadcast", Category: "network", Usage: "send what is carried one way, to everybody who listens",
			Description: "Without --file it goes round and round over the local network until interrupted.\n" +
				"With --file it is appended to an MPEG transport stream, which a satellite or\n" +
				"television channel can air and a recorder can keep. Nobody can confirm that it\n" +
				"was heard, so no letter counts as carried by it.",
			Flags: []cli.Flag{
				jsonFlag(),
				&cli.StringFlag{Name: "to", Usage: "UDP group or address, ip:port; 239.255.83.18:48732 by default", Local: true},
				&cli.StringFlag{Name: "file", Usage: "append to this transport stream instead", Local: true},
				&cli.StringFlag{Name: "rate", Usage: "bits per second, such as 500kbit or 2Mbit", Value: "2Mbit", Local: true},
				&cli.IntFlag{Name: "rounds", Usage: "how often everything is sent; 0: once into a file, else until interrupted", Local: true},
				&cli.IntFlag{Name: "loss", Usage: "per cent of packets that may get lost in one round, at most 40", Value: 30, Local: true},
				&cli.IntFlag{Name: "pid", Usage: "PID of the stream's sections", Value: 4001, Local: true},
				&cli.StringFlag{Name: "max", Usage: "send at most so much, such as 500MB", Local: true},
			},
			Action: d.broadcast,
		},
		{
			Name: "tune", Category: "network", Usage: "take letters from a broadcast or from a recording of one", ArgsUsage: "[ADDRESS | FILE]",
			Description: "A running node listens to the usual group by itself (setting `tune`). A recording\n" +
				"may be any transport stream that holds a broadcast: whole or in part, with other\n" +
				"programmes beside it.",
			Flags:  []cli.Flag{jsonFlag(), &cli.DurationFlag{Name: "for", Usage: "listen so long, such as 10m; without it until interrupted", Local: true}},
			Action: d.tune,
		},
	}
}

func (d *door) broadcast(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	ask := api.BroadcastAsk{To: c.String("to"), Rounds: c.Int("rounds"), Loss: c.Int("loss"), PID: c.Int("pid")}
	rate, err := parseRate(c.String("rate"))
	if err != nil {
		return usageError{err}
	}
	ask.Rate = int64(rate)
	if s := c.String("max"); s != "" {
		if ask.Max, err = config.ParseBytes(s); err != nil {
			return usageError{err}
		}
	}
	if name := c.String("file"); name != "" {
		// The node may run in another folder.
		if ask.File, err = filepath.Abs(name); err != nil {
			return err
		}
	}
	return d.with(ctx, c, func(b api.Backend) error {
		stop := d.follow(ctx, b, "broadcast")
		done, err := b.Broadcast(ctx, ask)
		stop()
		if err != nil && ctx.Err() != nil && ask.Rounds == 0 {
			return nil // interrupted, as it should be; the last line told how far
		}
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, done))
		}
		d.say("Sent %d envelopes (%s) in %d rounds: %s on the way. Whether anybody heard them is not known.",
			done.Envelopes, config.FormatBytes(done.Bytes), done.Rounds, config.FormatBytes(done.Sent))
		return nil
	})
}

func (d *door) tune(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 1); err != nil {
		return err
	}
	var ask api.TuneAsk
	if what := c.Args().First(); what != "" {
		if _, _, err := splitAddr(what); err == nil {
			ask.From = what
		} else if ask.File, err = filepath.Abs(what); err != nil {
			return err
		}
	}
	if long := c.Duration("for"); long != 0 {
		if ask.Seconds = int(long / time.Second); ask.Seconds < 1 || ask.File != "" {
			return usage("--for is a time to listen to an address, one second or more")
		}
	}
	return d.with(ctx, c, func(b api.Backend) error {
		stop := d.follow(ctx, b, "broadcast")
		haul, err := b.Tune(ctx, ask)
		stop()
		if err != nil && ctx.Err() != nil && ask.File == "" {
			return nil
		}
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, haul))
		}
		d.say("Took %d envelopes (%d letters for you).", haul.Read, haul.Opened)
		for _, n := range haul.Notes {
			d.say("  %s", plain(n))
		}
		return nil
	})
}

// splitAddr tells ip:port from the name of a file.
func splitAddr(s string) (host, port string, err error) {
	i := strings.LastIndex(s, ":")
	if i <= 0 {
		return "", "", errors.New("no address")
	}
	if _, err := strconv.ParseUint(s[i+1:], 10, 16); err != nil {
		return "", "", err
	}
	return s[:i], s[i+1:], nil
}

// followEvery is how often a long command says how far it is.
const followEvery = 2 * time.Second

// follow tells on standard error how far a way of this kind is, until stop.
func (d *door) follow(ctx context.Context, b api.Backend, kind string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(followEvery)
		defer t.Stop()
		last := ""
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-t.C:
			}
			s, err := b.Status(ctx)
			if err != nil {
				continue
			}
			line := fmt.Sprintf("shelf: %d envelopes", s.Shelf.Envelopes)
			for _, l := range s.Links {
				if l.Kind == kind && l.In+l.Out > 0 {
					line += fmt.Sprintf("; %s: %s heard, %s sent", l.Addr, config.FormatBytes(l.In), config.FormatBytes(l.Out))
				}
			}
			if line != last {
				fmt.Fprintln(d.errs, line)
				last = line
			}
		}
	}()
	return func() { close(done); <-ended }
}
