package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jauap/jauap/bench"
	"github.com/jauap/jauap/internal/netem"
	"github.com/jauap/jauap/web/api"
)

// wire is a line between two namespaces, of IP packets, over a TUN device in each.
type wire struct {
	mu   sync.Mutex
	up   bool
	lane [2]*netem.Lane
}

const wireAddr = "10.77.0."

// newWire joins two devices of an air.
func (a *air) newWire(ends [2]device) *wire {
	a.t.Helper()
	w := &wire{}
	var files [2]*os.File
	for i, d := range ends {
		name := fmt.Sprintf("jt%x%d", rand.Uint32(), i)
		if _, err := os.Stat("/dev/net/tun"); err != nil { // some containers leave it out
			_ = os.MkdirAll("/dev/net", 0o755)
			_ = unix.Mknod("/dev/net/tun", unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200)))
		}
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			a.t.Fatal(err)
		}
		ifr, err := unix.NewIfreq(name)
		if err != nil {
			a.t.Fatal(err)
		}
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(ifr))); e != 0 {
			a.t.Fatal(e)
		}
		files[i] = os.NewFile(uintptr(fd), name)
		a.ip("link set %s netns %s", name, a.name(d.who))
		a.ip("-n %s addr add %s%d peer %s%d dev %s", a.name(d.who), wireAddr, i+1, wireAddr, 2-i, name)
		a.ip("-n %s link set %s mtu 1500 up", a.name(d.who), name)
	}
	w.set(netem.Params{}, true, 1)
	var group sync.WaitGroup
	for i := range files {
		group.Go(func() { w.carry(files[i], files[1-i], i) })
	}
	a.t.Cleanup(func() {
		for _, f := range files {
			f.Close()
		}
		group.Wait()
	})
	return w
}

func (w *wire) set(p netem.Params, up bool, seed uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up, w.lane = up, [2]*netem.Lane{netem.NewLane(p, seed), netem.NewLane(p, seed+1000)} // as netem.New has them
}

// carry takes packets in one direction; those still under way when the line goes
// down are lost.
func (w *wire) carry(from, to *os.File, dir int) {
	type late struct {
		at time.Time
		b  []byte
	}
	pipe := make(chan late, 1<<14)
	var group sync.WaitGroup
	group.Go(func() {
		for p := range pipe {
			time.Sleep(time.Until(p.at))
			w.mu.Lock()
			up := w.up
			w.mu.Unlock()
			if up {
				_, _ = to.Write(p.b)
			}
		}
	})
	defer group.Wait()
	defer close(pipe)
	b := make([]byte, 2048)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if n < netem.Overhead || b[0]>>4 != 4 { // the kernel's IPv6 is left out
			continue
		}
		w.mu.Lock()
		fates := w.lane[dir].Admit(time.Now(), n-netem.Overhead, w.up)
		w.mu.Unlock()
		for _, f := range fates {
			select {
			case pipe <- late{f.At, bytes.Clone(b[:n])}:
			default: // as a queue that is full
			}
		}
	}
}

// haul is what came through a window; times are since it opened, zero for never.
type haul struct {
	texts, photos, videos       int
	first, allTexts, everything time.Duration
}

