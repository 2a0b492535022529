package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/jauap/jauap/web/api"
)

// codesScreen shows letters as codes and reads those of others.
type codesScreen struct {
	Shown   *api.Codes
	Seconds int // that a camera needs, about
	Problem string
	Seen    *api.CodesSeen
	Bad     string
}

func (x *turn) codes() error {
	s, _ := x.told("codes").(codesScreen)
	return x.showCodes(http.StatusOK, s)
}

func (x *turn) showCodes(status int, s codesScreen) error {
	x.Tab = "carry"
	x.p.mu.Lock()
	s.Shown = x.p.shown
	x.p.mu.Unlock()
	if c := s.Shown; c != nil && c.PerSecond > 0 {
		s.Seconds = 1 + c.Needed*5/4/c.PerSecond
	}
	// Only here may the page ask for the camera; no picture leaves the device.
	x.w.Header().Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()")
	x.view("codes", status, x.T("codes.title"), s)
	return nil
}

// changeCodes makes new codes, or takes them off the screen.
func (x *turn) changeCodes() error {
	var shown *api.Codes
	if x.form.Get("do") != "hide" {
		c, err := x.p.b.ShowCodes(x.ctx(), api.CodesAsk{Coarse: x.form.Get("coarse") != "", Still: x.form.Get("do") == "still"})
		if errors.Is(err, api.ErrNotFound) {
			return x.showCodes(http.StatusNotFound, codesScreen{Problem: x.T("codes.nothing")})
		}
		if err != nil {
			return err
		}
		shown = &c
	}
	x.p.mu.Lock()
	x.p.shown = shown
	x.p.mu.Unlock()
	return x.see(x.Path("codes"))
}

func (x *turn) codesImage() error {
	x.p.mu.Lock()
	c := x.p.shown
	x.p.mu.Unlock()
	if c == nil {
		return api.ErrNotFound
	}
	x.w.Header().Set("Content-Type", "image/gif")
	_, _ = x.w.Write(c.Picture)
	return nil
}

// lookAt reads pictures that the form brought. codes.js gets numbers, a person a
// screen.
func (x *turn) lookAt() error {
	if x.cut {
		return x.showCodes(http.StatusRequestEntityTooLarge, codesScreen{Bad: x.T("codes.bad")})
	}
	if len(x.form.files) == 0 {
		return x.showCodes(http.StatusBadRequest, codesScreen{Bad: x.T("codes.none")})
	}
	var sum api.CodesSeen
	for _, f := range x.form.files {
		seen, err := x.p.b.LookAt(x.ctx(), f.Data)
		if errors.Is(err, api.ErrUsage) {
			return x.showCodes(http.StatusBadRequest, codesScreen{Bad: x.T("codes.bad")})
		}
		if err != nil {
			return err
		}
		sum.Frames, sum.Codes = sum.Frames+seen.Frames, sum.Codes+seen.Codes
		sum.Read, sum.Opened = sum.Read+seen.Read, sum.Opened+seen.Opened
		sum.Have, sum.Need = seen.Have, seen.Need
	}
	if x.live() {
		x.w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(x.w).Encode(sum)
	}
	x.tell("codes", codesScreen{Seen: &sum})
	return x.see(x.Path("codes"))
}
