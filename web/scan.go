package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// scanScreen takes the picture that another person's device shows.
type scanScreen struct {
	Invite  api.Invite // mine, to be shown in turn
	Picture bool
	Added   string // who was added just now, in words
	Problem string
}

func (x *turn) scan() error {
	done, _ := x.told("scan").(string)
	return x.showScan(http.StatusOK, scanScreen{Added: done})
}

func (x *turn) showScan(status int, s scanScreen) error {
	x.Tab = "add"
	var err error
	if s.Invite, err = x.p.invitation(x, false); err != nil {
		return err
	}
	s.Picture = qrText(s.Invite) != ""
	x.camera()
	x.view("scan", status, x.T("scan.title"), s)
	return nil
}

// scanned reads a picture: a photo out of the form, or what the camera sees
// just now, in which mostly no code is to be found yet.
func (x *turn) scanned() error {
	live := x.live()
	problem := func() error {
		if live {
			x.w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return x.showScan(http.StatusUnprocessableEntity, scanScreen{Problem: x.T("scan.bad")})
	}
	if x.cut || len(x.form.files) != 1 {
		return problem()
	}
	s, err := x.p.b.Scan(x.ctx(), x.form.files[0].Data)
	if errors.Is(err, api.ErrBadPicture) || errors.Is(err, api.ErrTooLarge) {
		return problem()
	}
	if err != nil {
		return err
	}
	if strings.HasPrefix(strings.ToUpper(s.Code), codeAt) {
		return x.scannedNear(s.Code, live)
	}
	switch up := strings.ToUpper(s.Code); {
	case strings.HasPrefix(up, "JAUAP-REPLY:"):
		return x.scannedReply(s.Code, live)
	case strings.HasPrefix(up, "JAUAP-INBOX:"):
		return x.scannedInbox(s.Code, live, problem)
	}
	if strings.ContainsAny(s.Code, "#№") && !strings.Contains(strings.ToLower(s.Code), "jauap:") {
		return x.noteSeen(s.Code, live) // the code on a printed note
	}
	p, err := x.p.b.Accept(x.ctx(), api.AcceptAsk{Code: s.Code, InPerson: true})
	if errors.Is(err, api.ErrBadInvite) || errors.Is(err, api.ErrUsage) {
		return problem()
	}
	if err != nil {
		return err
	}
	x.tell("scan", x.T("scan.done", "name", isolate(p.Name)))
	return x.goOn("scan", live)
}

// scannedReply shows what the code on a printed slip would file: several stand
// beside each other on the paper, and the person sees which one it was.
func (x *turn) scannedReply(code string, live bool) error {
	s, err := x.p.b.Act(x.ctx(), api.SlipAct{Code: code, Look: true})
	switch {
	case x.noCode(err):
	case err != nil:
		return err
	default:
		x.tell("reply", paperReply{code, x.slip(s, "").Who, x.T("outcome." + s.Outcome)})
	}
	return x.goOn("slips", live)
}

// scannedInbox keeps the card of a public inbox.
func (x *turn) scannedInbox(card string, live bool, problem func() error) error {
	_, err := x.p.b.Inbox(x.ctx(), api.InboxAsk{Do: "save", Card: card})
	if errors.Is(err, api.ErrUsage) {
		return problem()
	}
	if err != nil {
		return err
	}
	x.tell("inbox", x.T("inbox.saved"))
	return x.goOn("inbox", live)
}

// scannedNear calls the device whose address was in a picture.
func (x *turn) scannedNear(code string, live bool) error {
	met, err := x.p.b.Meet(x.ctx(), api.MeetAsk{Addr: code})
	switch {
	case err != nil && !errors.Is(err, api.ErrUsage) && !errors.Is(err, api.ErrNotFound):
		return err
	case err != nil:
		x.tell("near", nearScreen{Problem: x.notMet(err)})
	default:
		x.tell("near", nearScreen{Done: x.metText(met)})
	}
	return x.goOn("near", live)
}

// goOn shows a screen after a picture was read.
func (x *turn) goOn(screen string, live bool) error {
	if live {
		// The page goes on by itself: a fetch must not use up what is told once.
		x.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = x.w.Write([]byte(x.Path(screen)))
		return nil
	}
	return x.see(x.Path(screen))
}
