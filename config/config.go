package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrSyntax is wrapped by every error of Parse.
var ErrSyntax = errors.New("config: cannot use this setting")

// Receipts says when this device tells others that their letters arrived.
type Receipts string

const (
	ReceiptsLate   Receipts = "late"   // with the next letter, or alone after 10 minutes to 2 hours
	ReceiptsPrompt Receipts = "prompt" // at once: quick, but a watcher can pair the two letters
	ReceiptsOff    Receipts = "off"    // only with letters that go anyway
)

// Power says what this device is taken to run on.
type Power string

const (
	PowerAuto    Power = "auto"    // what the system says; mains where it does not
	PowerMains   Power = "mains"   // a silent relay is tried at each poll, day and night
	PowerBattery Power = "battery" // seldom, and quickly around the hours when networks are switched
)

// Order says what may go over links that cost money by the byte.
type Order string

const (
	OrderTexts  Order = "texts"  // texts only
	OrderPhotos Order = "photos" // texts, then attachments in pieces of up to 64 kB
	OrderAll    Order = "all"    // everything, the smallest first as always
)

// Metered is the budget for links that cost money by the byte. The zero value is none.
type Metered struct {
	Budget int64 // bytes a day or month; 0 for no limit
	Month  bool  // by the month
	Order  Order
}

// Config holds the settings of one node.
type Config struct {
	Listen    string        // host:port of the LAN link; port 0 picks one; "off" for none
	Multicast bool          // announce and find neighbours on the LAN
	Sweep     bool          // where no multicast is heard, ask the addresses of private networks
	Links     []string      // neighbours to call by address, host:port
	Relays    []string      // relay addresses abroad, https://host:port/#key
	Inland    []string      // relays inside the country, of the same form
	Folders   []string      // that other programs synchronise
	Sticks    Sticks        // which sticks are visited by themselves
	Tune      []string      // broadcasts to listen to, ip:port; "auto", also when empty, or "off"
	DNS       []string      // tunnels through name servers, ZONE#KEY[@RESOLVER,…]
	Serial    []string      // radio modems on serial ports: PORT,kiss|rnode|meshcore,key=value…
	Bundles   []string      // nodes of delay-tolerant networks, tcpcl://host:port and what stands behind it
	Tor       bool          // go to relays through Tor: the one that runs, or the system's own as a child
	Bridges   []string      // for such a child
	Proxy     string        // HTTP or SOCKS 5 proxy for relays, empty for none
	TSA       []string      // time-stamp authorities, asked when a person wants a stamp
	Calendars []string      // of OpenTimestamps, likewise
	Tickets   bool          // let the first packet to a relay carry letters
	Page      string        // host:port of the page, loopback only
	Quota     int64         // bytes of shelf
	Receipts  Receipts      // when to tell others that letters arrived
	Poll      time.Duration // how often to try a relay that does not answer, on mains
	Power     Power         // how eagerly to try
	Metered   Metered       // what links to relays may cost
	Lock      time.Duration // without a person, until a profile with a passphrase locks by itself; 0 for never
}

// Limits.
const (
	MinQuota = 50 << 20 // below this a flood can starve the shelf; security notes in spec/THREATS.md
	maxLine  = 4096
	maxList  = 64
)

// Default is what a node does when nobody said anything.
func Default() Config {
	return Config{
		Listen:    ":0",
		Multicast: true,
		Sweep:     true,
		Sticks:    SticksKnown,
		Page:      "127.0.0.1:7727",
		Quota:     512 << 20,
		Receipts:  ReceiptsLate,
		Tickets:   true,
		Poll:      time.Second,
		Power:     PowerAuto,
		Metered:   Metered{Order: OrderAll},
		Lock:      10 * time.Minute,
	}
}

// Parse reads settings over the defaults. Blank lines and lines that begin
// with # are skipped; "link", "relay",
// "relay-inland", "dns", "folder", "tune", "serial", "tsa" and "calendar" may be
// repeated.
func Parse(r io.Reader) (Config, error) {
	c := Default()
	err := c.read(r)
	return c, err
}

// Add reads settings over those that c has, as Parse reads a file.
func (c *Config) Add(text string) error { return c.read(strings.NewReader(text)) }

func (c *Config) read(r io.Reader) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	n := 0
	for s.Scan() {
		n++
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return fmt.Errorf("%w: line %d: expected key = value", ErrSyntax, n)
		}
		if err := c.set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("%w: line %d: %s", ErrSyntax, n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%w: line %d: %s", ErrSyntax, n+1, err)
	}
	return nil
}

