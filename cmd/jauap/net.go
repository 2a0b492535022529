package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/lock"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/web/api"
)

func netCommands(d *door) []*cli.Command {
	return []*cli.Command{
		{
			Name: "up", Category: "network", Usage: "run this device's node until interrupted",
			DisableSliceFlagSeparator: true, // commas stand in the addresses of bundle nodes
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "listen", Usage: "where neighbours reach me, host:port, or off", Local: true},
				&cli.StringSliceFlag{Name: "link", Usage: "a neighbour to call, host:port", Local: true},
				&cli.StringSliceFlag{Name: "relay", Usage: "a relay, https://host:port/#key", Local: true},
				&cli.StringSliceFlag{Name: "dns", Usage: "a tunnel through name servers where nothing else passes, ZONE#KEY, or ZONE#KEY@RESOLVER to ask another than the system's", Local: true},
				&cli.StringSliceFlag{Name: "tune", Usage: "a broadcast to listen to, ip:port, or off", Local: true},
				&cli.StringFlag{Name: "serial", Usage: "a radio modem: PORT,kiss|rnode|meshcore,key=value,… such as /dev/ttyUSB0,rnode,freq=868.1,sf=8 (docs/carriers.md)", Local: true},
				&cli.StringSliceFlag{Name: "bp", Usage: "a bundle node (DTN) that carries mail: tcpcl://host:4556,to=EID,as=EID; mtcp:// or stcp://; ,listen to be called (see jauap bp)", Local: true},
				&cli.StringSliceFlag{Name: "folder", Usage: "a folder that other programs synchronise", Local: true},
				&cli.StringFlag{Name: "sticks", Usage: "known, any or off: visit sticks by themselves when plugged in (Linux)", Local: true},
				&cli.BoolFlag{Name: "tor", Usage: "go to relays through Tor: the one that runs here, or the installed one, started by this node", Local: true},
				&cli.StringSliceFlag{Name: "tor-bridge", Usage: "a bridge for a Tor that this node starts; snowflake needs snowflake-client", Local: true},
				&cli.StringFlag{Name: "page", Usage: "where the page opens, loopback only", Local: true},
				&cli.BoolFlag{Name: "save", Usage: "keep these settings in jauap.conf for the next time", Local: true},
				&cli.BoolFlag{Name: "locked", Usage: "begin locked: carry letters, and open the profile on the page or with jauap unlock", Local: true},
				&cli.BoolFlag{Name: "no-browser", Usage: "print the page's address and leave it at that", Local: true},
				&cli.BoolFlag{Name: "no-multicast", Usage: "do not announce on the local network", Local: true},
				&cli.BoolFlag{Name: "no-sweep", Usage: "do not ask the addresses of the local network one by one where nobody is heard", Local: true},
				&cli.StringFlag{Name: "receipts", Usage: "late, prompt or off", Local: true},
				&cli.StringFlag{Name: "metered", Usage: "what links to relays may cost, such as 5MB/day or 1GB/month, or off", Local: true},
				&cli.StringFlag{Name: "metered-order", Usage: "what goes over such links: texts, photos or all", Local: true},
				&cli.DurationFlag{Name: "poll", Usage: "how often a silent relay is tried", Local: true},
			},
			Action: func(ctx context.Context, c *cli.Command) error { return d.up(ctx, c, !c.Bool("no-browser")) },
		},
		{Name: "status", Category: "network", Usage: "is anything open, what waits, what is carried", Flags: []cli.Flag{jsonFlag()}, Action: d.status},
		{
			Name: "carry", Category: "network", Usage: "even out with a folder or stick", ArgsUsage: "PATH",
			Description: "Takes what lies there and leaves what is carried here, most urgent first, with spare files\n" +
				"that bring back a tenth of it should it rot or get lost. Pull it out whenever you like: what\n" +
				"was written before is whole. Two devices may use one folder at once.",
			Flags:  []cli.Flag{jsonFlag(), &cli.StringFlag{Name: "max", Usage: "write at most so much, such as 500MB", Local: true}},
			Action: d.carry,
		},
		{
			Name: "relay", Category: "network", Usage: "run a relay, abroad, for everybody who has its address",
			Flags: []cli.Flag{
				&cli.StringSliceFlag{Name: "listen", Usage: "host:port, by TCP and UDP; may be repeated", Value: []string{":443"}, Local: true},
				&cli.BoolFlag{Name: "ports", Usage: "answer on the odd ports, too: " + oddPorts(), Local: true},
				&cli.StringFlag{Name: "public", Usage: "host:port that others use, if it differs", Local: true},
				&cli.StringFlag{Name: "dns", Usage: "also answer as the name server of --dns-zone, host:port by UDP, such as :53", Local: true},
				&cli.StringFlag{Name: "dns-zone", Usage: "a zone delegated to this machine, best of at most 16 characters, such as t.example.org", Local: true},
				&cli.StringFlag{Name: "box", Usage: "embedded", Value: "embedded", Local: true},
				&cli.StringFlag{Name: "quota", Usage: "disk space", Value: "20GB", Local: true},
				&cli.IntFlag{Name: "postage", Usage: "tokens a day for one network (a /24, or a /48 of IPv6): letters that have one go before other strangers'; 0 for none", Value: 200, Local: true},
				&cli.BoolFlag{Name: "restored", Usage: "the data was put back from a backup: let every client list it once", Local: true},
			},
			Action: d.relay,
		},
	}
}

