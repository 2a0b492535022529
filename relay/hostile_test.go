package relay_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	linkrelay "github.com/jauap/jauap/link/relay"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
)

// cutter is a connection that breaks after so many bytes.
type cutter struct {
	net.Conn
	mu         sync.Mutex
	out, in    int // bytes that still pass
	sent, came *int
}

func (c *cutter) pass(left *int, count *int, n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	*left -= n
	*count += n
	if *left < 0 {
		_ = c.Conn.Close()
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (c *cutter) Write(p []byte) (int, error) {
	if err := c.pass(&c.out, c.sent, len(p)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *cutter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil {
		err = c.pass(&c.in, c.came, n)
	}
	return n, err
}

// A large unit whose deposit, and whose pull, is cut again and again goes on
// at the byte: in the end little more than its size has travelled.
func TestLargeUnitResumes(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 5))
		box := boxtest.NewMemory()
		w := open(t, box, relay.Options{})
		big := units(t, 1, envelope.S5, 3, seed+1)[0]
		alice := newPhone(big)
		up, upCuts := w.cutUntil(alice, rng, func(c *cutter, n int) { c.out = n }, func(o exchange.Outcome) bool { return len(o.Handed) == 1 })
		if _, err := box.Get(t.Context(), big.ID(), 0, 0); err != nil {
			t.Fatal("acknowledged and not in the box:", err)
		}
		bob := newPhone()
		down, downCuts := w.cutUntil(bob, rng, func(c *cutter, n int) { c.in = n }, func(exchange.Outcome) bool { return bob.has(big) })
		t.Logf("seed %d: %d bytes up in %d pieces, %d down in %d", seed, up.sent, upCuts, down.came, downCuts)
		// Each cut may cost what was on its way: a chunk, a greeting.
		for _, x := range []struct{ moved, cuts int }{{up.sent, upCuts}, {down.came, downCuts}} {
			if most := envelope.MaxSize*21/20 + x.cuts*40<<10; x.moved > most || x.cuts < 3 {
				t.Errorf("seed %d: %d bytes in %d pieces, at most %d", seed, x.moved, x.cuts, most)
			}
		}
		w.stop()
	}
}

// A small unit of which a frame was cut in the middle goes on at that byte, over another
// connection from another place.
func TestSmallUnitResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := boxtest.NewMemory()
		w, p := openPipes(t, box, relay.Options{})
		small := units(t, 1, envelope.S2, 0, 1)[0]
		const came = 1500
		conn := w.dial(p.dialer("10.1.0.1:1"))
		tk := &talk{conn: conn, x: exchange.New(exchange.Config{}, newPhone(small))}
		tk.listen()
		for cut := false; !cut; {
			for f := tk.x.Next(exchange.MaxFrame); f != nil && !cut; f = tk.x.Next(exchange.MaxFrame) {
				if cut = f[0] == 0x85; !cut {
					if err := exchange.WriteFrame(conn, f); err != nil {
						t.Fatal(err)
					}
					continue
				}
				head := len(f) - len(small.Bytes())
				whole := append([]byte{byte(len(f) >> 16), byte(len(f) >> 8), byte(len(f))}, f...)
				if _, err := conn.Write(whole[:exchange.Prefix+head+came]); err != nil {
					t.Fatal(err)
				}
			}
			if !cut {
				if err := tk.x.Receive(<-tk.frames); err != nil {
					t.Fatal(err)
				}
			}
		}
		tk.close()
		synctest.Wait()
		other := start(w.dial(p.dialer("10.2.0.1:1")), exchange.Config{}, newPhone(small))
		defer other.close()
		o, err := other.until(t.Context(), func(o exchange.Outcome) bool { return len(o.Handed) == 1 })
		if err != nil || o.Sent != int64(len(small.Bytes())-came) {
			t.Errorf("%d bytes were sent of a unit of %d after %d had come: %v", o.Sent, len(small.Bytes()), came, err)
		}
		w.stop()
	})
}

type moved struct{ sent, came int }

// cutUntil meets the relay over connections that break at random bytes.
func (w *world) cutUntil(p *phone, rng *rand.Rand, limit func(*cutter, int), done func(exchange.Outcome) bool) (m moved, pieces int) {
	w.Helper()
	for pieces = 1; pieces < 100; pieces++ {
		d := &linkrelay.Dialer{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			cut := &cutter{Conn: c, out: 1 << 30, in: 1 << 30, sent: &m.sent, came: &m.came}
			limit(cut, rng.IntN(100<<10))
			return cut, err
		}}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		conn, err := d.Dial(ctx, w.addr)
		if err == nil {
			tk := start(conn, exchange.Config{Shards: []uint8{3}}, p)
			_, err = tk.until(ctx, done)
			tk.close()
		}
		cancel()
		if err == nil {
			return m, pieces
		}
		if errors.Is(err, context.DeadlineExceeded) {
			w.Fatal("a session hung:", err)
		}
	}
	w.Fatal("never done")
	return m, pieces
}

