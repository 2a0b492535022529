package sim

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// Size of the picture in pixels, and where its curve stands.
const (
	broad, high    = 960, 540
	left, right    = 70, 930
	upper, lower   = 110, 420
	stripe         = 468 // of the windows
	stripeHeight   = 14
	inkColor       = "#1d2b38"
	quietColor     = "#7a8794"
	curveColor     = "#0b6e6e"
	idealColor     = "#b9c4cc"
	writtenColor   = "#e4a11b"
	rivalColor     = "#a34a4a"
	windowColor    = "#bfe3d0"
	paperColor     = "#fbfaf7"
	shadowOfTheDay = "#f1efe9"
)

// SVG draws the run: how many letters were written and had arrived at each
// time, when the network answered, and the figures. The ideal is what flooding
// without any limit would have brought.
func (r Result) SVG() string {
	var b strings.Builder
	end := max(r.scene.End, time.Second)
	x := func(t time.Duration) float64 { return left + float64(right-left)*float64(min(t, end))/float64(end) }
	y := func(n int) float64 { return lower - float64(lower-upper)*float64(n)/float64(max(r.Letters, 1)) }
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" role="img">`+"\n", broad, high)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(r.Scenario))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="%s"/>`+"\n", broad, high, paperColor)
	text := func(x, y float64, size int, color, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" font-size="%d" fill="%s" text-anchor="%s">%s</text>`+"\n", x, y, size, color, anchor, html.EscapeString(s))
	}
	text(left, 46, 24, inkColor, "start", fmt.Sprintf("%.1f %% of %d letters arrived", 100*r.Share, r.Letters))
	text(left, 72, 14, quietColor, "start", r.scene.About)
	for d := time.Duration(0); d < end; d += 48 * time.Hour {
		if end > 36*time.Hour {
			fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", x(d), upper, x(d+24*time.Hour)-x(d), lower-upper, shadowOfTheDay)
		}
	}
	for _, w := range r.scene.Windows {
		for _, box := range [][2]int{{upper, lower - upper}, {stripe, stripeHeight}} {
			fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s" opacity=".7"/>`+"\n", x(w.From), box[0], max(x(w.To)-x(w.From), 1), box[1], windowColor)
		}
	}
	if len(r.scene.Windows) > 0 {
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="%s"/>`+"\n", left, stripe, right-left, stripeHeight, quietColor)
		text(left, stripe+32, 13, quietColor, "start", "the network answers")
	}
	for k := range 5 {
		n := r.Letters * k / 4
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="%s" stroke-width=".5"/>`+"\n", left, right, y(n), y(n), idealColor)
		text(left-8, y(n)+4, 12, quietColor, "end", fmt.Sprint(n))
	}
	for k, step := 0, tickOf(end); time.Duration(k)*step <= end; k++ {
		at := time.Duration(k) * step
		text(x(at), lower+20, 12, quietColor, "middle", tickText(at, step))
	}
	var written []time.Duration
	for _, l := range r.letters {
		if !l.Noise {
			written = append(written, l.At)
		}
	}
	for _, c := range []struct {
		times []time.Duration
		color string
		width float64
		dash  string
	}{{written, writtenColor, 1.5, "4 3"}, {r.IdealArrivals, idealColor, 3, ""}, {r.Arrivals, curveColor, 3, ""}} {
		curve(&b, c.times, r.letters, len(c.times) == len(r.letters) && c.color != writtenColor, x, y, end, c.color, c.width, c.dash)
	}
	for _, rival := range r.scene.Rivals {
		curve(&b, rival.Arrivals, r.letters, true, x, y, end, rivalColor, 2, "1 3")
	}
	for k, s := range [][2]string{{writtenColor, "written"}, {idealColor, "ideal flooding"}, {curveColor, "Jauap"}} {
		at := float64(right - 330 + 110*k)
		fmt.Fprintf(&b, `<line x1="%.0f" x2="%.0f" y1="92" y2="92" stroke="%s" stroke-width="4"/>`+"\n", at, at+18, s[0])
		text(at+24, 96, 12, inkColor, "start", s[1])
	}
	for k, rival := range r.Rivals {
		text(right-6, y(r.scene.Rivals[k].arrivedBy(end))-8, 13, rivalColor, "end", fmt.Sprintf("%s: %.0f %% arrived, %.0f %% within 24 h", rival.Name, 100*rival.Share, 100*rival.Within24h))
	}
	text(right, stripe+32, 13, quietColor, "end", fmt.Sprintf("median %s, 90 %% within %s; %.0f kB for each letter; %d people carried; seed %d",
		short(r.MedianSeconds), short(r.P90Seconds), r.BytesPerDelivered/1000, r.Carriers.People, r.Seed))
	b.WriteString("</svg>\n")
	return b.String()
}

// arrivedBy counts what the rival has brought by then.
func (v Rival) arrivedBy(end time.Duration) (n int) {
	for _, t := range v.Arrivals {
		if t >= 0 && t <= end {
			n++
		}
	}
	return n
}

// curve draws how many of the times lie before each time. counted leaves out
// the letters that are noise.
func curve(b *strings.Builder, times []time.Duration, letters []Letter, counted bool, x func(time.Duration) float64, y func(int) float64, end time.Duration, color string, width float64, dash string) {
	var list []time.Duration
	for i, t := range times {
		if t >= 0 && t <= end && (!counted || !letters[i].Noise) {
			list = append(list, t)
		}
	}
	slices.Sort(list)
	fmt.Fprintf(b, `<path fill="none" stroke="%s" stroke-width="%.1f" stroke-dasharray="%s" d="M%.1f %.1f`, color, width, dash, x(0), y(0))
	for i, t := range list {
		fmt.Fprintf(b, "H%.1fV%.1f", x(t), y(i+1))
	}
	fmt.Fprintf(b, `H%.1f"/>`+"\n", x(end))
}

// tickOf is the distance of the times that are named.
func tickOf(end time.Duration) time.Duration {
	for _, s := range []time.Duration{10 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 24 * time.Hour} {
		if end/s <= 12 {
			return s
		}
	}
	return max(end/10, 1).Round(24 * time.Hour)
}

func tickText(at, step time.Duration) string {
	switch {
	case step < time.Hour:
		return fmt.Sprintf("%d min", int(at.Minutes()))
	case step < 24*time.Hour:
		return fmt.Sprintf("%d h", int(at.Hours()))
	}
	return fmt.Sprintf("day %d", int(at.Hours()/24)+1)
}

func short(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
