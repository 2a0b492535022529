package demo

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"slices"

	"github.com/jauap/jauap/web"
	"github.com/jauap/jauap/web/api"
)

// voices is the act in which people ask after others, tell a newsroom what they
// saw, and a hospital speaks to everybody.
const voices = "voices"

// step is one thing that a newcomer does in the act of the voices.
type step struct {
	who        int
	text, path string
	done       func(*facts) bool
}

// facts are what the nodes say of themselves.
type facts struct {
	slips   [people][]api.Slip
	sent    [people]int // reports
	notices [people]int // of the hospital
	desk    api.Desk
}

// publish does what was done before the blackout: the newsroom printed the card
// of its inbox, and three of a hospital agreed on a board, of whom two speak for
// it. The third one's phone is lost.
func (w *world) publish(ctx context.Context) error {
	box, err := w.nodes[newsroom].Inbox(ctx, api.InboxAsk{Do: "open", Name: "Newsroom"})
	if err != nil {
		return err
	}
	if _, err := w.nodes[newsroom].DeskAct(ctx, api.DeskAct{Kind: "name", Text: "Newsroom"}); err != nil {
		return err
	}
	lost, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	editors := []string{hex.EncodeToString(lost)}
	for _, i := range []int{aigerim, timur} {
		if _, err := w.nodes[i].Inbox(ctx, api.InboxAsk{Do: "save", Card: box.Card}); err != nil {
			return err
		}
		e, err := w.nodes[i].Editor(ctx, api.EditorAsk{})
		if err != nil {
			return err
		}
		editors = append(editors, e.Key)
	}
	b, err := w.nodes[aigerim].Board(ctx, api.BoardAsk{Do: "create", Name: "City hospital", Editors: editors, Need: 2})
	if err != nil {
		return err
	}
	w.board = b.ID
	_, err = w.nodes[dana].Board(ctx, api.BoardAsk{Do: "follow", Card: b.Card})
	return err
}

// voices are the panes of the act.
func (w *world) voices() (list []web.Place) {
	for _, p := range []struct {
		who   int
		start string
	}{{dana, "slips/ask"}, {timur, "slips"}, {aigerim, "report"}, {newsroom, "desk"}} {
		place := w.place(p.who)
		place.Start = p.start
		list = append(list, place)
	}
	return list
}

// steps are numbered in this order.
func (w *world) steps() []step {
	board := "boards/" + w.board
	saw := func(who int) func(*facts) bool { return func(f *facts) bool { return f.sent[who] > 0 } }
	state := func(who int) func(*facts) bool {
		return func(f *facts) bool {
			return slices.ContainsFunc(f.slips[who], func(s api.Slip) bool { return s.State == "answered" })
		}
	}
	return []step{
		{dana, "Ask after Gulnar: Timur is to call her", "slips/ask", func(f *facts) bool { return len(f.slips[dana]) > 0 }},
		{timur, "Take her slip, and answer it", "slips", state(timur)},
		{dana, "Read who says so, how and when", "slips", state(dana)},
		{aigerim, "Report what you saw, with a photo", "report", saw(aigerim)},
		{timur, "Report it, too", "report", saw(timur)},
		{newsroom, "Put both reports into one incident", "desk", func(f *facts) bool {
			return slices.ContainsFunc(f.desk.Incidents, func(i api.DeskIncident) bool { return i.Count > 1 })
		}},
		{aigerim, "Write a notice of the hospital", board, func(f *facts) bool { return f.notices[aigerim] > 0 }},
		{timur, "Sign it, as the second of three editors", "editor", func(f *facts) bool { return f.notices[aigerim] > 0 }},
		{dana, "Read the hospital's board", board, func(f *facts) bool { return f.notices[dana] > 0 }},
	}
}

// look asks the nodes what was done. What was done stays so: a device forgets a
// report when the newsroom has it.
func (w *world) look(ctx context.Context) error {
	var f facts
	for _, i := range []int{dana, timur} {
		list, err := w.nodes[i].Slips(ctx)
		if err != nil {
			return err
		}
		f.slips[i] = list
	}
	for _, i := range []int{aigerim, timur} {
		list, err := w.nodes[i].SentReports(ctx)
		if err != nil {
			return err
		}
		f.sent[i] = len(list)
	}
	for _, i := range []int{aigerim, dana} {
		list, err := w.nodes[i].Notices(ctx, w.board)
		if err != nil {
			return err
		}
		f.notices[i] = len(list)
	}
	var err error
	if f.desk, err = w.nodes[newsroom].Desk(ctx, api.DeskAsk{}); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.steps() {
		w.did[i] = w.did[i] || s.done(&f)
	}
	return nil
}

// sceneOfVoices changes what the scene of the letters says. mu is held.
func (w *world) sceneOfVoices(s *web.Scene) {
	s.Steps = map[string][]web.Step{}
	for i, st := range w.steps() {
		key := w.place(st.who).Key
		s.Steps[key] = append(s.Steps[key], web.Step{N: i + 1, Text: st.text, Path: st.path, Done: w.did[i]})
	}
	state := "The country's network is off: let a stick, a meeting or the network carry it."
	if w.open {
		state = "The country's network is on: everything leaves by itself."
	}
	s.Text = "Three stories: asking after somebody (1 to 3), a report to a newsroom that nobody knows (4 to 6), a hospital's notice (7 to 9). Each number opens the right screen below it. " + state
	s.Notes["dana"], s.Notes["aigerim"] = "abroad, always online", "inside; an editor of the hospital's board"
	s.Notes["newsroom"] = "abroad; its card was printed in the paper"
	s.Buttons = slices.DeleteFunc(s.Buttons, func(b web.Button) bool { return b.Key == "carry" || b.Key == "names" })
	s.Buttons = append(s.Buttons, web.Button{Key: "stick", Label: "Carry a stick abroad and back"})
}

// round is the way of the stick: from inside to abroad and home again.
func (w *world) round() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.abroad {
		return []int{aigerim, dana, timur, newsroom, aigerim}
	}
	return []int{aigerim, timur, dana, newsroom, timur, aigerim}
}
