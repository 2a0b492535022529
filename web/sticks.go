package web

import (
	"github.com/jauap/jauap/web/api"
)

// visitView is how far a visit to a stick is.
type visitView struct {
	Line        string
	Done, Total int64
}

// visitView puts a visit into words.
func (x *turn) visitView(v *api.Visit) *visitView {
	if v == nil {
		return nil
	}
	key := map[string]string{
		"reading": "visit.reading", "restoring": "visit.restoring", "writing": "visit.writing", "protecting": "visit.protecting",
	}[v.Phase]
	if key == "" {
		return nil
	}
	view := &visitView{Done: v.Done, Total: v.Total}
	view.Line = x.T(key, "path", isolate(v.Path), "done", x.Size(v.Done), "total", x.Size(v.Total))
	if v.Seconds > 0 {
		view.Line += ", " + x.T("visit.left", "n", v.Seconds)
	}
	return view
}
