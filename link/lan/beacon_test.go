package lan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

func TestBeaconRoundTrip(t *testing.T) {
	b := beacon{version: beaconVersion, port: 4242, token: token{1, 2, 3}}
	one, two := b.encode(), b.encode()
	if len(one) != beaconSize {
		t.Errorf("a beacon has %d bytes", len(one))
	}
	equal := 0
	for i := range one {
		if one[i] == two[i] {
			equal++
		}
	}
	if equal > 5 { // 32/256 by chance
		t.Errorf("%d bytes of two beacons are equal", equal)
	}
	for _, p := range [][]byte{one, two, append(bytes.Clone(one), "from a later version"...)} {
		if got, err := parseBeacon(p); err != nil || got != b {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestBadBeacons(t *testing.T) {
	good := beacon{version: beaconVersion, port: 4242, token: token{1}}
	for name, c := range map[string]struct {
		packet []byte
		want   error
	}{
		"empty":     {nil, errNoBeacon},
		"short":     {good.encode()[:beaconSize-1], errNoBeacon},
		"long":      {append(good.encode(), make([]byte, beaconMost)...), errNoBeacon},
		"noise":     {bytes.Repeat([]byte{7}, beaconSize), errNoBeacon},
		"no port":   {beacon{version: beaconVersion, token: token{1}}.encode(), errNoBeacon},
		"no token":  {beacon{version: beaconVersion, port: 1}.encode(), errNoBeacon},
		"newer":     {beacon{version: 9, port: 1, token: token{1}}.encode(), errNewerBeacon},
		"mDNS":      {[]byte("\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x05_http\x04_tcp\x05local\x00\x00\x0c\x00\x01"), errNoBeacon},
		"SSDP":      {[]byte("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n"), errNoBeacon},
		"bit wrong": {func() []byte { b := good.encode(); b[0] ^= 1; return b }(), errNoBeacon},
	} {
		if _, err := parseBeacon(c.packet); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzBeacon(f *testing.F) {
	f.Add(beacon{version: beaconVersion, port: 4242, token: token{1, 2, 3}}.encode(), false)
	f.Add([]byte{}, false)
	f.Add([]byte{0, 0, 0, 0, 0, 1, 16, 146, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, true)
	f.Fuzz(func(t *testing.T, b []byte, inside bool) {
		defer limits.Watch(t, len(b))()
		if inside { // work behind the mask
			b = append(make([]byte, beaconSalt), b...)
			maskBeacon(b[:beaconSalt], b[beaconSalt:min(len(b), beaconSize)])
		}
		got, err := parseBeacon(b)
		if err != nil {
			if got != (beacon{}) {
				t.Fatalf("%+v besides %v", got, err)
			}
			return
		}
		if again, err := parseBeacon(got.encode()); err != nil || again != got {
			t.Fatalf("%+v became %+v, %v", got, again, err)
		}
	})
}

// at is a time of the crowd tests, in seconds.
func at(s float64) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(s * float64(time.Second)))
}

func never(token, []netip.AddrPort) bool  { return false }
func always(token, []netip.AddrPort) bool { return true }

func TestCrowdDecidesWhoDials(t *testing.T) {
	low, high := token{1}, token{2}
	there := netip.MustParseAddrPort("192.168.0.9:100")
	say := func(c *crowd, s float64, of token, met func(token, []netip.AddrPort) bool) bool {
		t.Helper()
		tell, _, err := c.hear(at(s), beacon{beaconVersion, 100, of}, there, met)
		if err != nil {
			t.Fatal(err)
		}
		if tell.IsValid() {
			c.said(at(s), of)
		}
		return tell.IsValid()
	}
	first, second := newCrowd(low), newCrowd(high)
	for _, c := range []struct {
		s         float64
		low, high bool
		met       func(token, []netip.AddrPort) bool
		why       string
	}{
		{0, true, false, never, "the lower one dials at once"},
		{1, false, false, never, "nobody dials twice at once"},
		{5.9, false, false, never, "the higher one waits"},
		{6.1, false, true, never, "the higher one dials when nothing came of it"},
		{29, false, false, never, "half a minute is not over"},
		{31, true, false, never, "still heard, still no meeting: again"},
		{36.2, false, true, never, "so does the higher one"},
		{70, false, false, always, "they are meeting"},
		{99, false, false, never, "the meeting has ended not long ago"},
		{101, true, true, never, "and again"},
	} {
		if got := say(first, c.s, high, c.met); got != c.low {
			t.Errorf("at %v s the lower one dials: %v (%s)", c.s, got, c.why)
		}
		if got := say(second, c.s, low, c.met); got != c.high {
			t.Errorf("at %v s the higher one dials: %v (%s)", c.s, got, c.why)
		}
	}
	if say(first, 200, low, never) {
		t.Error("it dials itself")
	}
}

func TestCrowdTriesOtherAddresses(t *testing.T) {
	c := newCrowd(token{1})
	one, two := netip.MustParseAddrPort("192.168.0.9:100"), netip.MustParseAddrPort("[fe80::9%lo]:100")
	var told []netip.AddrPort
	for s := range 100 {
		for _, from := range []netip.AddrPort{one, two} {
			tell, _, err := c.hear(at(float64(s)), beacon{beaconVersion, 100, token{2}}, from, never)
			if err != nil {
				t.Fatal(err)
			}
			if tell.IsValid() {
				told = append(told, tell)
				c.said(at(float64(s)), token{2})
			}
		}
	}
	if len(told) != 4 || told[0] != one || told[1] != two || told[2] != one {
		t.Errorf("told %v", told)
	}
}

func TestCrowdIsBounded(t *testing.T) {
	c := newCrowd(token{1})
	r := rand.New(rand.NewPCG(1, 2))
	random := func() (t token) {
		for i := range t {
			t[i] = byte(r.Uint32())
		}
		return t
	}
	flood := 0
	for i := range 5000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i % 100), 1}), 9)
		if _, _, err := c.hear(at(0), beacon{beaconVersion, 9, random()}, from, never); errors.Is(err, errFlood) {
			flood++
		}
	}
	if len(c.known) != maxNeighbours || flood != 5000-maxNeighbours {
		t.Errorf("%d neighbours, %d refused", len(c.known), flood)
	}
	one := newCrowd(token{1})
	for range 1000 {
		_, _, _ = one.hear(at(0), beacon{beaconVersion, 9, random()}, netip.MustParseAddrPort("10.0.0.1:9"), never)
	}
	if len(one.known) != maxPerAddress {
		t.Errorf("one address is %d neighbours", len(one.known))
	}
	// The silent are forgotten, so that others find room again.
	honest := netip.MustParseAddrPort("10.1.1.1:9")
	if tell, fresh, err := c.hear(at(61), beacon{beaconVersion, 9, token{9}}, honest, never); err != nil || !fresh || tell != honest {
		t.Errorf("after the flood: %v, %v, %v", tell, fresh, err)
	}
	if len(c.known) != 1 {
		t.Errorf("%d neighbours are left", len(c.known))
	}
	admitted := 0
	for range 10_000 {
		if one.admit(at(5), netip.MustParseAddr("10.0.0.1")) == nil {
			admitted++
		}
	}
	if admitted != beaconsPerHost || one.admit(at(5.5), netip.MustParseAddr("10.0.0.2")) != nil || one.admit(at(6), netip.MustParseAddr("10.0.0.1")) != nil {
		t.Errorf("%d packets of one host in one second", admitted)
	}
}