// Whatever bytes come, the relay lives, its box is untouched and others are
// served.
func TestGarbage(t *testing.T) {
	box := boxtest.NewMemory()
	w := open(t, box, relay.Options{})
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	frames := [][]byte{
		append([]byte{0xff}, noise(200)...), {0, 0, 0}, {0xff, 0xff, 0xff, 1}, {0, 0, 1, 0x85},
		append([]byte{1, 0, 0}, noise(65536)...),
		{0, 0, 5, 0x81, 1, 0, 0, 1}, {0, 0, 2, 0x87, 1},
	}
	for range 20 {
		f := noise(1 + rng.IntN(300))
		f[0] = 0x82 + byte(rng.IntN(8)) // a greeting of noise might be a good one
		frames = append(frames, append([]byte{0, byte(len(f) >> 8), byte(len(f))}, f...))
	}
	for i, b := range frames {
		c := w.dial(nil)
		if _, err := c.Write(b); err != nil {
			t.Fatalf("garbage %d: %v", i, err)
		}
		if i == 2 || i == 4 {
			_ = c.Close() // an unfinished frame
			continue
		}
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, relay.ErrRefused) {
			t.Errorf("garbage %d ended with %v", i, err)
		}
		_ = c.Close()
	}
	for i := range 5 {
		raw, err := net.Dial("tcp", w.addr.HostPort())
		if err != nil {
			t.Fatal(err)
		}
		if i > 2 {
			raw = tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		}
		_, _ = raw.Write(noise(500))
		_ = raw.Close()
	}
	if head, err := box.Head(t.Context()); err != nil || head.Top != 0 {
		t.Fatalf("garbage reached the box: %+v, %v", head, err)
	}
	good := units(t, 1, envelope.S1, 0, 1)
	if o := w.meet(newPhone(good...), exchange.Config{Shards: []uint8{1}}); len(o.Handed) != 1 {
		t.Fatalf("afterwards %d were handed", len(o.Handed))
	}
}

// Units that are forged, over, kept for too long, or not what their id says
// are never kept.
func TestBadUnits(t *testing.T) {
	forge := func(change func([]byte)) envelope.Envelope {
		raw := bytes.Clone(units(t, 1, envelope.S1, 0, 7)[0].Bytes())
		change(raw)
		e, err := envelope.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	over, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(-1), 2)
	long, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(envelope.MaxLifetime+envelope.MaxJitter+1), 3)
	edge, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(envelope.MaxLifetime+envelope.MaxJitter), 4)
	last, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today, 5)
	_, osk := boxtest.Unit(t, envelope.S1, 0, boxtest.Today, 5)
	second := boxtest.Body(t, envelope.S1, 0, boxtest.Today, 6, osk)
	stamp, err := envelope.NewStamp(last, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), envelope.Issuer{}, [envelope.RSASize]byte{})
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []int{0, 64 << 10} { // asked for, and unasked in the first flight
		box := boxtest.NewMemory()
		w := open(t, box, relay.Options{})
		p := newPhone(last, forge(func(b []byte) { b[500] ^= 1 }), forge(func(b []byte) { b[40] ^= 1 }), over, long, edge, second, stamp)
		o := w.meet(p, exchange.Config{Shards: []uint8{1}, First: first})
		if len(o.Handed) != 2 || len(o.Refused) != 6 {
			t.Errorf("first %d: handed %d, refused %d", first, len(o.Handed), len(o.Refused))
		}
		entries, _, err := box.List(t.Context(), 0, relay.SlotsOf(0), 10)
		if err != nil || len(entries) != 2 || entries[0].ID == entries[1].ID {
			t.Errorf("first %d: the box holds %v, %v", first, entries, err)
		}
		for _, e := range entries {
			if e.ID != edge.ID() && e.ID != last.ID() {
				t.Errorf("first %d: the box holds %v", first, e)
			}
		}
		w.stop()
	}

	box := boxtest.NewMemory()
	w := open(t, box, relay.Options{})
	if _, err := relay.Check(stamp.Bytes(), boxtest.Today); !errors.Is(err, relay.ErrStamp) {
		t.Errorf("a stamp by another way: %v", err)
	}
	p := newPhone(edge)
	p.raw[edge.ID()] = last.Bytes()
	tk := start(w.dial(nil), exchange.Config{}, p)
	defer tk.close()
	if _, err := tk.until(t.Context(), func(exchange.Outcome) bool { return false }); err == nil {
		t.Error("wrong bytes under an id went on")
	}
	if head, _ := box.Head(t.Context()); head.Top != 0 {
		t.Error("wrong bytes under an id were kept")
	}
}

