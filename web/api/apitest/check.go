package apitest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// Check asks b what every Backend must answer alike, whether it has people or
// not: errors by kind, counters, refusals. It sends nothing to anybody.
func Check(t *testing.T, b api.Backend) {
	t.Helper()
	t.Run("me", func(t *testing.T) { checkMe(t, b) })
	t.Run("strangers", func(t *testing.T) { checkStrangers(t, b) })
	t.Run("wait", func(t *testing.T) { checkWait(t, b) })
	t.Run("safety", func(t *testing.T) { checkSafety(t, b) })
	t.Run("people", func(t *testing.T) { checkPeople(t, b) })
}

func checkMe(t *testing.T, b api.Backend) {
	me, err := b.Me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !api.GoodID(me.ID) || len(me.Words) != 8 || len(strings.Fields(me.Digits)) != 6 {
		t.Errorf("me = %+v: want an ID, 8 words and 24 digits in groups of four", me)
	}
	in, err := b.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(in.Link, "jauap:") {
		t.Errorf("invitation %.20q does not start with jauap:", in.Link)
	}
}

// checkStrangers names nobody, nothing and nonsense.
func checkStrangers(t *testing.T, b api.Backend) {
	ctx := t.Context()
	const nobody = "nobody of that name, surely"
	_, err := b.Send(ctx, api.SendAsk{To: nobody, Text: "hello"})
	want(t, "send to a stranger", err, api.ErrUnknownPerson)
	_, err = b.Verify(ctx, api.VerifyAsk{Name: nobody, Compared: true})
	want(t, "verify a stranger", err, api.ErrUnknownPerson)
	_, err = b.Rename(ctx, api.RenameAsk{Name: nobody, As: "somebody"})
	want(t, "rename a stranger", err, api.ErrUnknownPerson)
	_, err = b.Read(ctx, api.ReadAsk{From: nobody})
	want(t, "read a stranger", err, api.ErrUnknownPerson)
	_, err = b.Conversation(ctx, api.ConversationAsk{With: nobody})
	want(t, "talk with a stranger", err, api.ErrUnknownPerson)
	for _, code := range []string{"", "hello", "jauap:1:", "jauap:99:AAAA", strings.Repeat("A", 100_000)} {
		_, err = b.Accept(ctx, api.AcceptAsk{Code: code})
		want(t, "accept nonsense", err, api.ErrBadInvite)
	}
	for _, code := range []string{"", "12", "apple apple", strings.Repeat("1", 23)} {
		_, err = b.Look(ctx, api.LookAsk{Code: code})
		want(t, "look for nonsense", err, api.ErrMistyped)
	}
	_, err = b.Introduce(ctx, api.IntroduceAsk{A: nobody, B: nobody})
	want(t, "introduce strangers", err, api.ErrUnknownPerson)
	_, err = b.AnswerIntroduction(ctx, api.AnswerAsk{ID: "x", Yes: true})
	want(t, "answer no introduction", err, api.ErrNotFound)
	_, err = b.Scan(ctx, []byte("no picture"))
	want(t, "scan no picture", err, api.ErrBadPicture)
	for _, id := range []string{"", "x", "../../etc/passwd"} {
		_, err = b.EndCall(ctx, api.EndAsk{ID: id})
		want(t, "end no call", err, api.ErrNotFound)
	}
	for _, id := range []string{"", "x", "../../etc/passwd", "%2e%2e"} {
		_, body, err := b.Attachment(ctx, id)
		want(t, "attachment "+id, err, api.ErrNotFound)
		if body != nil {
			t.Errorf("attachment %q: a body beside the error", id)
		}
	}
}

