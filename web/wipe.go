package web

import (
	"net/http"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// askWipe asks once more before everything is erased.
func (x *turn) askWipe() error {
	x.Tab = "me"
	x.view("wipe", http.StatusOK, x.T("wipe.title"), nil)
	return nil
}

// wipe erases the profile. The node ends after this answer.
func (x *turn) wipe() error {
	if x.form.Get("sure") == "" {
		return x.askWipe()
	}
	w, err := x.p.eraser().Wipe(x.ctx(), api.WipeAsk{Sure: true})
	if err != nil {
		return err
	}
	x.p.gate.leave(x.r)
	x.w.Header().Set("Clear-Site-Data", `"cache"`)
	// What this screen shows must not ask a node that ends.
	x.p.turn(x.w, x.r, nil).view("wiped", http.StatusOK, x.T("wipe.done"), strings.Join(w.Left, ", "))
	return nil
}
