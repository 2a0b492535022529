package sticks

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/jauap/jauap/link/folder"
)

// tellEvery is how often changes of progress are told.
const tellEvery = time.Second

// Visit is how far a visit is.
type Visit struct {
	Path string
	folder.Progress
	Left time.Duration // that this phase still takes, about; 0 when nobody knows
}

// Stick is one that was plugged in and waits for a word.
type Stick struct {
	Path  string
	Known bool // this device was here before
}

// Desk keeps what there is to tell of sticks. The zero value is ready once Now and
// Changed are set.
type Desk struct {
	Now     func() time.Time
	Changed func() // something else is to be told now

	One sync.Mutex // held by the visit

	mu       sync.Mutex
	visit    *Visit
	began    time.Time // the visit's phase
	told     time.Time
	appeared []Stick
}

// Progress keeps what a visit tells of itself.
func (d *Desk) Progress(path string) func(folder.Progress) {
	return func(p folder.Progress) {
		d.mu.Lock()
		defer d.mu.Unlock()
		now := d.Now()
		if d.visit == nil || d.visit.Phase != p.Phase {
			d.began = now
		}
		v := &Visit{Path: path, Progress: p}
		if spent := now.Sub(d.began); spent > 0 && p.Done > 0 && p.Total > p.Done {
			v.Left = time.Duration(float64(spent) * float64(p.Total-p.Done) / float64(p.Done))
		}
		d.visit = v
		if now.Sub(d.told) >= tellEvery || now.Before(d.told) {
			d.told = now
			d.Changed()
		}
	}
}

// End forgets a visit, and that its stick waits for a word.
func (d *Desk) End(path string) {
	d.mu.Lock()
	d.visit = nil
	d.mu.Unlock()
	d.Forget(path)
}

// Forget lets a stick wait no longer.
func (d *Desk) Forget(path string) {
	d.mu.Lock()
	d.appeared = slices.DeleteFunc(slices.Clone(d.appeared), func(s Stick) bool { return s.Path == path })
	d.mu.Unlock()
	d.Changed()
}

// State is the visit under way, nil for none, and the sticks that wait.
func (d *Desk) State() (*Visit, []Stick) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.visit, slices.Clone(d.appeared)
}

// TokenSize is the part of an ask by which its maker knows it again.
// spec/folder.md, 5.
const TokenSize = 16

// Token is what the holder of secret, and nobody else, knows its ask again by.
func Token(secret, nonce []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(nonce)
	return h.Sum(nil)[:TokenSize]
}