func (d *door) up(ctx context.Context, c *cli.Command, browser bool) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	heir, err := lock.Inherit()
	if err != nil {
		return err
	}
	if heir == nil {
		if running, err := api.Dial(ctx, c.String("data")); err == nil {
			return d.again(ctx, running, browser)
		}
	}
	o, err := d.upOptions(c, heir != nil)
	if err != nil {
		return err
	}
	o.Erasable = true
	if err := overrides(c, &o.Config); err != nil {
		return err
	}
	if c.Bool("save") {
		if err := daemon.SaveConfig(o.Dir, o.Config); err != nil {
			return err
		}
	}
	s, err := lock.Serve(o, heir)
	if err != nil {
		return err
	}
	if heir != nil {
		return d.rest(ctx, s)
	}
	url, err := s.Page(ctx)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	d.say("page %s", url)
	if browser {
		openBrowser(url)
	}
	select {
	case <-s.Opened():
	case err := <-s.Failed():
		return errors.Join(err, s.Close())
	case <-ctx.Done():
		return s.Close()
	}
	if a := s.ListenAddr(); a != "" {
		d.say("listening %s", a)
	}
	for _, port := range absent(o.Config.Serial) {
		fmt.Fprintf(d.errs, "There is no modem at %s yet; it is used as soon as it is plugged in.\n", port)
	}
	return d.rest(ctx, s)
}

// upOptions are those of a node that runs. Without a passphrase it begins locked,
// and without a profile on the page.
func (d *door) upOptions(c *cli.Command, locked bool) (daemon.Options, error) {
	locked = locked || c.Bool("locked")
	if locked || d.byPage(c) {
		dir := c.String("data")
		if locked && !(daemon.Exists(dir) && daemon.NeedsPassphrase(dir)) {
			return daemon.Options{}, usage("--locked: there is no profile with a passphrase in %s", dir)
		}
		cfg, err := d.config(dir)
		return daemon.Options{Dir: dir, Config: cfg, TrustClock: c.Bool("trust-clock"), Locked: locked, Log: d.logger(c)}, err
	}
	if err := d.firstRun(c); err != nil {
		return daemon.Options{}, err
	}
	return d.options(c)
}

