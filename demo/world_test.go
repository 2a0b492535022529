package demo

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// TestWorld plays the buttons without a browser.
func TestWorld(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("JAUAP_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	w, err := newWorld(ctx, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		end()
		if err := w.close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(w.dir); !os.IsNotExist(err) {
			t.Errorf("left behind: %s", w.dir)
		}
	}()
	send := func(from int, to, text string) {
		t.Helper()
		if _, err := w.nodes[from].Send(ctx, api.SendAsk{To: to, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	state := func(from int, want ...api.State) {
		t.Helper()
		var got api.State
		for range 1200 {
			list, err := w.nodes[from].Outbox(ctx)
			if err != nil {
				t.Fatal(err)
			}
			got = list[0].State
			for _, s := range want {
				if got == s {
					return
				}
			}
			time.Sleep(50 * time.Millisecond) // real sockets have a clock of their own
		}
		t.Fatalf("the newest letter is %s, want one of %s", got, want)
	}
	reads := func(who int, from, text string) {
		t.Helper()
		for range 1200 {
			list, err := w.nodes[who].Read(ctx, api.ReadAsk{From: from})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range list {
				if l.Text == text {
					return
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%s does not read %q", names[who], text)
	}
	do := func(what string) {
		t.Helper()
		if err := w.Press(ctx, what); err != nil {
			t.Fatal(err)
		}
	}
	send(aigerim, "Dana", "we are alive")
	state(aigerim, api.Saved)
	do("meet")
	state(aigerim, api.Carried)
	do("travel")
	reads(dana, "Aigerim", "we are alive")
	send(dana, "Aigerim", "we hear you")
	do("carry")
	reads(aigerim, "Dana", "we hear you")
	send(aigerim, "Dana", "by the window")
	do("net")
	reads(dana, "Aigerim", "by the window")
	state(aigerim, api.Delivered, api.Read)
	do("net")
	do("names")
	send(aigerim, "Dana", "by names alone")
	reads(dana, "Aigerim", "by names alone")
	if err := w.Press(ctx, "meet"); err == nil {
		t.Error("Aigerim met Timur, who is abroad")
	}
}