func (h haul) String() string {
	at := func(d time.Duration) string {
		if d == 0 {
			return "–"
		}
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("first text %s, %d texts, all %s; %d photos, %d videos, everything %s", at(h.first), h.texts, at(h.allTexts), h.photos, h.videos, at(h.everything))
}

func (h haul) payload(l load) int64 {
	return int64(h.texts)*l.text + int64(h.photos)*l.photo + int64(h.videos)*l.video
}

// load is what waits; of texts so many go the other way, too.
type load struct {
	link                  netem.Params
	up                    time.Duration
	texts, photos, videos int
	text, photo, video    int64
	shared                int    // old envelopes that both hold
	seed                  uint64 // of losses
}

// wireLoad reads JAUAP_TUN: rate, round trip and loss as `bench window` takes them,
// then seconds, texts, photos, videos and the seed of losses.
func wireLoad(t *testing.T) load {
	t.Helper()
	l := load{link: netem.Params{Rate: 1e6, Delay: 50 * time.Millisecond, Loss: 0.01}, up: 40 * time.Second, texts: 40, photos: 2, text: 200, photo: 60_000, video: 2_000_000, seed: 3}
	if text := os.Getenv("JAUAP_TUN"); text != "" {
		var rtt, up float64
		if _, err := fmt.Sscan(text, &l.link.Rate, &rtt, &l.link.Loss, &up, &l.texts, &l.photos, &l.videos, &l.seed); err != nil {
			t.Fatalf("JAUAP_TUN=%q: %v; expected bit/s, seconds of round trip, loss, seconds up, texts, photos, videos, seed", text, err)
		}
		l.shared = bench.UsualWindow().Shared
		l.link.Delay, l.up = time.Duration(rtt/2*float64(time.Second)), time.Duration(up*float64(time.Second))
	}
	return l
}

// TestWire: two real nodes as two processes in two namespaces over a TUN line, and
// rsync over ssh on the same line with the same load afterwards, unless JAUAP_TUN_RSYNC is
// no. With JAUAP_TUN it measures what it says; otherwise a small load must pass.
func TestWire(t *testing.T) {
	a := newAir(t)
	l := wireLoad(t)
	two := a.friends("aigerim", "dana")
	ends := [2]device{two[0], two[1]}
	for _, d := range ends { // what others' machines usually run; not every kernel gives it to a namespace
		_ = exec.Command("ip", "netns", "exec", a.name(d.who), "sysctl", "-qw", "net.ipv4.tcp_congestion_control=cubic").Run()
	}
	w := a.newWire(ends)
	for _, d := range ends {
		if err := bench.OldEnvelopes(filepath.Join(d.dir, "shelf"), l.shared); err != nil {
			t.Fatal(err)
		}
	}
	// Receipts as programs send them unless told otherwise: prompt ones are letters that go
	// before texts, in both directions.
	ends[1].up("--no-multicast", "--receipts", "late", "--listen", wireAddr+"2:48731")
	ends[0].up("--no-multicast", "--receipts", "late", "--listen", wireAddr+"1:48731", "--link", wireAddr+"2:48731")
	ends[0].wait("the first meeting", func() bool { return ends[0].meets("dana") && ends[1].meets("aigerim") })
	for i := range 2 { // so that a session of each is in use when the window opens
		for j, d := range ends {
			text := fmt.Sprint("before ", i)
			d.ok("send", ends[1-j].who, text)
			ends[1-j].wait("a letter over a perfect line", func() bool { return ends[1-j].has(d.who, text) })
		}
	}
	time.Sleep(time.Second) // answers without content go now, not in the window
	w.set(netem.Params{}, false, 1)
	apart := func(d device) bool {
		return !slices.ContainsFunc(d.links(), func(k api.Link) bool { return k.State == "up" })
	}
	ends[0].wait("the parting", func() bool { return apart(ends[0]) && apart(ends[1]) })
	l.write(ends)
	w.set(l.link, true, l.seed)
	opened := time.Now()
	ours := l.await(ends[1], opened)
	w.set(netem.Params{}, false, 1)
	cc, _ := exec.Command("ip", "netns", "exec", a.name(ends[0].who), "sysctl", "-n", "net.ipv4.tcp_congestion_control").Output()
	t.Logf("load average %s, TCP by %s; %.0f bit/s, %v, %.1f %%, %v", loadAverage(), bytes.TrimSpace(cc), l.link.Rate, 2*l.link.Delay, 100*l.link.Loss, l.up)
	share := func(h haul) float64 {
		took := l.up
		if h.everything > 0 {
			took = h.everything
		}
		return float64(h.payload(l)) * 8 / l.link.Rate / took.Seconds()
	}
	t.Logf("ours:  %v; share %.2f", ours, share(ours))
	if os.Getenv("JAUAP_TUN") == "" {
		if ours.texts != l.texts || ours.photos != l.photos {
			t.Errorf("in %v over a good line", l.up)
		}
		return
	}
	if os.Getenv("JAUAP_TUN_RSYNC") == "no" {
		return
	}
	theirs := l.rsync(a, w, ends)
	t.Logf("rsync: %v; share %.2f", theirs, share(theirs))
}

func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	f := strings.Fields(string(b))
	return strings.Join(f[:min(1, len(f))], "")
}

func (l load) line(i int) string {
	s := fmt.Sprintf("text %d ", i)
	return s + strings.Repeat("n", int(l.text)-len(s))
}