// byPage tells whether a person makes or opens the profile on the page: `jauap`
// alone, and nobody gave a passphrase or could be asked for one here.
func (d *door) byPage(c *cli.Command) bool {
	dir := c.String("data")
	if c.Name != "jauap" || c.String("passphrase-file") != "" || os.Getenv("JAUAP_PASSPHRASE") != "" {
		return false
	}
	if !daemon.Exists(dir) {
		return true
	}
	f, ok := d.in.(*os.File)
	return daemon.NeedsPassphrase(dir) && !(ok && term.IsTerminal(int(f.Fd())))
}

// rest waits for the end: the person's word, or that the profile was erased.
func (d *door) rest(ctx context.Context, node *lock.Server) error {
	small()
	// Once more when the first rounds over shelf and vault are done.
	later := time.AfterFunc(settled, debug.FreeOSMemory)
	defer later.Stop()
	select {
	case <-ctx.Done():
		return node.Close()
	case err := <-node.Failed():
		return errors.Join(err, node.Close())
	case <-node.Gone():
		if err := node.Close(); err != nil {
			return err
		}
		fmt.Fprintln(d.errs, "The profile is erased; this node has ended.")
		return nil
	}
}

// settled is how long the start of a node keeps it busy, with a large shelf.
const settled = 10 * time.Second

// small makes a process that mostly waits give memory back: its heap is an
// index that hardly changes, so collecting more often costs little.
func small() {
	debug.SetGCPercent(40)
	debug.FreeOSMemory()
}

// again shows the page of the node that is up already.
func (d *door) again(ctx context.Context, running *api.Client, browser bool) error {
	url, err := running.Page(ctx)
	if err != nil {
		return err
	}
	d.say("page %s", url)
	fmt.Fprintln(d.errs, "Jauap is running on this data already; this is its page.")
	if browser {
		openBrowser(url)
	}
	return nil
}

// firstRun makes a pseudonym when a person starts Jauap for the first time.
func (d *door) firstRun(c *cli.Command) error {
	dir := c.String("data")
	if daemon.Exists(dir) || c.Name != "jauap" {
		return nil
	}
	fmt.Fprintln(d.errs, "Welcome. This device has no Jauap profile yet; a passphrase will protect its letters.")
	pass, err := d.newPassphrase(c)
	if err != nil {
		return err
	}
	return daemon.Init(dir, "", pass, nil)
}

func overrides(c *cli.Command, cfg *config.Config) error {
	text := ""
	for _, name := range []string{"listen", "page", "receipts", "metered", "metered-order", "serial", "sticks"} {
		if c.IsSet(name) {
			text += name + " = " + c.String(name) + "\n"
		}
	}
	if c.IsSet("poll") {
		text += "poll = " + c.Duration("poll").String() + "\n"
	}
	if c.Bool("no-multicast") {
		text += "multicast = off\n"
	}
	if c.Bool("no-sweep") {
		text += "sweep = off\n"
	}
	for _, l := range c.StringSlice("link") {
		text += "link = " + l + "\n"
	}
	for _, f := range c.StringSlice("folder") {
		if abs, err := filepath.Abs(f); err == nil {
			text += "folder = " + abs + "\n"
		}
	}
	for _, r := range c.StringSlice("relay") {
		text += "relay = " + r + "\n"
	}
	if c.IsSet("tune") {
		cfg.Tune = nil
	}
	if c.Bool("tor") {
		text += "tor = on\n"
	}
	for _, b := range c.StringSlice("tor-bridge") {
		text += "tor-bridge = " + b + "\n"
	}
	for _, b := range c.StringSlice("bp") {
		text += "bp = " + b + "\n"
	}
	for _, t := range c.StringSlice("dns") {
		text += "dns = " + t + "\n"
	}
	for _, t := range c.StringSlice("tune") {
		text += "tune = " + t + "\n"
	}
	if err := cfg.Add(text); err != nil {
		return usageError{err}
	}
	host, _, err := net.SplitHostPort(cfg.Page)
	if ip := net.ParseIP(host); err != nil || (host != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return usage("the page opens on loopback only, such as 127.0.0.1:7727, not on %q", cfg.Page)
	}
	return nil
}

