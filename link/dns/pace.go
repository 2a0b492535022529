package dns

const (
	windowFirst = 4.0
	windowLeast = 2.0
	windowMost  = 64.0

	epochLong  = 16  // queries that are judged together
	epochQuiet = 8   // of them in a quiet epoch
	quietEvery = 16  // epochs
	quietTimes = 4.0 // slower
	lossFree   = 0.1 // below it nothing is to be found out
	lossMore   = 0.15
	lossAll    = 0.95 // nobody lives with that: it is asking too fast, or there is nobody
)

// pace finds how many queries may wait at once. Loss that is there also when it asks
// slowly is the network's and says nothing of how fast to ask; more than that means
// that somebody counts.
type pace struct {
	window  float64
	n, lost int
	epochs  int
	quiet   bool
	base    float64 // loss of the last quiet epoch
	loss    float64 // of the last epoch
}

// room is how many may wait.
func (p *pace) room() int {
	if p.quiet {
		return int(max(windowLeast, p.window/quietTimes))
	}
	return int(p.window)
}

// slower is by how much the steps between queries are longer than usual.
func (p *pace) slower() float64 {
	if p.quiet {
		return quietTimes
	}
	return 1
}

// note counts the end of a query, answered or not.
func (p *pace) note(answered bool) {
	p.n++
	if !answered {
		p.lost++
	}
	long := max(epochLong, int(p.window))
	if p.quiet {
		long = epochQuiet
	}
	if p.n < long {
		return
	}
	loss := float64(p.lost) / float64(p.n)
	p.n, p.lost = 0, 0
	p.epochs++
	switch {
	case p.quiet:
		p.quiet, p.base = false, loss
	case loss > lossAll:
		p.window = max(p.window/2, windowLeast)
	case loss <= max(p.base, lossFree)+lossMore:
		p.window = min(p.window*1.5, windowMost)
	default:
		p.window = max(p.window*0.7, windowLeast)
	}
	p.loss = loss
	if loss > lossFree && p.epochs%quietEvery == quietEvery/4 {
		p.quiet = true
	}
}