// Proofs reach the relay like any unit and take their envelope away.
func TestProofTakesEnvelopeAway(t *testing.T) {
	box := boxtest.NewMemory()
	w := open(t, box, relay.Options{})
	e, osk := boxtest.Unit(t, envelope.S3, 4, boxtest.Today.Add(3), 1)
	w.meet(newPhone(e), exchange.Config{Shards: []uint8{9}})
	bob := newPhone()
	w.meet(bob, exchange.Config{Shards: []uint8{4}})
	if !bob.has(e) {
		t.Fatal("bob did not get it")
	}
	w.meet(newPhone(boxtest.Done(t, e, osk)), exchange.Config{Shards: []uint8{9}})
	late := newPhone()
	w.meet(late, exchange.Config{Shards: []uint8{4}})
	if late.has(e) || late.count() != 1 {
		t.Fatalf("after the proof a client pulls %d units", late.count())
	}
	if o := w.meet(newPhone(e), exchange.Config{Shards: []uint8{9}}); len(o.Refused) != 1 || o.Sent != 0 {
		t.Fatalf("a delivered unit: refused %d, %d bytes sent", len(o.Refused), o.Sent)
	}
}

// Somebody deposits wrong bytes under the id of a large unit and leaves. Who
// comes with the true one is fooled once and then heard in full.
func TestPoisonedBeginning(t *testing.T) {
	box := boxtest.NewMemory()
	w := open(t, box, relay.Options{})
	big := units(t, 1, envelope.S5, 0, 1)[0]
	wrong := newPhone(big)
	wrong.raw[big.ID()] = make([]byte, envelope.MaxSize)
	rng := rand.New(rand.NewPCG(1, 1))
	limit := func(c *cutter, _ int) { c.out = 100 << 10 }
	var m moved
	d := &linkrelay.Dialer{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		cut := &cutter{Conn: c, in: 1 << 30, sent: &m.sent, came: &m.came}
		limit(cut, rng.IntN(10))
		return cut, err
	}}
	tk := start(w.dial(d), exchange.Config{}, wrong)
	if _, err := tk.until(t.Context(), func(exchange.Outcome) bool { return false }); err == nil {
		t.Fatal("the poisoner was not cut")
	}
	tk.close()
	o := w.meet(newPhone(big), exchange.Config{})
	if len(o.Handed) != 1 {
		t.Fatal("the true unit was not taken")
	}
	if got, err := box.Get(t.Context(), big.ID(), 0, envelope.MaxSize); err != nil || !bytes.Equal(got, big.Bytes()) {
		t.Fatal("the box holds other bytes", err)
	}
	if o.Sent <= envelope.MaxSize {
		t.Errorf("%d bytes sent: the poison was not even tried, the test tests nothing", o.Sent)
	}
}

// Many carriers bring the same large unit at the same moment: its bytes travel
// about once, and all are told that it is held.
func TestSameUnitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := openPipes(t, boxtest.NewMemory(), relay.Options{Limits: relay.Limits{
			PrefixIn: relay.Rate{PerSecond: 100 << 10, Burst: 32 << 10}}}) // so that it takes a while
		big := units(t, 2, envelope.S5, 0, 1)
		const carriers = 10
		var sent [carriers]int64
		var all sync.WaitGroup
		for i := range carriers {
			all.Go(func() {
				tk := start(w.dial(p.dialer(fmt.Sprintf("10.%d.0.1:1", i))), exchange.Config{}, newPhone(big...))
				defer tk.close()
				o, err := tk.until(t.Context(), func(o exchange.Outcome) bool { return len(o.Handed) == 2 })
				if err != nil {
					t.Error(err)
				}
				sent[i] = o.Sent
			})
		}
		all.Wait()
		var sum int64
		for _, n := range sent {
			sum += n
		}
		if sum > 3*envelope.MaxSize {
			t.Errorf("%d bytes travelled for two units of %d", sum, envelope.MaxSize)
		}
		w.stop()
	})
}