// openBrowser tries to show the page; the address is printed anyway.
func openBrowser(url string) {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	case "android":
		return
	default:
		if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
			return
		}
	}
	if cmd := exec.Command(name, args...); cmd.Start() == nil {
		go cmd.Wait()
	}
}

func (d *door) status(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		s, err := b.Status(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, s))
		}
		if s.Lock != nil && s.Lock.Locked {
			d.say("locked    letters are carried, and yours wait unopened: `jauap unlock` opens them")
		}
		d.say("network   %s, since %s", s.Network.State, age(s.Network.Since))
		if line := outlook(s); line != "" {
			d.say("outlook   %s", line)
		}
		if s.Lock == nil || !s.Lock.Locked { // else nobody can tell
			d.say("waiting   %d letters have not left this device (something last left: %s)", s.Waiting, age(s.LeftAt))
		}
		d.say("shelf     %d envelopes, %s of %s", s.Shelf.Envelopes, config.FormatBytes(s.Shelf.Bytes), config.FormatBytes(s.Shelf.Quota))
		if line := torLine(s.Tor); line != "" {
			d.say("tor       %s", line)
		}
		d.sayPostage(s)
		if m := s.Metered; m != nil {
			d.say("metered   %s of %s left this %s for relays (%s)", config.FormatBytes(m.Left), config.FormatBytes(m.Budget), m.Per, m.Order)
		}
		for _, l := range s.Links {
			who := l.Addr
			if l.Who != "" {
				who += " (" + l.Who + ")"
			}
			d.say("link      %s %s %s, %s %s%s", l.Kind, who, l.State, age(l.Since), l.Error, airtime(l.Airtime))
			d.sayTried(l)
			if text := faultText(l.Fault); text != "" {
				d.say("          %s", text)
			}
		}
		for _, w := range s.Windows[max(0, len(s.Windows)-10):] {
			to := "now"
			if w.To != nil {
				to = w.To.Local().Format("15:04:05")
			}
			d.say("window    %s to %s: %d envelopes sent, %d received (%s out, %s in)", w.From.Local().Format("2 Jan 15:04:05"), to,
				w.Sent, w.Received, config.FormatBytes(w.Out), config.FormatBytes(w.In))
		}
		if s.Clock != "" {
			d.say("clock     %s", s.Clock)
		}
		for _, t := range s.Trouble {
			d.say("trouble   %s", t)
		}
		return nil
	})
}

// sayPostage tells how many tokens there are, and whose count here.
func (d *door) sayPostage(s api.Status) {
	p := s.Postage
	if p == nil {
		return
	}
	tokens := fmt.Sprintf("%d tokens", p.Tokens)
	if s.Lock != nil && s.Lock.Locked {
		tokens = "nobody can tell how many tokens"
	}
	d.say("postage   %s; %d keys of relays are honoured", tokens, len(p.Issuers))
}

// torLine tells of a Tor that could be used; one that is in use is a link.
func torLine(t *api.Tor) string {
	switch {
	case t == nil || t.Used:
		return ""
	case t.Running != "":
		return "runs at " + plain(t.Running) + "; `jauap up --tor` goes to relays through it"
	case t.Snowflake:
		return "is installed, snowflake-client too; `jauap up --tor` starts it"
	}
	return "is installed; `jauap up --tor` starts it"
}

// sayTried tells by which way a relay is reached, what answered in its place on
// others, and how many ways were silent.
func (d *door) sayTried(l api.Link) {
	if l.Transport != "" && l.State == "up" {
		d.say("          by %s, port %d", l.Transport, l.Port)
	}
	var silent []string
	for _, t := range l.Tried {
		at := fmt.Sprintf("%s %d", t.Transport, t.Port)
		switch {
		case t.Answered:
		case t.Instead != "":
			d.say("          on %s: %s", at, plain(t.Instead))
		default:
			silent = append(silent, at)
		}
	}
	if len(silent) > 0 {
		d.say("          no answer on %s", strings.Join(silent, ", "))
	}
}