func (c *Config) set(key, value string) (err error) {
	switch key {
	case "listen":
		c.Listen = value
	case "multicast":
		c.Multicast, err = onOff(value)
	case "sweep":
		c.Sweep, err = onOff(value)
	case "link":
		c.Links, err = appendTo(c.Links, value)
	case "relay":
		c.Relays, err = appendTo(c.Relays, value)
	case "relay-inland":
		c.Inland, err = appendTo(c.Inland, value)
	case "folder":
		c.Folders, err = appendTo(c.Folders, value)
	case "sticks":
		c.Sticks, err = parseSticks(value)
	case "tune":
		c.Tune, err = appendTo(c.Tune, value)
	case "dns":
		c.DNS, err = appendTo(c.DNS, value)
	case "serial":
		c.Serial, err = appendTo(c.Serial, value)
	case "bp":
		c.Bundles, err = appendTo(c.Bundles, value)
	case "tor":
		c.Tor, err = onOff(value)
	case "tor-bridge":
		c.Bridges, err = appendTo(c.Bridges, value)
	case "proxy":
		c.Proxy = value
	case "tickets":
		c.Tickets, err = onOff(value)
	case "page":
		c.Page = value
	case "quota":
		c.Quota, err = ParseBytes(value)
		if err == nil && c.Quota < MinQuota {
			err = fmt.Errorf("quota is at least %s, so that a flood cannot starve the mail", FormatBytes(MinQuota))
		}
	case "receipts":
		c.Receipts = Receipts(value)
		if c.Receipts != ReceiptsLate && c.Receipts != ReceiptsPrompt && c.Receipts != ReceiptsOff {
			err = fmt.Errorf("receipts is late, prompt or off, not %q", value)
		}
	case "poll":
		c.Poll, err = time.ParseDuration(value)
		if err != nil || c.Poll < 100*time.Millisecond || c.Poll > time.Hour {
			err = fmt.Errorf("poll is a time between 100ms and 1h, not %q", value)
		}
	case "power":
		c.Power = Power(value)
		if c.Power != PowerAuto && c.Power != PowerMains && c.Power != PowerBattery {
			err = fmt.Errorf("power is auto, mains or battery, not %q", value)
		}
	case "lock":
		c.Lock, err = parseLock(value)
	case "metered":
		err = c.Metered.parse(value)
	case "metered-order":
		c.Metered.Order = Order(value)
		if c.Metered.Order != OrderTexts && c.Metered.Order != OrderPhotos && c.Metered.Order != OrderAll {
			err = fmt.Errorf("metered-order is texts, photos or all, not %q", value)
		}
	default:
		err = c.setWitness(key, value)
	}
	return err
}

// setWitness sets who is asked for time stamps.
func (c *Config) setWitness(key, value string) (err error) {
	switch key {
	case "tsa":
		c.TSA, err = appendTo(c.TSA, value)
	case "calendar":
		c.Calendars, err = appendTo(c.Calendars, value)
	default:
		err = fmt.Errorf("unknown key %q", key)
	}
	return err
}

// TuneAuto is the group to which broadcasts go unless told otherwise.
const TuneAuto = "239.255.83.18:48732"

// Tuned lists the broadcasts to listen to. "auto" is the usual group, where this
// device may be seen on the local network at all.
func (c Config) Tuned() (list []string) {
	for _, t := range c.Tune {
		switch t {
		case "off":
			return nil
		case "auto":
		default:
			list = append(list, t)
		}
	}
	if c.Multicast && (len(c.Tune) == 0 || slices.Contains(c.Tune, "auto")) {
		list = append(list, TuneAuto)
	}
	return list
}

// parse reads a budget such as 5MB/day or 1GB/month; off is none.
func (m *Metered) parse(value string) error {
	if value == "off" {
		m.Budget = 0
		return nil
	}
	size, per, _ := strings.Cut(value, "/")
	n, err := ParseBytes(size)
	if err != nil || n < 10_000 || per != "day" && per != "month" {
		return fmt.Errorf("metered is a budget such as 5MB/day or 1GB/month, from 10kB on, or off, not %q", value)
	}
	m.Budget, m.Month = n, per == "month"
	return nil
}

func (m Metered) String() string {
	switch {
	case m.Budget == 0:
		return "off"
	case m.Month:
		return fmt.Sprintf("%dB/month", m.Budget)
	}
	return fmt.Sprintf("%dB/day", m.Budget)
}

func onOff(value string) (bool, error) {
	switch value {
	case "on", "yes", "true":
		return true, nil
	case "off", "no", "false":
		return false, nil
	}
	return false, fmt.Errorf("expected on or off, not %q", value)
}

func appendTo(list []string, value string) ([]string, error) {
	if value == "" {
		return list, errors.New("expected an address")
	}
	if len(list) == maxList {
		return list, fmt.Errorf("at most %d of these", maxList)
	}
	return append(list, value), nil
}

// ParseBytes reads a number of bytes with an optional kB, MB or GB (powers of
// 1,000).
func ParseBytes(s string) (int64, error) {
	units := []struct {
		suffix string
		factor int64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}, {"", 1}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.factor {
			break
		}
		return n * u.factor, nil
	}
	return 0, fmt.Errorf("expected a size such as 500MB or 2GB, not %q", s)
}

// FormatBytes writes a size for a person.
func FormatBytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

