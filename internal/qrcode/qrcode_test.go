package qrcode

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"rsc.io/qr/coding"

	"github.com/jauap/jauap/internal/limits"
)

// shot is how a camera sees a code.
type shot struct {
	version      int
	level        coding.Level
	bytes        bool    // and not letters
	share        float64 // of the picture's height
	turn         float64 // radians
	leanX, leanY float64 // how much farther away one side is than the other
	curve        float64 // how far the paper bends, in modules
	blur         int     // points
	noise        float64
	black, white float64
	wall         float64
	shade        float64 // how much darker the right side is
	mirror       bool
}

const wide, high = 640, 480

func drawn(t testing.TB, s shot, r *rand.Rand) (*coding.Code, []byte) {
	t.Helper()
	room := coding.Version(s.version).DataBytes(s.level)
	var data []byte
	var text coding.Encoding
	if s.bytes {
		for range room - 3 {
			data = append(data, byte(r.Uint32()))
		}
		text = coding.String(data)
	} else {
		for range (room*8 - 17) * 2 / 11 {
			data = append(data, alphabet[r.IntN(45)])
		}
		text = coding.Alpha(data)
	}
	p, err := coding.NewPlan(coding.Version(s.version), s.level, coding.Mask(r.IntN(8)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return c, data
}

// take is the code as a camera's JPEG.
func (s shot) take(t testing.TB, c *coding.Code, r *rand.Rand) image.Image {
	t.Helper()
	n := float64(c.Size)
	side := s.share * high
	module := side / (n + 8)
	sin, cos := math.Sincos(s.turn)
	cx, cy := wide/2+10*(r.Float64()-.5), high/2+10*(r.Float64()-.5)
	g := make([]float64, wide*high)
	for y := range high {
		for x := range wide {
			for i := range 4 {
				fx, fy := float64(x)+.25+float64(i%2)/2-cx, float64(y)+.25+float64(i/2)/2-cy
				if s.mirror {
					fx = -fx
				}
				w := (1 + s.leanX*fx/side + s.leanY*fy/side) * module
				u, v := (cos*fx+sin*fy)/w, (cos*fy-sin*fx)/w
				if s.curve > 0 {
					v += s.curve * math.Sin(u/n*math.Pi)
				}
				u, v = u+n/2, v+n/2
				switch {
				case u < -4 || v < -4 || u >= n+4 || v >= n+4:
					g[y*wide+x] += s.wall / 4
				case u >= 0 && v >= 0 && u < n && v < n && c.Black(int(u), int(v)):
					g[y*wide+x] += s.black / 4
				default:
					g[y*wide+x] += s.white / 4
				}
			}
		}
	}
	blurred(g, s.blur)
	out := image.NewGray(image.Rect(0, 0, wide, high))
	for i := range out.Pix {
		light := 1 - s.shade*float64(i%wide)/wide
		out.Pix[i] = uint8(max(0, min(255, g[i]*light+r.NormFloat64()*s.noise)))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, out, &jpeg.Options{Quality: 70}); err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// blurred is each point's mean with its neighbours, twice in each direction.
func blurred(g []float64, reach int) {
	for range 2 {
		for _, step := range []int{1, wide} {
			from := append([]float64(nil), g...)
			for i := reach * step; i < len(g)-reach*step; i++ {
				g[i] = 0
				for k := -reach; k <= reach; k++ {
					g[i] += from[i+k*step] / float64(2*reach+1)
				}
			}
		}
	}
}

// TestAsSeen reads codes of all kinds as cameras see them.
func TestAsSeen(t *testing.T) {
	usual := shot{version: 10, share: .9, black: 40, white: 200, wall: 90, noise: 6, turn: .1, leanX: .05, leanY: -.05}
	for name, change := range map[string]func(*shot){
		"usual": func(*shot) {}, "bytes": func(s *shot) { s.bytes = true }, "smallest": func(s *shot) { s.version, s.share = 1, .3 },
		"coarse frame": func(s *shot) { s.version, s.bytes = 13, true }, "fine frame": func(s *shot) { s.version, s.bytes, s.noise, s.share = 25, true, 3, .97 },
		"level H": func(s *shot) { s.level = coding.H }, "turned": func(s *shot) { s.turn, s.share = .8, .65 }, "upside down": func(s *shot) { s.turn = 3 },
		"on its side": func(s *shot) { s.turn = 1.5 }, "leaning": func(s *shot) { s.leanX, s.leanY, s.share, s.turn = .25, -.2, .7, .4 },
		"leaning, one mark": func(s *shot) { s.version, s.leanX, s.leanY, s.share = 4, .2, -.25, .7 }, "leaning, no mark": func(s *shot) { s.version, s.leanX, s.leanY, s.share = 1, .15, .15, .6 },
		"blurred": func(s *shot) { s.blur = 2 }, "noisy": func(s *shot) { s.noise = 28 }, "faint": func(s *shot) { s.black, s.white, s.wall, s.noise = 110, 150, 130, 3 },
		"dim screen, bright wall": func(s *shot) { s.black, s.white, s.wall = 20, 83, 140 }, "shadow": func(s *shot) { s.shade, s.white = .7, 235 }, "curved": func(s *shot) { s.curve = 2 },
		"small": func(s *shot) { s.version, s.share = 6, .35 }, "reflected": func(s *shot) { s.mirror = true }, "edge to edge": func(s *shot) { s.share, s.turn, s.leanX, s.leanY = 1.05, 0, 0, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			s := usual
			change(&s)
			r := rand.New(rand.NewPCG(6, uint64(len(name))))
			for range 2 {
				c, want := drawn(t, s, r)
				got, ok := Read(s.take(t, c, r))
				if !ok || !bytes.Equal(got, want) {
					t.Errorf("%t, %d bytes of %d", ok, len(got), len(want))
				}
			}
		})
	}
}

// TestDrawn reads every version and level as programs draw them, in colours and
// down to one point a module.
func TestDrawn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for v := 1; v <= 40; v++ {
		s := shot{version: v, level: coding.Level(v % 4), bytes: v%3 > 0}
		c, want := drawn(t, s, r)
		scale := 1 + v%3
		side := (c.Size + 8) * scale
		img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.RGBA{0, 0, 90, 255}})
		coloured := image.NewNRGBA(img.Rect)
		for y := range side {
			for x := range side {
				if c.Black(x/scale-4, y/scale-4) {
					img.SetColorIndex(x, y, 1)
					coloured.Set(x, y, color.NRGBA{120, 0, 30, 255}) // the rest can be looked through
				}
			}
		}
		for _, img := range []image.Image{img, coloured} {
			if got, ok := Read(img); !ok || !bytes.Equal(got, want) {
				t.Errorf("version %d, %d points a module, %T: %t, %d bytes of %d", v, scale, img, ok, len(got), len(want))
			}
		}
	}
}

