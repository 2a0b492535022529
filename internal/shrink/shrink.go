package shrink

import (
	"image"
	"image/draw"
	"math"
)

// tap is which points of the source make one of the result, and how much.
type tap struct {
	from int
	w    []float32
}

func taps(in, out int) []tap {
	list := make([]tap, out)
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	for i := range list {
		center := (float64(i) + 0.5) * scale
		from, end := max(int(math.Floor(center-wide)), 0), min(int(math.Ceil(center+wide)), in)
		w, sum := make([]float32, end-from), float32(0)
		for k := range w {
			w[k] = float32(max(1-math.Abs(center-float64(from+k)-0.5)/wide, 0))
			sum += w[k]
		}
		for k := range w {
			w[k] /= sum
		}
		list[i] = tap{from, w}
	}
	return list
}

// sums makes w by h points of four colours each, alpha multiplied in.
func sums(img image.Image, w, h int) []float32 {
	b := img.Bounds()
	out, line := make([]float32, 4*w*h), make([]float32, 4*w)
	row := image.NewRGBA(image.Rect(0, 0, b.Dx(), 1))
	across, down := taps(b.Dx(), w), taps(b.Dy(), h)
	first := 0 // of the result's rows that may still want this one
	for y := range b.Dy() {
		draw.Draw(row, row.Bounds(), img, image.Pt(b.Min.X, b.Min.Y+y), draw.Src)
		for x, t := range across {
			var r, g, u, a float32
			for k, weight := range t.w {
				p := row.Pix[4*(t.from+k):][:4]
				r, g, u, a = r+weight*float32(p[0]), g+weight*float32(p[1]), u+weight*float32(p[2]), a+weight*float32(p[3])
			}
			line[4*x], line[4*x+1], line[4*x+2], line[4*x+3] = r, g, u, a
		}
		for first < h && down[first].from+len(down[first].w) <= y {
			first++
		}
		for i := first; i < h && down[i].from <= y; i++ {
			k := y - down[i].from
			if k >= len(down[i].w) {
				continue
			}
			weight, to := down[i].w[k], out[4*w*i:][:4*w]
			for j, v := range line {
				to[j] += weight * v
			}
		}
	}
	return out
}

// RGBA makes a picture of w by h points, each at least one.
func RGBA(img image.Image, w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for i, v := range sums(img, w, h) {
		out.Pix[i] = uint8(v + 0.5)
	}
	return out
}

// Gray makes a grey one.
func Gray(img image.Image, w, h int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	v := sums(img, w, h)
	for i := range out.Pix {
		out.Pix[i] = uint8(0.299*v[4*i] + 0.587*v[4*i+1] + 0.114*v[4*i+2] + 0.5)
	}
	return out
}
