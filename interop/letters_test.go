package interop

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/dtn7/dtn7-go/pkg/bpv7"
	"github.com/dtn7/dtn7-go/pkg/cla/mtcp"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

// one runs a whole Jauap whose only ways are these bundle nodes.
func one(t *testing.T, name string, bundles ...string) *daemon.Daemon {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := daemon.Init(dir, name, nil, time.Now); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Listen, c.Multicast, c.Receipts, c.Bundles = "off", false, config.ReceiptsPrompt, bundles
	d, err := daemon.Open(daemon.Options{Dir: dir, Config: c, Now: time.Now, Prompt: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func befriend(t *testing.T, a, b *daemon.Daemon) {
	t.Helper()
	for name, p := range map[string][2]*daemon.Daemon{"a": {a, b}, "b": {b, a}} {
		i, err := p[0].Invite(t.Context())
		if err == nil {
			_, err = p[1].Accept(t.Context(), api.AcceptAsk{Code: i.Link, Name: name})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func send(t *testing.T, d *daemon.Daemon, to, text string) {
	t.Helper()
	if _, err := d.Send(t.Context(), api.SendAsk{To: to, Text: text}); err != nil {
		t.Fatal(err)
	}
}

// until waits for a fact.
func until(t *testing.T, what string, is func(context.Context) bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(t.Context()); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// letter waits until d has opened a letter, and its writer knows.
func letter(t *testing.T, d, writer *daemon.Daemon, from, text string) {
	t.Helper()
	until(t, text, func(ctx context.Context) bool {
		list, err := d.Read(ctx, api.ReadAsk{From: from})
		return err == nil && len(list) > 0 && list[len(list)-1].Text == text
	})
	until(t, text+", confirmed", func(ctx context.Context) bool {
		list, err := writer.Outbox(ctx)
		return err == nil && len(list) > 0 && (list[len(list)-1].State == api.Delivered || list[len(list)-1].State == api.Read)
	})
}

func start(t *testing.T, ds ...*daemon.Daemon) {
	t.Helper()
	for _, d := range ds {
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLettersOverTCPCL: two people write to each other through two dtn7 nodes.
func TestLettersOverTCPCL(t *testing.T) {
	left, right := chain(t)
	a := one(t, "a", "tcpcl://"+left+",as=dtn://shore/,to=dtn://island/mail")
	b := one(t, "b", "tcpcl://"+right+",as=dtn://island/,to=dtn://shore/mail")
	befriend(t, a, b)
	start(t, a, b)
	send(t, a, "b", "by way of dtn7")
	letter(t, b, a, "a", "by way of dtn7")
	send(t, b, "a", "and back")
	letter(t, a, b, "b", "and back")
}

// TestLettersOverMTCP: the same over one node with two one-way lines to each.
func TestLettersOverMTCP(t *testing.T) {
	n, in, toA, toB := node(t, "mtcp"), free(t), free(t), free(t)
	a := one(t, "a", "mtcp://"+in, "mtcp://"+toA+",listen")
	b := one(t, "b", "mtcp://"+in, "mtcp://"+toB+",listen")
	befriend(t, a, b)
	start(t, a, b)
	n.RegisterConvergable(mtcp.NewMTCPServer(in, n.NodeId, true))
	n.RegisterConvergable(mtcp.NewMTCPClient(toA, bpv7.MustNewEndpointID("dtn://a/"), true))
	n.RegisterConvergable(mtcp.NewMTCPClient(toB, bpv7.MustNewEndpointID("dtn://b/"), true))
	send(t, a, "b", "one way")
	letter(t, b, a, "a", "one way")
	send(t, b, "a", "the other way")
	letter(t, a, b, "b", "the other way")
}