// TestLines compares where alignment patterns are with the plan of each version.
func TestLines(t *testing.T) {
	for v := 1; v <= 40; v++ {
		plan, err := coding.NewPlan(coding.Version(v), 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		n, list := 4*v+17, lines(v)
		is := make([]bool, n*n)
		for at := range len(list) * len(list) {
			i, j, k := at%len(list), at/len(list), len(list)-1
			if (i == 0 || i == k) && (j == 0 || j == k) && (i < k || j < k) {
				continue
			}
			for d := range 25 {
				is[(int(list[j])+d/5-2)*n+int(list[i])+d%5-2] = true
			}
		}
		for at, want := range is {
			if (plan.Pixel[at/n][at%n].Role() == coding.Alignment) != want {
				t.Fatalf("version %d: %v", v, list)
			}
		}
	}
}

// TestCorrect mends as many bytes as can be mended, and gives nothing else for
// mended.
func TestCorrect(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, c := range []struct{ data, check int }{{19, 7}, {16, 10}, {117, 30}, {15, 28}} {
		taken := 0
		for range 300 {
			want := make([]byte, c.data+c.check)
			for i := range c.data {
				want[i] = byte(r.Uint32())
			}
			copy(want[c.data:], checkBytes(want[:c.data], c.check))
			for _, wrong := range []int{0, 1, c.check / 2, c.check/2 + 1, c.check} {
				b := bytes.Clone(want)
				for _, at := range r.Perm(len(b))[:min(wrong, len(b))] {
					b[at] ^= byte(1 + r.IntN(255))
				}
				ok := correct(b, c.check)
				if wrong <= c.check/2 && (!ok || !bytes.Equal(b, want)) {
					t.Fatalf("%d wrong bytes of %d: %t", wrong, len(b), ok)
				}
				if ok && !bytes.Equal(b[c.data:], checkBytes(b[:c.data], c.check)) {
					t.Fatalf("what was given for mended has wrong check bytes")
				}
				if ok && wrong > c.check/2 {
					taken++
				}
			}
		}
		if taken > 300 {
			t.Errorf("%+v: %d of 600 hopeless blocks were given for mended", c, taken)
		}
	}
}

// checkBytes divides by the generator, as the standard says it.
func checkBytes(data []byte, check int) []byte {
	gf := coding.Field
	generator := []byte{1}
	for i := range check {
		next := make([]byte, len(generator)+1)
		for j, c := range generator {
			next[j] ^= c
			next[j+1] ^= gf.Mul(c, gf.Exp(i))
		}
		generator = next
	}
	rest := append(bytes.Clone(data), make([]byte, check)...)
	for i := range data {
		if f := rest[i]; f != 0 {
			for j, c := range generator {
				rest[i+j] ^= gf.Mul(f, c)
			}
		}
	}
	return rest[len(data):]
}

func TestSegments(t *testing.T) {
	for _, c := range []struct {
		bits    string
		version int
		want    string
	}{
		// ISO/IEC 18004, 7.4.3 and 7.4.4.
		{"0001 0000001000 0000001100 0101011001 1000011 0000", 1, "01234567"},
		{"0010 000000101 00111001110 11100111001 000010 0000", 1, "AC-42"},
		{"0111 00011010 0100 00000010 11010000 10010110 0000", 1, "\xd0\x96"}, // says that it is UTF-8
		{"0011 0000 0001 00000000 0100 00000001 01000001 0000", 1, "A"},
		{"0100 0000000000000010 01000001 01000010", 10, "AB"},
		{"1000 00000001 0110110011111 0000", 1, "\uFFFD"},
		{"0100 11111111 01000001", 1, ""}, {"0001 0000000011 1111111111 0000", 1, ""}, {"0010 000000010 11111111111 0000", 1, ""}, {"1111 0000", 1, ""}, {"0000", 1, ""},
	} {
		var b []byte
		n := 0
		for _, bit := range c.bits {
			if bit == ' ' {
				continue
			}
			if n%8 == 0 {
				b = append(b, 0)
			}
			if bit == '1' {
				b[n/8] |= 0x80 >> (n % 8)
			}
			n++
		}
		if got, ok := segments(b, c.version); string(got) != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %t", c.bits, got, ok)
		}
	}
	for in, want := range map[string]string{"Жауап": "Жауап", "caf\xe9": "café"} {
		if got := Text([]byte(in)); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// TestHostilePictures are made to cost time: corners everywhere, noise, stripes,
// codes that say nothing.
func TestHostilePictures(t *testing.T) {
	const w, h = 1600, 1200
	r := rand.New(rand.NewPCG(3, 3))
	c, _ := drawn(t, shot{version: 1}, r)
	for i := range c.Bitmap[c.Stride/8*9:] {
		c.Bitmap[c.Stride/8*9+i] ^= byte(r.Uint32()) // below the upper corners
	}
	for name, point := range map[string]func(x, y int) uint8{
		"corners": func(x, y int) uint8 {
			d := max(x%18/2-4, 4-x%18/2, y%18/2-4, 4-y%18/2)
			return map[bool]uint8{true: 255}[d == 2 || d == 4]
		},
		"broken codes": func(x, y int) uint8 {
			return map[bool]uint8{false: 255}[c.Black(x/3%29-4, y/3%29-4)]
		},
		"noise":   func(int, int) uint8 { return uint8(r.Uint32()) },
		"stripes": func(x, _ int) uint8 { return uint8(x % 2 * 255) },
		"chess":   func(x, y int) uint8 { return uint8((x/2 + y/2) % 2 * 255) },
		"shades":  func(x, y int) uint8 { return uint8(x + y) },
	} {
		t.Run(name, func(t *testing.T) {
			img := image.NewGray(image.Rect(0, 0, w, h))
			for i := range img.Pix {
				img.Pix[i] = point(i%w, i/w)
			}
			defer limits.Watch(t, 0, limits.Cost{Bytes: 8 * w * h, Time: 500 * time.Millisecond})()
			if b, ok := Read(img); ok {
				t.Errorf("%q", b)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	r := rand.New(rand.NewPCG(4, 4))
	c, _ := drawn(f, shot{version: 2}, r)
	side := (c.Size + 8) * 3
	pix := make([]byte, side*side)
	for i := range pix {
		if !c.Black(i%side/3-4, i/side/3-4) {
			pix[i] = 255
		}
	}
	f.Add(pix, uint16(side))
	limits.Hostile(f, uint16(256))
	f.Fuzz(func(t *testing.T, pix []byte, width uint16) {
		// A picture is looked through for codes at each of its points.
		defer limits.Watch(t, len(pix), limits.Cost{Bytes: 16 << 20, Time: 200 * time.Millisecond})()
		w := int(width)
		if w == 0 || len(pix) < w {
			return
		}
		pix = pix[:min(len(pix), limits.Piece/4)] // more is slow, and no other way through the code
		img := &image.Gray{Pix: pix[:len(pix)/w*w], Stride: w, Rect: image.Rect(0, 0, w, len(pix)/w)}
		if b, ok := Read(img); ok && (len(b) == 0 || len(b) > 3*7089) {
			t.Errorf("%d bytes out of one code", len(b))
		}
	})
}

func FuzzSegments(f *testing.F) {
	f.Add([]byte{0x20, 0x29, 0xce, 0xe7, 0x21, 0x00}, 1)
	f.Add([]byte(" 00"), 40)
	limits.Hostile(f, 40)
	f.Fuzz(func(t *testing.T, b []byte, version int) {
		defer limits.Watch(t, len(b))()
		if got, ok := segments(b, version); ok != (len(got) > 0) || len(got) > 4*len(b) {
			t.Errorf("%d bytes out of %d, %t", len(got), len(b), ok)
		}
	})
}

// BenchmarkRead reads coarse and fine frames out of small pictures.
func BenchmarkRead(b *testing.B) {
	for _, version := range []int{13, 25} {
		b.Run(fmt.Sprint(version), func(b *testing.B) {
			r := rand.New(rand.NewPCG(5, 5))
			s := shot{version: version, bytes: true, share: .95, black: 40, white: 200, wall: 90, noise: 4, turn: .1}
			c, _ := drawn(b, s, r)
			img := s.take(b, c, r)
			for b.Loop() {
				if _, ok := Read(img); !ok {
					b.Fatal("not read")
				}
			}
		})
	}
}
