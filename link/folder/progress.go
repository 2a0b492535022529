package folder

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// Phase is what a call of Each or Leave is at.
type Phase uint8

// The phases of a visit, in this order.
const (
	Reading    Phase = iota // packs
	Restoring               // what spare files have to bring back
	Writing                 // packs
	Protecting              // spare files
)

// Progress is how far a phase is, in bytes. Total is an estimate, and 0 when there
// is none.
type Progress struct {
	Phase       Phase
	Done, Total int64
}

// tell reports progress to whoever wants to know.
func (f *Folder) tell(p Phase, done, total int64) {
	if f.o.Progress != nil {
		f.o.Progress(Progress{p, done, max(total, done)})
	}
}

// ahead adds up the sizes of what looks like packs by its name, so that progress
// has an end. A walk looks at no more entries, and at none twice as deep.
func (w *walk) ahead(dir string, depth int, left *int) (total int64) {
	_ = w.d.List(dir, func(entries []fs.DirEntry) error {
		for _, e := range entries {
			if *left--; *left < 0 || w.ctx.Err() != nil {
				return errEnough
			}
			if e.IsDir() && depth < maxDepth && !private(e.Name()) {
				total += w.ahead(filepath.Join(dir, e.Name()), depth+1, left)
			}
			if stem, ok := strings.CutSuffix(e.Name(), packSuffix); !ok || !ourName(stem) || !e.Type().IsRegular() {
				continue
			}
			if info, err := e.Info(); err == nil {
				total += min(info.Size(), MaxPack)
			}
		}
		return nil
	})
	return total
}