// checkWait asks that a change is seen by who waits, and that waiting ends.
func checkWait(t *testing.T, b api.Backend) {
	n, err := b.Wait(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Wait(ctx, n+1000); !errors.Is(err, context.Canceled) {
		t.Errorf("wait after its context ended: %v, want canceled", err)
	}
}

func checkPeople(t *testing.T, b api.Backend) {
	people, err := b.People(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		if !api.GoodID(p.ID) || p.Name == "" {
			t.Errorf("person %+v: want a name and an ID", p)
		}
		if _, err := b.Conversation(t.Context(), api.ConversationAsk{With: p.ID}); err != nil {
			t.Errorf("conversation by ID: %v", err)
		}
		if _, err := b.Send(t.Context(), api.SendAsk{To: p.ID}); !errors.Is(err, api.ErrUsage) {
			t.Errorf("an empty letter: %v, want %v", err, api.ErrUsage)
		}
		if _, err := b.Verify(t.Context(), api.VerifyAsk{Name: p.ID, Code: "these are not the words of anybody here"}); !errors.Is(err, api.ErrMismatch) {
			t.Errorf("wrong words: %v, want %v", err, api.ErrMismatch)
		}
		for _, name := range []string{"", " ", strings.Repeat("я", 33)} {
			if _, err := b.Rename(t.Context(), api.RenameAsk{Name: p.ID, As: name}); !errors.Is(err, api.ErrUsage) {
				t.Errorf("the name %q: %v, want %v", name, err, api.ErrUsage)
			}
		}
		if got, err := b.Rename(t.Context(), api.RenameAsk{Name: p.ID, As: p.Name}); err != nil || got.Name != p.Name || got.ID != p.ID {
			t.Errorf("the name it has: %+v, %v", got, err)
		}
	}
}

func want(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// checkSafety names nobody and nonsense, and tells what anybody may.
func checkSafety(t *testing.T, b api.Backend) {
	ctx := t.Context()
	people, err := b.People(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const nobody = "nobody of that name, surely"
	_, err = b.Safe(ctx, api.SafeAsk{Kind: "safe", To: []string{nobody}})
	want(t, "tell a stranger", err, api.ErrUnknownPerson)
	_, err = b.Words(ctx, api.WordsAsk{From: nobody})
	want(t, "words of a stranger", err, api.ErrUnknownPerson)
	_, err = b.Promise(ctx, api.PromiseAsk{Cancel: true})
	want(t, "take back nothing", err, api.ErrNotFound)
	_, err = b.TakeNote(ctx, api.TakeAsk{Text: "no code"})
	want(t, "a note without a code", err, api.ErrUsage)
	_, err = b.TakeNote(ctx, api.TakeAsk{Text: "x #000000-000000-000000"})
	want(t, "a note of nobody", err, api.ErrMismatch)
	if list, err := b.TakeNotes(ctx, api.TakeAsk{Text: "x #000000-000000-000000"}); err != nil || len(list) != 1 || list[0].Taken != nil || list[0].Why != "mismatch" || list[0].Error == "" {
		t.Errorf("notes of nobody: %+v %v", list, err)
	}
	for _, a := range []api.SafeAsk{{}, {Kind: "fine"}, {Kind: "looking"}, {Kind: "safe", Note: strings.Repeat("x", 281)}} {
		_, err = b.Safe(ctx, a)
		want(t, "a word of kind "+a.Kind, err, api.ErrUsage)
	}
	if len(people) == 0 {
		_, err = b.Safe(ctx, api.SafeAsk{Kind: "safe"})
		want(t, "tell when there is nobody", err, api.ErrUsage)
		return
	}
	told, err := b.Safe(ctx, api.SafeAsk{Kind: "safe", Town: "Almaty", Note: "well"})
	if err != nil || len(told.To) != len(people) || told.To[0].State != api.Saved {
		t.Fatalf("%+v %v", told, err)
	}
	all, err := b.Told(ctx)
	if err != nil || len(all) == 0 || all[0].Seq != told.Seq {
		t.Errorf("%+v %v", all, err)
	}
	notes, err := b.Notes(ctx, api.NotesAsk{Lang: "kk", To: []string{people[0].ID}})
	if err != nil || len(notes) != 1 || notes[0].Units > notes[0].Limit || !strings.HasSuffix(notes[0].Text, "#"+notes[0].Code) {
		t.Errorf("%+v %v", notes, err)
	}
}
