package bp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/bundle"
)

// Limits of a folder of bundles.
const (
	maxFiles   = 100_000 // entries that one walk looks at
	fileSuffix = ".bundle"
	tempSuffix = ".part"
)

// ErrFolder: the folder cannot be used.
var ErrFolder = errors.New("bp: cannot use this folder of bundles")

// Files is a folder with one bundle a file, for tools of a bundle node that send what
// lies in a folder and write there what comes. It is a link.Drop.
type Files struct {
	dir string
	g   Packing
	now func() time.Time
}

var _ link.Drop = (*Files)(nil)

// OpenFiles makes a link of the folder at dir, which must exist.
func OpenFiles(dir string, g Packing, o Options) (*Files, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%w: %q is not a folder", ErrFolder, dir)
	}
	return &Files{dir, g, o.now}, nil
}

// Traits implements link.Drop.
func (f *Files) Traits() link.Traits { return Traits() }

// Leave implements link.Drop: a bundle is a file of its own that appears whole, with
// a random name.
func (f *Files) Leave(ctx context.Context, next func() ([]byte, bool)) (total int64, err error) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer root.Close()
	counted := int64(0)
	for err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		unit, ok := next()
		if !ok {
			break
		}
		if err = f.write(root, unit); err == nil {
			counted += int64(len(unit))
		}
	}
	if counted > 0 {
		syncNames(root)
	}
	return counted, err
}

func (f *Files) write(root *os.Root, unit []byte) error {
	raw, err := f.g.pack(unit, f.now())
	if err != nil {
		return err
	}
	name := strings.ToLower(rand.Text()[:16])
	// 0644: the node's tools run as somebody else. What lies there is sealed.
	w, err := root.OpenFile(name+tempSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	_, err = w.Write(raw)
	err = errors.Join(err, w.Sync(), w.Close())
	if err == nil {
		err = root.Rename(name+tempSuffix, name+fileSuffix)
	}
	if err != nil {
		_ = root.Remove(name + tempSuffix)
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	return nil
}

// Each implements link.Drop: it reads every file right in the folder that holds one
// bundle, whatever its name. Nothing is changed or removed.
func (f *Files) Each(ctx context.Context, take func(unit []byte) error) ([]link.Note, error) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer root.Close()
	d, err := root.Open(".")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer d.Close()
	desk := newDesk(f.g, Options{Now: f.now})
	for seen := 0; ; {
		list, err := d.ReadDir(128)
		for _, e := range list {
			if err := ctx.Err(); err != nil {
				return desk.summary(f.dir), err
			}
			if seen++; seen > maxFiles {
				desk.note(f.dir, fmt.Sprintf("more than %d files: the rest was not looked at", maxFiles))
				return desk.summary(f.dir), nil
			}
			if err := f.file(root, &desk, e, take); err != nil {
				return desk.summary(f.dir), err
			}
		}
		if err == io.EOF {
			return desk.summary(f.dir), nil
		}
		if err != nil {
			return desk.summary(f.dir), fmt.Errorf("%w: %w", ErrFolder, err)
		}
	}
}

// file reads one; only take's errors end the walk.
func (f *Files) file(root *os.Root, desk *desk, e fs.DirEntry, take func([]byte) error) error {
	if !e.Type().IsRegular() || strings.HasSuffix(e.Name(), tempSuffix) {
		return nil
	}
	where := fmt.Sprintf("%q", filepath.Base(e.Name()))
	r, err := root.Open(e.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a tool took it meanwhile
	}
	if err != nil {
		desk.note(where, "cannot be read")
		return nil
	}
	defer r.Close()
	if info, err := r.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	raw, err := io.ReadAll(io.LimitReader(r, bundle.MaxBundle+1))
	if err != nil {
		desk.note(where, "cannot be read")
		return nil
	}
	unit, err := desk.open(where, raw)
	if err != nil {
		return nil
	}
	return take(unit)
}

// syncNames makes new names durable, where the system can.
func syncNames(root *os.Root) {
	if d, err := root.Open("."); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
