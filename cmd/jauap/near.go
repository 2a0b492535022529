package main

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v3"
	"rsc.io/qr"

	"github.com/jauap/jauap/web/api"
)

func nearCommands(d *door) []*cli.Command {
	return []*cli.Command{{
		Name: "meet", Category: "network", Usage: "call a device on the same network by its address", ArgsUsage: "[ADDRESS]",
		Description: "Devices on one network find each other by themselves. Where they do not, type here what the\n" +
			"other one says: 192.168.1.5:40123, or [fe80::1%wlan0]:40123, or the text of its QR code.\n" +
			"Without ADDRESS it says where this device is reached.",
		Flags:  []cli.Flag{jsonFlag()},
		Action: d.meet,
	}}
}

func (d *door) meet(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 1); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		if c.NArg() == 0 {
			return d.here(ctx, c, b)
		}
		met, err := b.Meet(ctx, api.MeetAsk{Addr: c.Args().First()})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, met))
		}
		if met.Who != "" {
			d.say("meeting %s at %s", met.Who, met.Addr)
			return nil
		}
		d.say("meeting a device at %s; it is nobody's of your contacts, or does not know you yet", met.Addr)
		return nil
	})
}

func (d *door) here(ctx context.Context, c *cli.Command, b api.Backend) error {
	h, err := b.Here(ctx)
	if err != nil || c.Bool("json") {
		return errors.Join(err, d.jsonIf(err, h))
	}
	for _, a := range h.Addrs {
		d.say("%s", a)
	}
	if h.Code != "" {
		code, err := qr.Encode(h.Code, qr.L)
		if err != nil {
			return err
		}
		d.say("%s", drawn(code.Size, code.Black))
	}
	for _, w := range h.Why {
		d.say("note: %s", w)
	}
	return nil
}

// drawn is a QR code in a terminal, two modules in a character, with its quiet zone.
func drawn(size int, black func(x, y int) bool) string {
	const quiet = 2
	var b strings.Builder
	for y := -quiet; y < size+quiet; y += 2 {
		// Black on white whatever the terminal's colours are.
		b.WriteString("\x1b[30;107m")
		for x := -quiet; x < size+quiet; x++ {
			b.WriteString(map[[2]bool]string{{false, false}: " ", {true, false}: "▀", {false, true}: "▄", {true, true}: "█"}[[2]bool{black(x, y), black(x, y+1)}])
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}
