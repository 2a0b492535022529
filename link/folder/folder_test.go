package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFolderPasses(t *testing.T) {
	linktest.RunDrop(t, func(t *testing.T) func() link.Drop {
		dir := t.TempDir()
		return func() link.Drop { return open(t, dir, Options{}) }
	})
}

func open(t *testing.T, dir string, o Options) *Folder {
	t.Helper()
	f, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// each collects all units, sorted, and the notes.
func each(t *testing.T, f *Folder) ([][]byte, []link.Note) {
	t.Helper()
	var units [][]byte
	notes, err := f.Each(context.Background(), func(u []byte) error { units = append(units, u); return nil })
	if err != nil {
		t.Fatalf("each: %v", err)
	}
	slices.SortFunc(units, bytes.Compare)
	return units, notes
}

func leave(t *testing.T, f *Folder, units [][]byte) {
	t.Helper()
	if _, err := f.Leave(context.Background(), linktest.From(units)); err != nil {
		t.Fatalf("leave: %v", err)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func sameUnits(t *testing.T, got, want [][]byte) {
	t.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, bytes.Compare)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d units were found, want %d others", len(got), len(want))
	}
}

func TestOpenNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "absent"), name, ""} {
		if _, err := Open(path, Options{}); !errors.Is(err, ErrNoFolder) {
			t.Errorf("open of %q: %v", path, err)
		}
	}
	gone := filepath.Join(dir, "stick")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	f := open(t, gone, Options{})
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Each(context.Background(), nil); !errors.Is(err, ErrNoFolder) {
		t.Errorf("each after the stick was pulled out: %v", err)
	}
	if _, err := f.Leave(context.Background(), nil); !errors.Is(err, ErrNoFolder) {
		t.Errorf("leave after the stick was pulled out: %v", err)
	}
}

func TestNamesAndSizes(t *testing.T) {
	dir := t.TempDir()
	units := linktest.Units(1, 700) // ~22 MiB
	sum := int64(0)
	for _, u := range units {
		sum += int64(len(u))
	}
	if _, err := open(t, dir, Options{}).LeaveAbout(context.Background(), sum, linktest.From(units)); err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	var sizes []int64
	for _, name := range files(t, dir) {
		stem, ok := strings.CutSuffix(name, ".DAT")
		if !ok || !ourName(stem) {
			t.Errorf("%q is no 8.3 name of ours", name)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > MaxPack {
			t.Errorf("%s has %d bytes, more than a pack may", name, info.Size())
		}
		total += info.Size()
		sizes = append(sizes, info.Size())
	}
	want := int64(0)
	for _, u := range units {
		want += int64(len(u))
	}
	if total > want*145/100 { // two fifths are spare files
		t.Errorf("%d bytes of units became %d bytes of files", want, total)
	}
	slices.Sort(sizes)
	if len(sizes) < 5 || sizes[0] > firstPack+MaxUnit {
		t.Errorf("pack sizes %v: the first should be small", sizes)
	}
}

func TestNothingIsWrittenTwice(t *testing.T) {
	dir := t.TempDir()
	old, fresh := linktest.Units(1, 30), linktest.Units(2, 10)
	leave(t, open(t, dir, Options{}), old)
	before := files(t, dir)

	f := open(t, dir, Options{})
	each(t, f)
	n, err := f.Leave(context.Background(), linktest.From(old))
	if err != nil || n == 0 || len(files(t, dir)) != len(before) {
		t.Errorf("what Each had found was written again: %d bytes, %v, %d files", n, err, len(files(t, dir)))
	}
	leave(t, f, append(slices.Clone(old), fresh...))
	leave(t, f, append(slices.Clone(fresh), fresh...))
	got, _ := each(t, f)
	sameUnits(t, got, append(slices.Clone(old), fresh...))

	// Another stick in the same place holds nothing, whatever we remember.
	for _, name := range files(t, dir) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	leave(t, f, old)
	got, _ = each(t, open(t, dir, Options{}))
	sameUnits(t, got, old)

	// So does a pack that somebody overwrote.
	name := filepath.Join(dir, files(t, dir)[0])
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	later := info.ModTime().Add(2 * time.Second)
	if err := errors.Join(os.WriteFile(name, make([]byte, info.Size()), 0o600), os.Chtimes(name, later, later)); err != nil {
		t.Fatal(err)
	}
	leave(t, f, old)
	got, _ = each(t, open(t, dir, Options{}))
	sameUnits(t, slices.CompactFunc(got, bytes.Equal), old) // the spare files bring a copy
}

// TestTemporaryFileIsNotTrusted: a whole pack that was never renamed may not be
// on the medium yet.
func TestTemporaryFileIsNotTrusted(t *testing.T) {
	dir := t.TempDir()
	units := linktest.Units(1, 3)
	temp := filepath.Join(dir, "AAAAAAAA"+tempSuffix)
	if err := os.WriteFile(temp, packOf(units), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir, Options{})
	got, _ := each(t, f)
	sameUnits(t, got, units)
	leave(t, f, units)
	if err := os.Remove(temp); err != nil {
		t.Fatal(err)
	}
	got, _ = each(t, f)
	sameUnits(t, got, units)
}

func TestKeepCleansOnlyWholeUselessPacks(t *testing.T) {
	dir := t.TempDir()
	dead, alive, later := linktest.Units(1, 5), linktest.Units(2, 5), linktest.Units(3, 5)
	leave(t, open(t, dir, Options{}), dead)
	leave(t, open(t, dir, Options{}), append(slices.Clone(alive), dead[0]))
	foreign := filepath.Join(dir, "PHOTO.JPG")
	torn := filepath.Join(dir, "AAAAAAAA.DAT")
	p := newPacker()
	p.add(dead[1])
	for name, data := range map[string][]byte{foreign: bytes.Repeat([]byte("x"), 5000), torn: p.file()[:200]} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, dir, Options{Keep: func(u []byte) bool {
		return !slices.ContainsFunc(dead, func(d []byte) bool { return bytes.Equal(d, u) })
	}})
	each(t, f)
	if n := len(files(t, dir)); n != 2*4+2 { // three spare files to a pack
		t.Fatalf("each removed something: %d files", n)
	}
	leave(t, f, later)
	if n := len(files(t, dir)); n != 2*4+2 {
		t.Errorf("%d files: the useless pack should have gone with its spare files", n)
	}
	got, _ := each(t, f)
	sameUnits(t, got, append(append(slices.Clone(alive), dead[0], dead[1]), later...))
	for _, name := range []string{foreign, torn} {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s was removed: %v", name, err)
		}
	}
}