// When the box fails, nothing is confirmed and no mark moves.
func TestBoxTrouble(t *testing.T) {
	for _, call := range []string{"head", "put", "list", "get"} {
		t.Run(call, func(t *testing.T) {
			box := boxtest.NewMemory()
			held := units(t, 1, envelope.S1, 0, 50)[0]
			if _, err := box.Put(t.Context(), []relay.Deposit{{Unit: held, Today: boxtest.Today}}); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			w := open(t, box, relay.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			var mu sync.Mutex
			broken := true
			box.Fail = func(c string) error {
				mu.Lock()
				defer mu.Unlock()
				if c == call && broken {
					return errors.New("the disk is on fire")
				}
				return nil
			}
			mine := units(t, 1, envelope.S1, 0, 1)
			p := newPhone(mine...)
			tk := start(w.dial(nil), exchange.Config{}, p)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			o, err := tk.until(ctx, even)
			tk.close()
			if err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the session ended with %v", err)
			}
			// What only fails to be listed may be kept before anybody notices.
			first := len(o.Handed)
			if _, err := box.Get(t.Context(), mine[0].ID(), 0, 0); first > 0 && (err != nil && call != "get" || call == "put") || call != "put" && o.Take.Seq != 0 {
				t.Errorf("handed %d, kept: %v, mark %+v", first, err, o.Take)
			}
			mu.Lock()
			broken = false
			mu.Unlock()
			if call == "put" {
				// For some seconds no deposits are asked for: see TestFullDisk.
				w.stop()
				w = open(t, box, relay.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			}
			o = w.meet(p, exchange.Config{Take: o.Take, Give: o.Give})
			if _, err := box.Get(t.Context(), mine[0].ID(), 0, 0); err != nil || first+len(o.Handed) == 0 || !p.has(held) {
				t.Errorf("afterwards: %v, handed %d, has %v", err, first+len(o.Handed), p.has(held))
			}
			w.stop()
			if !strings.Contains(log.String(), "on fire") || strings.Contains(log.String(), "127.0.0.1") {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}

// lines collects what anybody logs.
type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// No log names anybody, whatever clients do.
func TestLogsNameNobody(t *testing.T) {
	var said lines
	log.SetOutput(&said)
	defer log.SetOutput(log.Default().Writer())
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	defer slog.SetDefault(old)
	w := open(t, boxtest.NewMemory(), relay.Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	for _, b := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05hello", ""} {
		c, err := net.Dial("tcp", w.addr.HostPort())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, b)
		if b != "" {
			_, _ = io.Copy(io.Discard, c)
		}
		_ = c.Close()
	}
	c := w.dial(nil)
	_, _ = c.Write([]byte{0, 0, 1, 0x85})
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
	w.meet(newPhone(units(t, 1, envelope.S1, 0, 1)...), exchange.Config{})
	w.stop()
	if s := said.String(); s != "" {
		t.Errorf("logged: %q", s)
	}
}

// Visitors see a plain page and nothing else.
func TestPage(t *testing.T) {
	w := open(t, boxtest.NewMemory(), relay.Options{Page: []byte("<p>hello</p>")})
	visitor := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200}, {"HEAD", "/", 200}, {"POST", "/", 404}, {"GET", "/index.html", 404}, {"GET", "/v1/", 404},
		{"GET", relay.Path, 404}, {"POST", relay.Path, 404}, {"GET", "//", 404}, {"GET", "/../etc/passwd", 404},
	} {
		req, err := http.NewRequest(c.method, "https://"+w.addr.HostPort()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := visitor.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || (c.status == 200 && c.method == "GET") != (string(body) == "<p>hello</p>") {
			t.Errorf("%s %s: %d %q", c.method, c.path, resp.StatusCode, body)
		}
	}
	c, err := tls.Dial("tcp", w.addr.HostPort(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
		t.Errorf("the relay chose %q", p)
	}
	c.Close()
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	if c, err := tls.Dial("tcp", w.addr.HostPort(), old); err == nil {
		c.Close()
		t.Error("TLS 1.2 was accepted")
	}
}

// Clients are connected and one is depositing when the relay is told to end:
// it says goodbye at once, and what it confirmed is in the box.
func TestShutdown(t *testing.T) {
	box := boxtest.NewMemory()
	w := open(t, box, relay.Options{})
	var all sync.WaitGroup
	var mu sync.Mutex
	handed := map[envelope.ID]bool{}
	running := make(chan struct{}, 8)
	for i := range 8 {
		p := newPhone(units(t, 200, envelope.S1, 0, uint64(i*1000))...)
		tk := start(w.dial(nil), exchange.Config{}, p)
		all.Go(func() {
			defer tk.close()
			once := sync.OnceFunc(func() { running <- struct{}{} })
			o, err := tk.until(t.Context(), func(o exchange.Outcome) bool {
				if len(o.Handed) > 20 {
					once()
				}
				return false
			})
			if !o.Bye && !errors.Is(err, io.EOF) && !errors.Is(err, exchange.ErrOver) && !errors.Is(err, linkrelay.ErrCut) {
				t.Errorf("client %d: %v", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, it := range o.Handed {
				handed[it.ID] = true
			}
		})
	}
	<-running // the first; the others are in the middle of it
	begin := time.Now()
	w.stop()
	if d := time.Since(begin); d > 4*time.Second {
		t.Errorf("the end took %v", d)
	}
	all.Wait()
	for id := range handed {
		if _, err := box.Get(t.Context(), id, 0, 0); err != nil {
			t.Fatal("confirmed and not in the box")
		}
	}
	if len(handed) < 20 {
		t.Errorf("only %d were confirmed", len(handed))
	}
}
