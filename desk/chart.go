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
func Outline() string {
	var b strings.Builder
	for i, p := range strings.Fields(kazakhstan) {
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
	return b.String() + "Z"
}

// Region is a region or city of its rank, about where its name stands.
type Region struct {
	KK, RU, EN string
	Lat, Lon   float64
}

// Regions of Kazakhstan as they are since 2022.
func Regions() []Region {
	return []Region{
		{"Абай", "Абай", "Abai", 49.3, 79.6}, {"Ақмола", "Акмола", "Akmola", 52.2, 69.4}, {"Ақтөбе", "Актобе", "Aktobe", 48.6, 58.2}, {"Алматы обл.", "Алматинская", "Almaty region", 44.4, 76.6},
		{"Алматы", "Алматы", "Almaty", 43.24, 76.95}, {"Астана", "Астана", "Astana", 51.13, 71.43}, {"Атырау", "Атырау", "Atyrau", 47.4, 52.4}, {"Батыс Қазақстан", "Зап. Казахстан", "West Kazakhstan", 50.0, 50.4},
		{"Жамбыл", "Жамбыл", "Jambyl", 44.2, 72.0}, {"Жетісу", "Жетысу", "Jetisu", 45.5, 79.0}, {"Қарағанды", "Караганда", "Karaganda", 48.3, 74.3}, {"Қостанай", "Костанай", "Kostanay", 51.6, 63.8},
		{"Қызылорда", "Кызылорда", "Kyzylorda", 45.2, 64.2}, {"Маңғыстау", "Мангистау", "Mangystau", 43.9, 53.6}, {"Павлодар", "Павлодар", "Pavlodar", 52.3, 76.6}, {"Солтүстік Қазақстан", "Сев. Казахстан", "North Kazakhstan", 54.2, 69.2},
		{"Түркістан", "Туркестан", "Turkistan", 43.4, 67.8}, {"Ұлытау", "Улытау", "Ulytau", 48.0, 67.2}, {"Шығыс Қазақстан", "Вост. Казахстан", "East Kazakhstan", 48.9, 84.0}, {"Шымкент", "Шымкент", "Shymkent", 42.32, 69.59},
	}
}
