package daemon

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// TestLetterByRecording: a letter goes into a transport stream, a third of the
// recording is lost, and only its reader opens it; a stranger carries it on.
func TestLetterByRecording(t *testing.T) {
	a, b, c := newOne(t, "aigerim", time.Now), newOne(t, "dana", time.Now), newOne(t, "timur", time.Now)
	da, db, dc := a.up(), b.up(), c.up()
	defer a.down()
	defer b.down()
	defer c.down()
	befriend(t, da, db, "aigerim", "dana")
	if _, err := da.Send(t.Context(), api.SendAsk{To: "dana", Text: "by satellite"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "air.ts")
	done, err := da.Broadcast(t.Context(), api.BroadcastAsk{File: path})
	if err != nil || done.Envelopes == 0 || done.Sent == 0 || done.Rounds != 1 {
		t.Fatalf("broadcast: %+v, %v", done, err)
	}
	stream, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(t.TempDir(), "record.ts")
	if err := os.WriteFile(part, append([]byte("a recorder's own head"), stream[len(stream)/4:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, who := range []struct {
		d    *Daemon
		open int
	}{{db, 1}, {dc, 0}} {
		haul, err := who.d.Tune(t.Context(), api.TuneAsk{File: part})
		if err != nil || haul.Read == 0 || haul.Opened != who.open {
			t.Errorf("tune: %+v, %v; want %d opened", haul, err, who.open)
		}
	}
	list, err := db.Read(t.Context(), api.ReadAsk{})
	if err != nil || len(list) != 1 || list[0].Text != "by satellite" {
		t.Errorf("read %+v, %v", list, err)
	}
	out, err := da.Outbox(t.Context())
	if err != nil || len(out) != 1 || out[0].State != api.Saved {
		t.Errorf("outbox %+v, %v: nobody confirmed anything", out, err)
	}
	for _, ask := range []api.TuneAsk{{File: path + "x"}, {From: "x"}, {File: path, From: "127.0.0.1:9"}, {Seconds: -1}} {
		if _, err := db.Tune(t.Context(), ask); !errors.Is(err, api.ErrUsage) {
			t.Errorf("tune %+v: %v", ask, err)
		}
	}
	for _, ask := range []api.BroadcastAsk{{File: path, To: "127.0.0.1:9"}, {Loss: 50}, {PID: 9000}, {To: "nowhere"}, {Rate: 3, To: "127.0.0.1:9"}} {
		if _, err := da.Broadcast(t.Context(), ask); !errors.Is(err, api.ErrUsage) {
			t.Errorf("broadcast %+v: %v", ask, err)
		}
	}
}

// TestLetterOverTheAir: one sends round and round, another happens to listen.
func TestLetterOverTheAir(t *testing.T) {
	a, b := newOne(t, "aigerim", time.Now), newOne(t, "dana", time.Now)
	da, db := a.up(), b.up()
	defer a.down()
	defer b.down()
	befriend(t, da, db, "aigerim", "dana")
	if _, err := da.Send(t.Context(), api.SendAsk{To: "dana", Text: "to all of you"}); err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + udpPort(t)
	ctx, stop := context.WithCancel(t.Context())
	type answer struct {
		aired api.Aired
		haul  api.Haul
		err   error
	}
	sent, heard := make(chan answer, 1), make(chan answer, 1)
	go func() {
		done, err := da.Broadcast(ctx, api.BroadcastAsk{To: addr, Rate: 10_000_000})
		sent <- answer{aired: done, err: err}
	}()
	listening, enough := context.WithCancel(t.Context())
	go func() {
		haul, err := db.Tune(listening, api.TuneAsk{From: addr})
		heard <- answer{haul: haul, err: err}
	}()
	begin := time.Now()
	for {
		list, err := db.Read(t.Context(), api.ReadAsk{Keep: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 && list[0].Text == "to all of you" {
			break
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatal("the letter was not heard")
		}
		time.Sleep(20 * time.Millisecond)
	}
	enough()
	if got := <-heard; got.err != nil || got.haul.Opened != 1 {
		t.Errorf("tune: %+v", got)
	}
	stop()
	if got := <-sent; got.err != nil || got.aired.Sent == 0 {
		t.Errorf("broadcast: %+v", got)
	}
	s, err := db.Status(t.Context())
	if err != nil || len(s.Links) != 1 || s.Links[0].Kind != "broadcast" || s.Links[0].In == 0 {
		t.Errorf("status %+v, %v", s.Links, err)
	}
}

func udpPort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	return port
}
