package lock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jauap/jauap/account/sqlite"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

// TestInOneProcess locks a real node where the process cannot begin anew, as on
// Windows: a stick carries what was sealed before, and brings what opens after.
func TestInOneProcess(t *testing.T) {
	ctx := t.Context()
	cfg := config.Default()
	cfg.Listen, cfg.Multicast, cfg.Sticks, cfg.Page = "off", false, config.SticksOff, "127.0.0.1:0"
	open := func(name string) (daemon.Options, *daemon.Daemon) {
		o := daemon.Options{Dir: filepath.Join(t.TempDir(), "profile"), Config: cfg, Prompt: true}
		if err := daemon.Init(o.Dir, name, nil, nil); err != nil {
			t.Fatal(err)
		}
		d, err := daemon.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return o, d
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	oa, a := open("Aigerim")
	_, b := open("Dana")
	t.Cleanup(func() { b.Close() })
	mine, err := a.Invite(ctx)
	must(err)
	theirs, err := b.Invite(ctx)
	must(err)
	_, err = a.Accept(ctx, api.AcceptAsk{Code: theirs.Link})
	must(err)
	_, err = b.Accept(ctx, api.AcceptAsk{Code: mine.Link})
	must(err)
	must(a.Close())
	must(sqlite.ChangePassphrase(filepath.Join(oa.Dir, "vault.db"), nil, []byte("right"), sqlite.Params{MemoryKiB: 64 << 10, Passes: 1}))

	oa.Passphrase = []byte("right")
	s, err := Serve(oa, nil)
	must(err)
	t.Cleanup(func() { s.Close() })
	s.Keeper.anew = nil
	door := api.NewClient(s.door)
	_, err = door.Send(ctx, api.SendAsk{To: "Dana", Text: "from inside"})
	must(err)
	state, err := door.Lock(ctx, api.LockAsk{})
	if err != nil || !state.Locked {
		t.Fatalf("locking: %+v, %v", state, err)
	}
	if _, err := door.People(ctx); !errors.Is(err, api.ErrLocked) {
		t.Errorf("people: %v", err)
	}
	if string(oa.Passphrase) != "\x00\x00\x00\x00\x00" {
		t.Errorf("the passphrase stayed: %q", oa.Passphrase)
	}
	stick := t.TempDir()
	haul, err := door.Carry(ctx, api.CarryAsk{Path: stick})
	if err != nil || haul.Written != 1 {
		t.Errorf("what was sealed does not go: %+v, %v", haul, err)
	}
	_, err = b.Send(ctx, api.SendAsk{To: "Aigerim", Text: "from outside"})
	must(err)
	if haul, err = b.Carry(ctx, api.CarryAsk{Path: stick}); err != nil || haul.Opened != 1 {
		t.Errorf("what was sealed does not arrive: %+v, %v", haul, err)
	}
	if haul, err = door.Carry(ctx, api.CarryAsk{Path: stick}); err != nil || haul.Read == 0 || haul.Opened != 0 {
		t.Errorf("what comes is not taken in: %+v, %v", haul, err)
	}
	if _, err = door.Unlock(ctx, api.UnlockAsk{Passphrase: []byte("left")}); !errors.Is(err, api.ErrMismatch) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	_, err = door.Unlock(ctx, api.UnlockAsk{Passphrase: []byte("right")})
	must(err)
	list, err := door.Read(ctx, api.ReadAsk{})
	if err != nil || len(list) != 1 || list[0].Text != "from outside" {
		t.Errorf("what came does not open: %+v, %v", list, err)
	}
	out, err := door.Outbox(ctx)
	if err != nil || len(out) != 1 || out[0].State == api.Saved {
		t.Errorf("what left while it was locked: %+v, %v", out, err)
	}
	// Erased while locked, and the node knows.
	_, err = door.Lock(ctx, api.LockAsk{})
	must(err)
	_, err = door.Wipe(ctx, api.WipeAsk{Sure: true})
	if !errors.Is(err, api.ErrUsage) {
		t.Errorf("a node that nobody ends: %v", err)
	}
	must(s.Close())
	if _, err := os.Stat(filepath.Join(oa.Dir, "door.json")); err == nil {
		t.Error("the door stayed")
	}
}