func TestRenamedPackIsFound(t *testing.T) {
	dir := t.TempDir()
	units := linktest.Units(1, 3)
	leave(t, open(t, dir, Options{}), units)
	sub := filepath.Join(dir, "new folder", "Telegram Desktop")
	if err := os.MkdirAll(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, files(t, dir)[0]), filepath.Join(sub, "file (1).dat")); err != nil {
		t.Fatal(err)
	}
	got, _ := each(t, open(t, dir, Options{}))
	sameUnits(t, got, units)
}

func TestTwoWritersLeaveOnlyWholePacks(t *testing.T) {
	dir := t.TempDir()
	var g sync.WaitGroup
	var all [][]byte
	for i := range 2 {
		units := linktest.Units(uint64(i), 200)
		all = append(all, units...)
		g.Go(func() { leave(t, open(t, dir, Options{}), units) })
	}
	g.Wait()
	got, notes := each(t, open(t, dir, Options{}))
	sameUnits(t, got, all)
	if len(notes) != 0 {
		t.Errorf("notes after two writers: %v", notes)
	}
}

func TestSubfolders(t *testing.T) {
	dir := t.TempDir()
	for i := range perFolder - 3 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("photo%d.jpg", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all [][]byte
	for i := range perFolder/4 + 8 { // each with three spare files
		all = append(all, []byte(fmt.Sprintf("unit %d", i)))
		leave(t, faulty(t, dir, &faults{fast: true, budget: -1}), all[i:])
	}
	perDir := make(map[string]int)
	for _, name := range files(t, dir) {
		perDir[filepath.Dir(name)]++
	}
	if len(perDir) != 3 && len(perDir) != 4 {
		t.Errorf("packs lie in %d folders, want 3 or 4: %v", len(perDir), perDir)
	}
	for sub, n := range perDir {
		if n > perFolder || sub != "." && !ourName(sub) {
			t.Errorf("folder %s has %d files", sub, n)
		}
	}
	got, _ := each(t, open(t, dir, Options{}))
	sameUnits(t, got, all)
}

func TestWalkLimits(t *testing.T) {
	dir := t.TempDir()
	units := linktest.Units(1, 400)
	leave(t, open(t, dir, Options{}), units)
	for _, o := range []Options{{MaxFiles: 2}, {MaxBytes: 300 << 10}} {
		got, notes := each(t, open(t, dir, o))
		if len(got) == len(units) || len(notes) != 1 || !strings.Contains(notes[0].What, "not looked at") {
			t.Errorf("%+v: %d of %d units, notes %v", o, len(got), len(units), notes)
		}
	}
	deep := dir
	for range maxDepth + 3 {
		deep = filepath.Join(deep, "d")
	}
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, notes := each(t, open(t, dir, Options{})); len(notes) != 1 || !strings.Contains(notes[0].What, "nested") {
		t.Errorf("notes of a deep tree: %v", notes)
	}
}

func TestManyNotesAreCounted(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 * maxNotes {
		if err := os.Symlink("nowhere", filepath.Join(dir, fmt.Sprintf("link%d", i))); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	_, notes := each(t, open(t, dir, Options{}))
	if len(notes) != maxNotes+1 || !strings.HasPrefix(notes[maxNotes].What, "128 more") {
		t.Errorf("%d notes, the last %v", len(notes), notes[len(notes)-1])
	}
}

func TestShow(t *testing.T) {
	for in, want := range map[string]string{
		"сурет.jpg":               "сурет.jpg",
		"a\x1b[2Jb":               `"a\x1b[2Jb"`,
		"x\ny":                    `"x\ny"`,
		"photo\u202egpj.exe":      `"photo\u202egpj.exe"`,
		"bad\xff":                 `"bad\xff"`,
		strings.Repeat("я", 5000): strings.Repeat("я", 120) + "…",
	} {
		if got := show(in); got != want {
			t.Errorf("show(%q) = %s, want %s", in, got, want)
		}
	}
}

// BenchmarkStick leaves about 10 MiB in a fresh folder and finds them again.
func BenchmarkStick(b *testing.B) {
	units := linktest.Units(1, 300)
	size := int64(0)
	for _, u := range units {
		size += int64(len(u))
	}
	for _, what := range []string{"leave", "each"} {
		b.Run(what, func(b *testing.B) {
			b.SetBytes(size)
			dir := b.TempDir()
			f, err := Open(dir, Options{})
			if err != nil {
				b.Fatal(err)
			}
			if what == "each" {
				if _, err := f.Leave(context.Background(), linktest.From(units)); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if what == "each" {
					if _, err := f.Each(context.Background(), func([]byte) error { return nil }); err != nil {
						b.Fatal(err)
					}
					continue
				}
				f.path = b.TempDir()
				if _, err := f.Leave(context.Background(), linktest.From(units)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