func (c *Config) putWitnesses(put func(why, key, value string)) {
	for _, t := range c.TSA {
		put("A time-stamp authority (RFC 3161), asked only when somebody wants a report stamped.", "tsa", t)
	}
	for _, t := range c.Calendars {
		put("A calendar of OpenTimestamps, asked only when somebody wants a report stamped.", "calendar", t)
	}
}

// Text writes the settings as a file that Parse reads back, each explained.
func (c Config) Text() string {
	var b strings.Builder
	put := func(why, key, value string) {
		fmt.Fprintf(&b, "# %s\n%s = %s\n\n", why, key, value)
	}
	b.WriteString(head + "\n\n")
	put("Where neighbours on the same network reach this device; \"off\" for nowhere.", "listen", c.Listen)
	put("Find neighbours by announcing on the local network: on or off.", "multicast", map[bool]string{true: "on", false: "off"}[c.Multicast])
	put("Where nobody is heard, ask the 254 addresses around this one in private networks, 25 a second, each ten minutes: on or off.", "sweep", map[bool]string{true: "on", false: "off"}[c.Sweep])
	for _, l := range c.Links {
		put("A neighbour to call by address.", "link", l)
	}
	if len(c.Relays) == 0 {
		b.WriteString("# A relay abroad, with its key; may stand several times.\n# relay = https://HOST:PORT/#KEY\n\n")
	}
	for _, r := range c.Relays {
		put("A relay abroad, with its key.", "relay", r)
	}
	for _, r := range c.Inland {
		put("A relay inside the country: its answers do not count as a way abroad.", "relay-inland", r)
	}
	for _, t := range c.DNS {
		put("A tunnel through name servers, for networks in which only names still resolve: ZONE#KEY as its relay printed it, then @ and the resolvers to ask if not the system's. Whoever runs a resolver sees that a tunnel is in use.", "dns", t)
	}
	if c.Tor {
		put("Go to relays through Tor and by no other way: the Tor that runs here, or the installed one, started by this node.", "tor", "on")
	}
	for _, b := range c.Bridges {
		put("A bridge for a Tor that this node starts, as bridges are given out.", "tor-bridge", b)
	}
	if c.Proxy != "" {
		put("Proxy on the way to relays: http://HOST:PORT, or socks5://127.0.0.1:9050 for Tor. QUIC does not pass through it.", "proxy", c.Proxy)
	}
	c.putWitnesses(put)
	for _, b := range c.Bundles {
		put("A node of a delay-tolerant network (BPv7) that carries mail: tcpcl://HOST:4556,to=EID,as=EID; mtcp:// or stcp://; with ,listen it is waited for.", "bp", b)
	}
	for _, t := range c.Tune {
		put("A broadcast to listen to: ip:port, auto for the usual group, or off.", "tune", t)
	}
	if len(c.Tune) == 0 {
		b.WriteString("# Broadcasts to listen to: ip:port, auto for the usual group (the default), or off.\n# tune = auto\n\n")
	}
	for _, r := range c.Serial {
		put("A radio modem on a serial port.", "serial", r)
	}
	if len(c.Serial) == 0 {
		b.WriteString("# A radio modem on a serial port (docs/carriers.md); may stand several times.\n# serial = /dev/ttyUSB0,rnode,freq=868.1,sf=8\n\n")
	}
	put("Tickets let the first packet to a known relay carry letters, which saves a round trip. They are kept per network, used once, and never shown in another one; a relay can then tell that two connections from the same network are one device's: on or off.", "tickets", map[bool]string{true: "on", false: "off"}[c.Tickets])
	for _, f := range c.Folders {
		put("A folder that other programs synchronise, visited by itself.", "folder", f)
	}
	if len(c.Folders) == 0 {
		b.WriteString("# A folder that other programs synchronise (Syncthing, a share), visited by itself; may stand several times.\n# folder = /home/me/Sync\n\n")
	}
	put("Sticks that are visited by themselves when they are plugged in (Linux): known for those on which this device left letters before, any, or off. The page asks for others.", "sticks", string(c.Sticks))
	put("Where the page opens. Loopback only.", "page", c.Page)
	put("A profile with a passphrase locks itself after so long without a person, from 1m to 24h, or 0 for never; the node carries on.", "lock", c.Lock.String())
	put("Disk space for envelopes, own and carried.", "quota", fmt.Sprintf("%dB", c.Quota))
	put("When others learn that their letters arrived: late, prompt or off.", "receipts", string(c.Receipts))
	put("How often a silent relay is tried, on mains.", "poll", c.Poll.String())
	put("What this device runs on: auto, mains or battery. On battery silent relays are tried seldom, and quickly around :00 and :30 and at the hours when the network opened before.", "power", string(c.Power))
	put("What links to relays may cost: 5MB/day, 1GB/month or off. Neighbours and sticks cost nothing.", "metered", c.Metered.String())
	put("What goes over links with such a budget: texts, photos (texts first) or all.", lastSetting, string(c.Metered.Order))
	b.WriteString(tail + "\n")
	return b.String()
}
