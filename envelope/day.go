package envelope

import "time"

// Day counts days in UTC from 2022-01-01, which is day 0.
type Day uint16

// NoDay is the expiry of a unit that carries none.
const NoDay Day = 0xffff

// Lifetimes in days. A carrier keeps nothing longer than MaxLifetime after
// it received it, whatever the unit says.
const (
	Lifetime    = 30  // by default
	MaxLifetime = 120 // on request
	MaxJitter   = 2   // random days added so that the day of writing stays vague
)

const daySeconds = 24 * 60 * 60

// epoch is 2022-01-01T00:00:00Z in Unix seconds.
const epoch = 1640995200

// DayOf is the day of t; times outside the range of Day become its ends.
func DayOf(t time.Time) Day {
	s := t.Unix() - epoch
	if s < 0 {
		return 0
	}
	if s/daySeconds >= int64(NoDay) {
		return NoDay - 1
	}
	return Day(s / daySeconds)
}

// Start is the first instant of the day.
func (d Day) Start() time.Time {
	return time.Unix(epoch+int64(d)*daySeconds, 0).UTC()
}

// Add moves the day by n days, staying in range and clear of NoDay.
func (d Day) Add(n int) Day {
	return Day(min(max(int(d)+n, 0), int(NoDay)-1))
}

func (d Day) String() string {
	if d == NoDay {
		return "none"
	}
	return d.Start().Format(time.DateOnly)
}