// write lets both write the load.
func (l load) write(ends [2]device) {
	t := ends[0].t
	t.Helper()
	var lines strings.Builder
	for i := range l.texts {
		fmt.Fprintln(&lines, l.line(i))
	}
	for i, d := range ends {
		cmd := d.command("send", ends[1-i].who, "--lines")
		cmd.Stdin = strings.NewReader(lines.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for i := range l.photos + l.videos {
		name, size := fmt.Sprintf("photo%02d.jpg", i), l.photo
		if i >= l.photos {
			name, size = fmt.Sprintf("video%02d.mp4", i), l.video
		}
		ends[0].ok("send", ends[1].who, "--attach", noise(t, t.TempDir(), name, size))
	}
}

func noise(t testing.TB, dir, name string, size int64) string {
	t.Helper()
	path := filepath.Join(dir, name)
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// await looks at what the far end can read until the window ends or all is there. The
// times of texts are the node's own.
func (l load) await(d device, opened time.Time) (h haul) {
	for {
		over := time.Since(opened) > l.up
		var list []api.Letter
		d.json(&list, "read", "aigerim", "--json", "--keep")
		h = haul{}
		for _, x := range list {
			if strings.HasPrefix(x.Text, "text ") && x.ReceivedAt != nil {
				h.texts++
				at := x.ReceivedAt.Sub(opened)
				if h.first == 0 || at < h.first {
					h.first = at
				}
				h.allTexts = max(h.allTexts, at)
			}
			for _, f := range x.Attachments {
				switch {
				case f.Have < f.Bytes:
				case strings.HasPrefix(f.Name, "photo"):
					h.photos++
				default:
					h.videos++
				}
			}
		}
		if h.texts < l.texts {
			h.allTexts = 0
		} else if h.photos == l.photos && h.videos == l.videos {
			h.everything = time.Since(opened)
			return h
		}
		if over {
			return h
		}
		time.Sleep(time.Second / 2)
	}
}

// rsync sends the same load by rsync over ssh, both directions at once, begun when the
// line opens; its times are those at which its files got their names.
func (l load) rsync(a *air, w *wire, ends [2]device) (h haul) {
	t := a.t
	t.Helper()
	dir := t.TempDir()
	// With processes of their own, so that all that they begin ends with them: over a
	// line that is down nobody hears that the other end is gone.
	in := func(who device, args ...string) *exec.Cmd {
		return exec.Command("ip", append([]string{"netns", "exec", a.name(who.who), "unshare", "--pid", "--fork", "--kill-child"}, args...)...)
	}
	for _, k := range []string{"host", "user"} {
		a.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, k))
	}
	if err := errors.Join(os.MkdirAll("/run/sshd", 0o755), os.MkdirAll(filepath.Join(dir, "out"), 0o700), os.MkdirAll(filepath.Join(dir, "back"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for i := range l.texts {
		for _, to := range []string{"out", "back"} {
			if err := os.WriteFile(filepath.Join(dir, to, fmt.Sprintf("a-text%03d", i)), []byte(l.line(i)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range l.photos {
		noise(t, filepath.Join(dir, "out"), fmt.Sprintf("b-photo%02d", i), l.photo)
	}
	for i := range l.videos {
		noise(t, filepath.Join(dir, "out"), fmt.Sprintf("c-video%02d", i), l.video)
	}
	sshd := in(ends[1], "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", "2222", "-h", filepath.Join(dir, "host"), "-o", "PidFile=none",
		"-o", "AuthorizedKeysFile="+filepath.Join(dir, "user.pub"), "-o", "StrictModes=no", "-o", "PermitRootLogin=yes", "-o", "UsePAM=no")
	if err := sshd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sshd.Process.Kill(); _ = sshd.Wait() })
	shell := "ssh -p 2222 -i " + filepath.Join(dir, "user") + " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
	far := "root@" + wireAddr + "2:"
	got, back := filepath.Join(dir, "got")+"/", filepath.Join(dir, "gotback")+"/"
	time.Sleep(time.Second) // sshd listens; the line is down until then
	w.set(l.link, true, l.seed)
	opened := time.Now()
	runs := []*exec.Cmd{
		in(ends[0], "rsync", "-r", "-e", shell, filepath.Join(dir, "out")+"/", far+got),
		in(ends[0], "rsync", "-r", "-e", shell, far+filepath.Join(dir, "back")+"/", back),
	}
	var group sync.WaitGroup
	for _, r := range runs {
		r.Stdout, r.Stderr = io.Discard, os.Stderr
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		group.Go(func() { _ = r.Wait() })
	}
	ended := make(chan struct{})
	go func() { group.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(l.up):
	}
	whole := true
	entries, _ := os.ReadDir(got)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || strings.HasPrefix(e.Name(), ".") {
			whole = false
			continue
		}
		named := info.Sys().(*syscall.Stat_t).Ctim
		at := time.Unix(named.Unix()).Sub(opened)
		h.everything = max(h.everything, at)
		switch e.Name()[0] {
		case 'a':
			h.texts++
			if h.first == 0 || at < h.first {
				h.first = at
			}
			h.allTexts = max(h.allTexts, at)
		case 'b':
			h.photos++
		case 'c':
			h.videos++
		}
	}
	if h.texts < l.texts {
		h.allTexts = 0
	}
	if !whole || h.texts < l.texts || h.photos < l.photos || h.videos < l.videos {
		h.everything = 0
	}
	w.set(netem.Params{}, false, 1)
	for _, r := range runs {
		_ = r.Process.Kill()
	}
	<-ended
	return h
}