// outlook is one line about the window that is open, or about the next one:
// "12 of 40 sent, 3 received; usually closes between 12:00 and 16:00".
func outlook(s api.Status) string {
	var parts []string
	usually := func(what string, h *api.Hours) {
		if h != nil {
			parts = append(parts, fmt.Sprintf("usually %s between %s and %s", what, h.From, h.To))
		}
	}
	f := s.Forecast
	if f == nil {
		f = &api.Forecast{}
	}
	if p := s.Progress; p != nil {
		parts = append(parts, fmt.Sprintf("%d of %d sent, %d received", p.Sent, p.Total, p.Received))
		usually("closes", f.Closes)
	} else {
		usually("opens", f.Opens)
		usually("closes", f.Closes)
	}
	return strings.Join(parts, "; ")
}

func (d *door) carry(ctx context.Context, c *cli.Command) error {
	path, err := arg(c, 0, "the folder")
	if err != nil {
		return err
	}
	if err := tooMany(c, 1); err != nil {
		return err
	}
	// The node may run in another folder.
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	ask := api.CarryAsk{Path: path}
	if s := c.String("max"); s != "" {
		if ask.Max, err = config.ParseBytes(s); err != nil {
			return usageError{err}
		}
	}
	return d.with(ctx, c, func(b api.Backend) error {
		stop := d.watchVisit(ctx, b)
		haul, err := b.Carry(ctx, ask)
		stop()
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, haul))
		}
		d.say("Took %d envelopes (%d letters for you), left %d (%s).", haul.Read, haul.Opened, haul.Written, config.FormatBytes(haul.Bytes))
		if haul.ReadOnly {
			d.say("  It is write-protected: nothing could be left there.")
		}
		if haul.Full {
			d.say("  It is full: the rest waits for another one.")
		}
		for _, n := range haul.Notes {
			d.say("  %s", plain(n))
		}
		return nil
	})
}

// oddPorts lists the ports for the help.
func oddPorts() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(relay.OddPorts()), " ", ", "), "[]")
}

// relayData keeps a relay apart from the person on the same machine.
func relayData(c *cli.Command) string {
	if c.IsSet("data") {
		return c.String("data")
	}
	return c.String("data") + "-relay"
}

func (d *door) relay(ctx context.Context, c *cli.Command) error {
	if c.String("box") != "embedded" {
		return usage("--box %s: only the embedded box exists in this version", c.String("box"))
	}
	quota, err := config.ParseBytes(c.String("quota"))
	if err != nil {
		return usageError{err}
	}
	if c.IsSet("dns") != c.IsSet("dns-zone") {
		return usage("--dns and --dns-zone belong together: where to answer, and for which zone")
	}
	if c.Int("postage") < 0 {
		return usage("--postage %d: give how many tokens a day, or 0 for none", c.Int("postage"))
	}
	listen := c.StringSlice("listen")
	r, err := daemon.OpenRelay(daemon.RelayOptions{
		DNS: c.String("dns"), Zone: c.String("dns-zone"),
		Dir: relayData(c), Listen: listen[0], Also: listen[1:], Odd: c.Bool("ports"),
		Public: c.String("public"), Quota: quota, Restored: c.Bool("restored"), Postage: c.Int("postage"), Log: d.logger(c),
	})
	if err != nil {
		return err
	}
	for _, line := range r.Lines() {
		fmt.Fprintln(d.errs, line)
	}
	d.say("relay %s", r.Addr())
	if a := r.Tunnel(); a != "" {
		d.say("dns %s", a)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = r.Serve(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, r.Close())
}
