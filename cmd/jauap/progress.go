package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

// How often progress is asked for, and told where nothing can be overwritten.
const (
	progressEvery = 300 * time.Millisecond
	lineEvery     = 10 * time.Second
)

// watchVisit tells how far a visit is until the function that it answers is
// called: in one line that changes on a terminal, now and then a line elsewhere.
func (d *door) watchVisit(ctx context.Context, b api.Backend) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f, ok := d.errs.(*os.File)
		moves := ok && term.IsTerminal(int(f.Fd()))
		wide := 0
		last := time.Now()
		for {
			select {
			case <-ctx.Done():
				if wide > 0 {
					fmt.Fprintf(d.errs, "\r%s\r", strings.Repeat(" ", wide))
				}
				return
			case <-time.After(progressEvery):
			}
			s, err := b.Sticks(ctx)
			if err != nil || s.Visit == nil {
				continue
			}
			line := visitLine(*s.Visit)
			switch {
			case moves:
				fmt.Fprintf(d.errs, "\r%-*s", wide, line)
				wide = max(wide, len(line))
			case time.Since(last) >= lineEvery:
				last = time.Now()
				fmt.Fprintln(d.errs, line)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// visitLine is one line such as
// "writing [######----] 300 MB of 500 MB, 20 s left".
func visitLine(v api.Visit) string {
	const width = 20
	line := fmt.Sprintf("%-10s", v.Phase)
	if v.Total <= 0 {
		return line + " " + config.FormatBytes(v.Done)
	}
	full := int(min(width, v.Done*width/v.Total))
	line += fmt.Sprintf(" [%s%s] %s of about %s", strings.Repeat("#", full), strings.Repeat("-", width-full), config.FormatBytes(v.Done), config.FormatBytes(v.Total))
	if v.Seconds > 0 {
		line += fmt.Sprintf(", %v left", (time.Duration(v.Seconds) * time.Second).String())
	}
	return line
}