func TestBelievable(t *testing.T) {
	r := room(t, nil)
	b := newBeacons(r, nil)
	r.setPlaces([]place{
		{name: "w", index: 3, nets: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24"), netip.MustParsePrefix("fe80::/64")}},
	})
	group := netip.MustParseAddr("239.1.1.1")
	for _, c := range []struct {
		from  string
		index int
		to    netip.Addr
		want  bool
	}{
		{"192.168.7.9:1", 3, group, true},
		{"192.168.7.9:1", 0, netip.Addr{}, true},
		{"[fe80::5%w]:1", 3, group, true},
		{"192.168.8.9:1", 3, group, false},                             // another network
		{"8.8.8.8:1", 3, group, false},                                 // a forged far host
		{"192.168.7.9:1", 4, group, false},                             // an interface that we do not use
		{"192.168.7.9:1", 3, netip.MustParseAddr("192.168.7.1"), true}, // to us alone, by a sweep
		{"192.168.8.9:1", 3, netip.MustParseAddr("192.168.7.1"), false},
		{"0.0.0.0:1", 3, group, false},
		{"239.1.1.1:1", 3, group, false},
	} {
		if got := b.believable(heard{netip.MustParseAddrPort(c.from), c.index, c.to}); got != c.want {
			t.Errorf("from %s on %d to %v: %v", c.from, c.index, c.to, got)
		}
	}
}

// freshGroup keeps tests that run at the same time apart.
func freshGroup() string {
	return fmt.Sprintf("239.255.%d.%d:%d", rand.IntN(250), 1+rand.IntN(250), 20000+rand.IntN(12000))
}

// needMulticast skips a test where the system forbids multicast on the loopback.
func needMulticast(t *testing.T) {
	t.Helper()
	group := freshGroup()
	a, b := room(t, finding(group)), room(t, finding(group))
	select {
	case <-a.Found():
	case <-b.Found():
	case <-time.After(3 * time.Second):
		why := fmt.Sprintf("no multicast on the loopback here: %v", append(a.Notes(), b.Notes()...))
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	_, _ = a.Close(), b.Close()
}

func finding(group string) func(*Config) {
	return func(c *Config) { c.Multicast, c.Group = true, group }
}

// TestDiscovery lets five Rooms find each other: each pair must end up with
// exactly one meeting.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	needMulticast(t)
	const n = 5
	group := freshGroup()
	start := time.Now()
	type end struct{ me, far token }
	ends := make(chan end, 10*n*n)
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	for range n {
		r := room(t, finding(group))
		go func() {
			for {
				select {
				case addr, ok := <-r.Found():
					if !ok {
						return
					}
					c, err := r.Dial(ctx, addr)
					if err != nil {
						t.Logf("dial: %v", err)
						continue
					}
					ends <- end{r.token, c.(*Conn).token}
				case <-ctx.Done():
					return
				}
			}
		}()
		go func() {
			for {
				c, err := r.Accept(ctx)
				if err != nil {
					return
				}
				ends <- end{r.token, c.(*Conn).token}
			}
		}()
	}
	seen := make(map[end]int)
	for len(seen) < n*(n-1) {
		select {
		case e := <-ends:
			seen[e]++
		case <-ctx.Done():
			t.Fatalf("only %d of %d ends of meetings", len(seen), n*(n-1))
		}
	}
	t.Logf("%d rooms have all met after %v", n, time.Since(start))
	<-ctx.Done()
	for len(ends) > 0 {
		seen[<-ends]++
	}
	for e, times := range seen {
		if times != 1 {
			t.Errorf("%x met %x %d times", e.me[:2], e.far[:2], times)
		}
	}
}

// TestDiscoveryTime is the time from start to a first address.
func TestDiscoveryTime(t *testing.T) {
	t.Parallel()
	needMulticast(t)
	group := freshGroup()
	a := room(t, finding(group))
	var worst time.Duration
	for range 5 {
		start := time.Now()
		b := room(t, finding(group))
		select {
		case <-a.Found():
		case <-b.Found():
		case <-time.After(5 * time.Second):
			t.Fatal("nobody was found")
		}
		worst = max(worst, time.Since(start))
		_ = b.Close()
	}
	t.Logf("a newcomer is found after %v at worst of 5", worst)
	if worst > 2*time.Second {
		t.Errorf("finding took %v", worst)
	}
}

func TestGroupsDoNotMix(t *testing.T) {
	t.Parallel()
	needMulticast(t)
	a, b := room(t, finding(freshGroup())), room(t, finding(freshGroup()))
	select {
	case addr := <-a.Found():
		t.Errorf("found %s in another group", addr)
	case addr := <-b.Found():
		t.Errorf("found %s in another group", addr)
	case <-time.After(500 * time.Millisecond):
	}
}

// TestInterfaceComesAndGoes starts without any network and finds others when one
// comes up; when it goes, nothing breaks; when it is back, all works again.
func TestInterfaceComesAndGoes(t *testing.T) {
	t.Parallel()
	needMulticast(t)
	group := freshGroup()
	loop, err := places(Config{Addr: "127.0.0.1:0"})
	if err != nil || len(loop) != 1 {
		t.Fatalf("%v, %v", loop, err)
	}
	up := make(chan bool, 1)
	up <- false
	b := room(t, func(c *Config) {
		finding(group)(c)
		c.look = func() ([]place, error) {
			is := <-up
			up <- is
			if is {
				return loop, nil
			}
			return nil, nil
		}
	})
	set := func(v bool) { <-up; up <- v }
	expect := func(want bool, why string) {
		t.Helper()
		a := room(t, finding(group))
		defer a.Close()
		wait := 400 * time.Millisecond
		if want {
			wait = 5 * time.Second
		}
		select {
		case <-a.Found():
			if !want {
				t.Error(why)
			}
		case <-b.Found():
			if !want {
				t.Error(why)
			}
		case <-time.After(wait):
			if want {
				t.Error(why)
			}
		}
	}
	expect(false, "found without a network")
	set(true)
	expect(true, "not found after the network came up")
	set(false)
	time.Sleep(3 * quickPace.look)
	for len(b.Found()) > 0 {
		<-b.Found()
	}
	expect(false, "found after the network went")
	set(true)
	expect(true, "not found after the network came back")
	if notes := b.Notes(); len(notes) != 0 {
		t.Errorf("notes: %v", notes)
	}
}

// TestNoMulticast shows that a Room without multicast starts, says so, and
// meets by a typed address.
func TestNoMulticast(t *testing.T) {
	t.Parallel()
	bad := func(c *Config) {
		c.Multicast, c.Group = true, freshGroup()
		c.look = func() ([]place, error) {
			return []place{{name: "broken0", index: 9999, v4: netip.MustParseAddr("127.0.0.1")}}, errors.New("interfaces cannot be listed: permission denied")
		}
	}
	a, b := room(t, bad), room(t, bad)
	x, y := meet(t, a, b, b.Addr())
	go func() { _, _ = x.Write([]byte("typed")) }()
	if _, err := y.Read(make([]byte, 5)); err != nil {
		t.Error(err)
	}
	end := time.Now().Add(3 * time.Second)
	for len(a.Notes()) < 2 && time.Now().Before(end) {
		time.Sleep(5 * time.Millisecond)
	}
	notes := fmt.Sprint(a.Notes())
	for _, want := range []string{"broken0", "type the address", "permission denied"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not say %q: %s", want, notes)
		}
	}
	time.Sleep(4 * quickPace.look)
	if n := len(a.Notes()); n != 2 {
		t.Errorf("%d notes: the same is said again and again", n)
	}
}

