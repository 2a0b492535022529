package folder

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// Peek looks at a stick without reading it: are there files of ours (by name and
// head), and which asks. Errors: as Each.
func (f *Folder) Peek(ctx context.Context) (ours bool, asks [][]byte, err error) {
	d, err := f.enter()
	if err != nil {
		return false, nil, err
	}
	defer d.Close()
	w := &walk{f: f, d: d, ctx: ctx, peek: true}
	err = w.dir(".", 0)
	if errors.Is(err, errLimit) {
		err = nil
	}
	w.newestAsks()
	for _, a := range w.asks {
		asks = append(asks, a.data)
	}
	return w.ours, asks, err
}

// peeked says whether Peek passes an entry over.
func (w *walk) peeked(e fs.DirEntry) bool {
	if !w.peek {
		return false
	}
	stem, ok := strings.CutSuffix(e.Name(), packSuffix)
	if e.IsDir() {
		stem, ok = e.Name(), true
	}
	return !ok || !ourName(stem)
}

// Print is a number that changes with the names, sizes and times of all files that
// may be ours: whoever synchronised them changed something. Errors: as Each.
func (f *Folder) Print(ctx context.Context) (uint64, error) {
	d, err := f.enter()
	if err != nil {
		return 0, err
	}
	defer d.Close()
	left := f.o.MaxFiles
	return f.print(ctx, d, ".", 0, &left)
}

func (f *Folder) print(ctx context.Context, d disk, dir string, depth int, left *int) (sum uint64, err error) {
	err = d.List(dir, func(entries []fs.DirEntry) error {
		for _, e := range entries {
			if *left--; *left < 0 || ctx.Err() != nil {
				return errEnough
			}
			name := filepath.Join(dir, e.Name())
			switch {
			case e.IsDir() && depth < maxDepth && !private(e.Name()):
				if below, err := f.print(ctx, d, name, depth+1, left); err == nil {
					sum += below
				}
			case e.Type().IsRegular() && !unfinished(e.Name()):
				if info, err := e.Info(); err == nil {
					// A sum, since a folder lists in any order.
					sum += f.hash(name, info.Size(), info.ModTime().UnixNano())
				}
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = ctx.Err()
	}
	return sum, err
}

// unfinished tells names under which other programs write, as Syncthing does.
func unfinished(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~")
}
