package routing

// Gone is what a shelf remembers of a unit that it evicted.
type Gone struct {
	Rank  uint8 // the best that the unit had when it went; Own: it is proven delivered
	Times int   // how often it went; 0: never
}

// TakeAgain says whether to take a unit of so many bytes once more, which came to be
// evicted, into a shelf with free bytes that displace nothing. Each unit is taken once
// whatever else is here: only who reads it knows whether it is a letter to this device.
// After that full shelves would pass the same units round for ever.
func TakeAgain(rank uint8, g Gone, size, free int64) bool {
	switch {
	case g.Times == 0:
		return true
	case g.Rank == Own:
		return false
	}
	return rank < g.Rank || 2*size <= free // a record is more than its unit
}