// TestHostileBeacons floods a Room's group with garbage, forged neighbours and
// its own beacon, and then lets an honest one come.
func TestHostileBeacons(t *testing.T) {
	t.Parallel()
	needMulticast(t)
	group := freshGroup()
	a := room(t, finding(group))
	loop, err := places(Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	v, err := newVoice(context.Background(), loop[0], loop[0].v4, netip.MustParseAddrPort(group))
	if err != nil {
		t.Fatal(err)
	}
	defer v.conn.Close()
	r := rand.New(rand.NewPCG(3, 4))
	flood := func() {
		for i := range 2000 {
			p := make([]byte, r.IntN(1400))
			switch i % 3 {
			case 0:
				b := beacon{version: uint8(1 + i%2), port: uint16(1 + i), token: token{255, byte(i), byte(i >> 8)}}
				p = b.encode()
			case 1:
				p = beacon{version: 1, port: 77, token: a.token}.encode()
			default:
				for j := range p {
					p[j] = byte(r.Uint32())
				}
			}
			_, _ = v.conn.WriteTo(p, v.to[0])
		}
	}
	// A busy machine drops datagrams and joins the group late: flood until it
	// is noticed.
	noticed := func() bool {
		notes := fmt.Sprint(a.Notes())
		return strings.Contains(notes, "floods") && strings.Contains(notes, "another version")
	}
	for tries := 0; !noticed() && tries < 20; tries++ {
		flood()
		time.Sleep(200 * time.Millisecond)
	}
	u, err := net.Dial("udp4", "127.0.0.1:"+group[strings.LastIndex(group, ":")+1:])
	if err == nil { // and to the ear alone, without multicast
		_, _ = u.Write(beacon{version: 1, port: 66, token: token{254}}.encode())
		u.Close()
	}
	time.Sleep(1100 * time.Millisecond) // a new second of the rate limit
	b := room(t, finding(group))
	end := time.After(10 * time.Second)
	for found := false; !found; {
		select {
		case addr := <-a.Found():
			if addr == a.Addr() || strings.HasSuffix(addr, ":77") || strings.HasSuffix(addr, ":66") {
				t.Errorf("told to dial %s", addr)
			}
			found = addr == b.Addr()
		case addr := <-b.Found():
			found = addr == a.Addr()
		case <-end:
			t.Fatal("the honest one was not found")
		}
	}
	notes := fmt.Sprint(a.Notes())
	for _, want := range []string{"floods", "another version"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note says %q: %s", want, notes)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, p := range mustPlaces(t, Config{}) {
		if p.loopback {
			t.Error("the loopback is used without having been asked for")
		}
	}
	with := mustPlaces(t, Config{Loopback: true})
	if len(with) == 0 || !with[0].loopback || !with[0].v4.IsLoopback() && !with[0].v6.IsLoopback() {
		t.Errorf("no loopback: %+v", with)
	}
	if only := mustPlaces(t, Config{Addr: "127.0.0.1:0"}); len(only) != 1 || !only[0].loopback {
		t.Errorf("a loopback room uses %+v", only)
	}
	for _, p := range mustPlaces(t, Config{Addr: "0.0.0.0:0", Loopback: true}) {
		if p.v6.IsValid() || !p.v4.IsValid() {
			t.Errorf("a room that listens on IPv4 only uses %+v", p)
		}
	}
	if none := mustPlaces(t, Config{Interfaces: []string{"nosuch0"}}); len(none) != 0 {
		t.Errorf("an absent interface gave %+v", none)
	}
	for flags, want := range map[net.Flags]bool{
		net.FlagUp | net.FlagMulticast: true,
		net.FlagMulticast:              false,
		net.FlagUp:                     false,
		net.FlagUp | net.FlagMulticast | net.FlagPointToPoint:                false,
		net.FlagUp | net.FlagLoopback:                                        false,
		net.FlagUp | net.FlagBroadcast | net.FlagMulticast | net.FlagRunning: true,
	} {
		if got := suitable(net.Interface{Flags: flags}, false); got != want {
			t.Errorf("flags %v: %v", flags, got)
		}
	}
}

func mustPlaces(t *testing.T, c Config) []place {
	t.Helper()
	p, err := places(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAddrsCanBeTyped(t *testing.T) {
	r := room(t, nil)
	if got := r.Addrs(); len(got) != 1 || got[0] != r.Addr() {
		t.Errorf("addresses %v", got)
	}
	r.local = netip.MustParseAddrPort("[::]:77")
	r.setPlaces([]place{
		{loopback: true, v4: netip.MustParseAddr("127.0.0.1")},
		{v4: netip.MustParseAddr("192.168.0.7"), v6: netip.MustParseAddr("fe80::7%w")},
	})
	if got := fmt.Sprint(r.Addrs()); got != "[192.168.0.7:77 [fe80::7%w]:77]" {
		t.Errorf("addresses %v", got)
	}
}
