package qr

import (
	"bytes"
	"image"
	"math"
	"slices"
	"sort"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// read finds one code in a picture, first as a program drew it, then as a
// camera saw it.
func read(img image.Image) (data []byte, ok bool) {
	defer func() {
		if recover() != nil {
			data, ok = nil, false
		}
	}()
	src := luminance(img)
	if _, drawn := img.(*image.YCbCr); !drawn { // no JPEG
		if data, ok = readDrawn(src); ok {
			return data, true
		}
	}
	// The first knows uneven light, the second a dim screen before a bright wall.
	for _, b := range []gozxing.Binarizer{gozxing.NewHybridBinarizer(src), gozxing.NewGlobalHistgramBinarizer(src)} {
		bits, err := b.GetBlackMatrix()
		if err != nil {
			continue
		}
		if data, ok = readSeen(bits); ok {
			return data, true
		}
	}
	return readDrawn(src)
}

// luminance takes a picture's grey values as they are where it has them.
func luminance(img image.Image) gozxing.LuminanceSource {
	b := img.Bounds()
	var pix []byte
	stride := 0
	switch p := img.(type) {
	case *image.YCbCr:
		pix, stride = p.Y[p.YOffset(b.Min.X, b.Min.Y):], p.YStride
	case *image.Gray:
		pix, stride = p.Pix[p.PixOffset(b.Min.X, b.Min.Y):], p.Stride
	default:
		return gozxing.NewLuminanceSourceFromImage(img)
	}
	src, err := gozxing.NewPlanarYUVLuminanceSource(pix, stride, len(pix)/stride, 0, 0, b.Dx(), b.Dy(), false)
	if err != nil {
		return gozxing.NewLuminanceSourceFromImage(img)
	}
	return src
}

func readDrawn(src gozxing.LuminanceSource) ([]byte, bool) {
	bitmap, err := gozxing.NewBinaryBitmap(gozxing.NewGlobalHistgramBinarizer(src))
	if err != nil {
		return nil, false
	}
	res, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		return nil, false
	}
	parts, ok := res.GetResultMetadata()[gozxing.ResultMetadataType_BYTE_SEGMENTS].([][]byte)
	return bytes.Join(parts, nil), ok
}

// Limits of looking for corners.
const (
	maxCentres = 24 // candidates for a corner
	maxTriples = 6  // of them that are tried
)

// readSeen finds the three corners of a code and reads it. The library gives up
// when something within the code looks more like a corner than a corner does: all
// that it found is judged here by whether it makes the corner of a square.
func readSeen(bits *gozxing.BitMatrix) ([]byte, bool) {
	finder := detector.NewFinderPatternFinder(bits, nil)
	if info, err := finder.Find(map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}); err == nil {
		if b, ok := readCorners(bits, info); ok {
			return b, true
		}
	}
	for _, info := range triples(finder.GetPossibleCenters()) {
		if b, ok := readCorners(bits, info); ok {
			return b, true
		}
	}
	return nil, false
}

// triples are the sets of three centres that look most like the corners of one
// square, best first.
func triples(centres []*detector.FinderPattern) []*detector.FinderPatternInfo {
	centres = slices.Clone(centres)
	slices.SortStableFunc(centres, func(a, b *detector.FinderPattern) int { return b.GetCount() - a.GetCount() })
	centres = centres[:min(len(centres), maxCentres)]
	type triple struct {
		bad  float64
		list []gozxing.ResultPoint
	}
	var found []triple
	for i, a := range centres {
		for j, b := range centres[:i] {
			for _, c := range centres[:j] {
				if bad, ok := skew(a, b, c); ok {
					found = append(found, triple{bad, []gozxing.ResultPoint{a, b, c}})
				}
			}
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].bad < found[j].bad })
	var infos []*detector.FinderPatternInfo
	for _, t := range found[:min(len(found), maxTriples)] {
		bl, tl, tr := gozxing.ResultPoint_OrderBestPatterns(t.list[0], t.list[1], t.list[2])
		infos = append(infos, detector.NewFinderPatternInfo(bl.(*detector.FinderPattern), tl.(*detector.FinderPattern), tr.(*detector.FinderPattern)))
	}
	return infos
}

