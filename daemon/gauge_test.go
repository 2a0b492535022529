package daemon

import (
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
)

// TestGauge: what is slow shows by how long a link takes for what is written, whatever it
// was thought to be; what leaves at once at first does not hide it.
func TestGauge(t *testing.T) {
	for _, c := range []struct {
		name  string
		rate  float64 // bytes a second, after what leaves at once
		free  float64
		start bool
		want  bool
		bytes int // until then
	}{
		{"64 kbit/s, believed fast", 8_000, 14_000, false, true, 30_000},
		{"64 kbit/s, believed slow", 8_000, 14_000, true, true, 30_000},
		{"200 kbit/s", 25_000, 14_000, false, true, 200_000},
		{"1 Mbit/s, believed slow", 125_000, 14_000, true, false, 60_000},
		{"20 Mbit/s, believed slow", 2_500_000, 14_000, true, false, 30_000},
		{"400 kbit/s stays slow", 50_000, 0, true, true, 500_000},
		{"400 kbit/s stays fast", 50_000, 0, false, false, 500_000},
		{"kernel takes all", 1e12, 0, false, false, 500_000},
	} {
		var g gauge
		g.slow.Store(c.start)
		credit, free := creditBytes, c.free
		for sent := 0; sent < c.bytes; sent += credit {
			busy := max(float64(credit)-free, 0)
			free = max(free-float64(credit), 0)
			took := time.Duration(busy / c.rate * float64(time.Second))
			g.add(credit, took)
			g.add(100, 0) // a word now and then says nothing
			credit = creditAfter(credit, credit, took)
		}
		if g.slow.Load() != c.want {
			t.Errorf("%s: slow %v", c.name, !c.want)
		}
	}
}

// TestPlanAhead: of the attachments a slow link has some seconds sealed, texts always.
func TestPlanAhead(t *testing.T) {
	const s3, s4 = 16 << 10, 64 << 10
	if s3 != envelope.S3.Size() || s4 != envelope.S4.Size() {
		t.Fatal("classes have other sizes")
	}
	for _, c := range []struct {
		most, unsent int
		slow         bool
		max          int
		texts, ok    bool
	}{
		{aheadBytes, 0, false, aheadBytes, false, true},
		{aheadBytes, aheadBytes - s4, false, s4, false, true},
		{aheadBytes, aheadBytes - s4 + 1, false, aheadBytes, true, true},
		{aheadBytes, 2*aheadBytes - 20_000, false, 20_000, true, true},
		{aheadBytes, 2*aheadBytes - 1000, false, 0, false, false},
		{aheadBytes, 0, true, slowAhead, false, true},
		{aheadBytes, slowAhead - s3, true, s3, false, true},
		{aheadBytes, slowAhead - s3 + 1, true, aheadBytes, true, true},
		{firstBytes, aheadBytes, true, firstBytes, true, true},
		{firstBytes, aheadBytes, false, firstBytes, true, true},
		{firstBytes, 0, true, slowAhead, false, true},
	} {
		max, h, ok := planAhead(c.most, c.unsent, c.slow)
		if ok != c.ok || ok && (max != c.max || h.Texts != c.texts || h.Slow != c.slow || h.Unsent != c.unsent) {
			t.Errorf("%d bytes, %d unsent, slow %v: %d bytes, %+v, %v", c.most, c.unsent, c.slow, max, h, ok)
		}
	}
}
