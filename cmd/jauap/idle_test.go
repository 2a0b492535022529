package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/store"

	"github.com/jauap/jauap/account/sqlite"
)

// BenchmarkIdle reports the memory of an idle node with 100 contacts and
// 100,000 envelopes of strangers, in MB of resident memory.
//
//	go test ./cmd/jauap -run '^$' -bench Idle -benchtime 1x
func BenchmarkIdle(b *testing.B) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("resident memory is read from /proc, which this system lacks")
	}
	p := program{b, filepath.Join(b.TempDir(), "idle")}
	p.ok("init", "--name", "idle", "--no-passphrase")
	crowd(b, p.dir)
	program := filepath.Join(b.TempDir(), "jauap") // what people run, without the tests' parts
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for b.Loop() {
		cmd := p.command(append(slices.Clone(quiet), "--listen", "127.0.0.1:0")...)
		cmd.Path = program
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		time.Sleep(20 * time.Second) // until it idles
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(string(status)) {
			var kb float64
			for _, kind := range []string{"VmRSS", "RssAnon", "RssFile"} {
				if n, _ := fmt.Sscanf(line, kind+": %f kB", &kb); n == 1 {
					b.ReportMetric(kb/1000, "MB-"+kind)
				}
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// crowd puts 100 contacts into a profile's vault and 100,000 envelopes on its
// shelf.
func crowd(b *testing.B, dir string) {
	b.Helper()
	now := account.Moment{Wall: time.Now(), Day: envelope.DayOf(time.Now())}
	v, err := sqlite.Open(filepath.Join(dir, "vault.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	a, err := account.Open(v, now)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 100 {
		other, err := identity.New(fmt.Sprintf("contact %d", i))
		if err != nil {
			b.Fatal(err)
		}
		card, err := other.NewCard(0)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := a.Accept(now, card.Invite(), "", false); err != nil {
			b.Fatal(err)
		}
	}
	// Sealed hellos make sessions, each with its window of expected tags.
	for {
		packed, err := a.Pack(now, 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		if len(packed) == 0 {
			break
		}
		for _, p := range packed {
			if err := a.Submitted(p.ID); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := v.Close(); err != nil {
		b.Fatal(err)
	}
	fsys, err := durable.OS(filepath.Join(dir, "shelf"))
	if err != nil {
		b.Fatal(err)
	}
	sh, _, err := store.Open(fsys, store.Options{Quota: 512 << 20, Today: now.Day})
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, envelope.S1.BodySize()+ed25519.SignatureSize)
	rand.Read(body)
	for i := range 100_000 {
		var key [32]byte
		binary.LittleEndian.PutUint64(key[:], uint64(i))
		e, err := envelope.Parse(append(envelope.Head(envelope.S1, 0, now.Day.Add(1+i%30), key), body...))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := sh.Put(e, store.Meta{Today: now.Day, Rank: 2}); err != nil {
			b.Fatal(err)
		}
	}
	if err := sh.Close(); err != nil {
		b.Fatal(err)
	}
}