// skew tells how little three centres look like corners of a square of which the
// sides are as long as those of a code; 0 is a perfect one.
func skew(a, b, c *detector.FinderPattern) (float64, bool) {
	m := []float64{a.GetEstimatedModuleSize(), b.GetEstimatedModuleSize(), c.GetEstimatedModuleSize()}
	d := []float64{gozxing.ResultPoint_Distance(a, b), gozxing.ResultPoint_Distance(b, c), gozxing.ResultPoint_Distance(a, c)}
	slices.Sort(m)
	slices.Sort(d)
	side := (d[0] + d[1]) / 2 / m[1] // in modules, between centres
	if m[0] < 1 || m[2] > 1.6*m[0] || side < 12 || side > 190 {
		return 0, false
	}
	bad := (d[1]-d[0])/d[1] + math.Abs(d[2]*d[2]-d[0]*d[0]-d[1]*d[1])/(d[2]*d[2]) + (m[2]-m[0])/m[1]/4
	return bad, bad < 0.8
}

// readCorners reads the code with these corners. How many modules it has is only
// an estimate from a blurred picture, which the library takes or leaves: here its
// neighbours are tried, too, and a fourth corner made up when the mark near it was
// taken for something else.
func readCorners(bits *gozxing.BitMatrix, info *detector.FinderPatternInfo) ([]byte, bool) {
	tl, tr, bl := info.GetTopLeft(), info.GetTopRight(), info.GetBottomLeft()
	module := (tl.GetEstimatedModuleSize() + tr.GetEstimatedModuleSize() + bl.GetEstimatedModuleSize()) / 3
	if module < 1 {
		return nil, false
	}
	side := (gozxing.ResultPoint_Distance(tl, tr)+gozxing.ResultPoint_Distance(tl, bl))/2/module + 7
	version := (side - 17) / 4 // ISO/IEC 18004, 5.3.1: 4V + 17 modules
	near := int(math.Round(version))
	other := near + 1
	if version < float64(near) {
		other = near - 1
	}
	for _, v := range []int{near, other, 2*near - other} {
		if v < 1 || v > 40 {
			continue
		}
		if mark := fourth(bits, info, module, v); mark != nil {
			if b, ok := decodeAs(bits, info, mark, 4*v+17); ok {
				return b, true
			}
		}
		if b, ok := decodeAs(bits, info, nil, 4*v+17); ok {
			return b, true
		}
	}
	return nil, false
}

// fourth looks for the alignment pattern of a version-v code that is nearest to
// the corner without a finder pattern; nil when there is none.
func fourth(bits *gozxing.BitMatrix, info *detector.FinderPatternInfo, module float64, v int) *detector.AlignmentPattern {
	if v < 2 {
		return nil
	}
	tl, tr, bl := info.GetTopLeft(), info.GetTopRight(), info.GetBottomLeft()
	share := 1 - 3/float64(4*v+10)
	x := tl.GetX() + share*(tr.GetX()-2*tl.GetX()+bl.GetX())
	y := tl.GetY() + share*(tr.GetY()-2*tl.GetY()+bl.GetY())
	for _, reach := range []float64{4, 8, 16} {
		r := reach * module
		left, top := int(max(0, x-r)), int(max(0, y-r))
		right, bottom := int(min(float64(bits.GetWidth()-1), x+r)), int(min(float64(bits.GetHeight()-1), y+r))
		if float64(right-left) < 3*module || float64(bottom-top) < 3*module {
			continue
		}
		if p, err := detector.NewAlignmentPatternFinder(bits, left, top, right-left, bottom-top, module, nil).Find(); err == nil {
			return p
		}
	}
	return nil
}

// decodeAs reads a code of side modules with these corners.
func decodeAs(bits *gozxing.BitMatrix, info *detector.FinderPatternInfo, mark *detector.AlignmentPattern, side int) ([]byte, bool) {
	t := detector.Detector_createTransform(info.GetTopLeft(), info.GetTopRight(), info.GetBottomLeft(), mark, side)
	grid, err := detector.Detector_sampleGrid(bits, t, side)
	if err != nil {
		return nil, false
	}
	res, err := decoder.NewDecoder().Decode(grid, nil)
	if err != nil || len(res.GetByteSegments()) == 0 {
		return nil, false
	}
	return bytes.Join(res.GetByteSegments(), nil), true
}
