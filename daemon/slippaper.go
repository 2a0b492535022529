package daemon

import (
	"context"
	"fmt"

	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/desk/paper"
	"github.com/jauap/jauap/inquiry"
	"github.com/jauap/jauap/web/api"
)

// PrintSlip implements api.Inquiries.
func (d *Daemon) PrintSlip(_ context.Context, a api.SlipPrint) (api.SlipFile, error) {
	v, err := d.inquiry.Slip(d.moment(), a.ID)
	if err != nil {
		return api.SlipFile{}, slipError(err)
	}
	if v.Erased {
		return api.SlipFile{}, cause.ErrForgotten
	}
	s := paper.Slip{ID: v.ID.String()[:8], Name: v.Name, Phone: v.Phone, Address: v.Address, Question: v.Question, From: v.From, Said: v.Say, Until: v.Received.UTC().AddDate(0, 0, v.Days)}
	for _, o := range inquiry.Outcomes() {
		s.Answers = append(s.Answers, paper.Answer{Outcome: o.String(), Code: inquiry.ReplyCode(v.ID, o), QR: inquiry.ReplyQR(v.ID, o)})
	}
	switch a.Form {
	case "text":
		return api.SlipFile{Form: a.Form, Data: []byte(paper.SlipText(&s, a.Lang))}, nil
	case "pdf":
		b, err := paper.SlipPDF(&s, a.Lang)
		return api.SlipFile{Form: a.Form, Data: b}, err
	}
	return api.SlipFile{}, fmt.Errorf("%w: a slip is printed as text or pdf", api.ErrUsage)
}

// byCode reads what a printed slip says into an act.
func byCode(a *api.SlipAct) error {
	begin, o, err := inquiry.ParseReply(a.Code)
	if err != nil {
		return fmt.Errorf("%w: %w", api.ErrTypo, err)
	}
	a.ID, a.Kind, a.Outcome = begin, "answered", o.String()
	return nil
}
