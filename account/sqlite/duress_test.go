package sqlite

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
)

const first, second, third = "apple river cloud seven lamp", "nine wolves under the bridge", "quiet copper horizon twelve"

// costless are files of which a passphrase costs nothing to try.
func costless(path string) files {
	return files{path: path, kek: func(h header, secret []byte) []byte {
		if h.kdf == "file" {
			return h.kek(secret)
		}
		sum := sha256.Sum256(append(h.salt[:], secret...))
		return sum[:]
	}}
}

// profile is a vault with one record, the first passphrase and, if asked, the second.
func profile(t testing.TB, withSecond bool) files {
	t.Helper()
	v, path := openNew(t)
	must(t, v.Update(func(tx account.Tx) error { return tx.Put(1, []byte("k"), []byte("life")) }))
	must(t, v.Close())
	f := costless(path)
	must(t, f.change(nil, []byte(first), cheap()))
	if withSecond {
		must(t, f.setDuress([]byte(first), []byte(second)))
	}
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// copied puts the same files into another folder.
func (f files) copied(t testing.TB) files {
	t.Helper()
	to := f
	to.path = filepath.Join(t.TempDir(), filepath.Base(f.path))
	must(t, os.CopyFS(filepath.Dir(to.path), os.DirFS(filepath.Dir(f.path))))
	for _, name := range []string{to.path, headerPath(to.path)} {
		must(t, gone(os.Chmod(name, 0o600)))
	}
	return to
}

// lives reports what a passphrase opens: "life", "empty" for a vault that was begun, or
// the error.
func (f files) lives(t testing.TB, pass string) string {
	t.Helper()
	v, err := f.open([]byte(pass))
	if err != nil {
		if errors.Is(err, ErrWrongPassphrase) {
			return "wrong"
		}
		return err.Error()
	}
	defer v.Close()
	switch d := dump(t, v); {
	case v.Begun() && d == "":
		return "empty"
	case !v.Begun() && strings.Contains(d, fmt.Sprintf("%x", "life")):
		return "life"
	case !v.Begun() && d == "":
		return "settled"
	}
	return "something else"
}

func (f files) expect(t testing.TB, when, pass, want string) {
	t.Helper()
	if got := f.lives(t, pass); got != want {
		t.Fatalf("%s: %q opens %q, not %q", when, pass, got, want)
	}
}

// TestDuress goes the whole way with the real derivation.
func TestDuress(t *testing.T) {
	v, path := openNew(t)
	must(t, v.Update(func(tx account.Tx) error { return tx.Put(1, []byte("k"), []byte("life")) }))
	must(t, v.Close())
	f := files{path: path}
	if err := SetDuress(path, nil, []byte(second)); !errors.Is(err, ErrPassphrase) {
		t.Fatalf("a vault without a passphrase: %v", err)
	}
	must(t, ChangePassphrase(path, nil, []byte(first), cheap()))
	if _, err := os.Stat(keyPath(path)); err == nil {
		t.Fatal("the key file stayed")
	}
	if err := SetDuress(path, []byte("wrong"), []byte(second)); !errors.Is(err, ErrWrongPassphrase) {
		t.Fatal(err)
	}
	before := snapshot(t, path)
	if err := SetDuress(path, []byte(first), []byte("apple river cloud seven lamb")); !errors.Is(err, ErrNear) || snapshot(t, path) != before {
		t.Fatalf("one slip away: %v", err)
	}
	must(t, SetDuress(path, []byte(first), []byte(second)))
	image := f.copied(t)
	f.expect(t, "before", "nine wolves under the bridg", "wrong")
	f.expect(t, "before", first, "life")
	v, err := Open(path, []byte(second))
	must(t, err)
	must(t, v.Update(func(tx account.Tx) error { return tx.Put(2, []byte("k"), []byte("new")) }))
	if !v.Begun() {
		t.Error("not begun")
	}
	must(t, v.Settle())
	must(t, v.Settle())
	must(t, v.Update(func(tx account.Tx) error { return tx.Put(2, []byte("l"), []byte("more")) }))
	must(t, v.Close())
	f.expect(t, "settled", first, "wrong")
	v, err = Open(path, []byte(second))
	must(t, err)
	if d := dump(t, v); v.Begun() || strings.Count(d, "\n") != 2 {
		t.Fatalf("what was written since: %q", d)
	}
	must(t, v.Close())
	// What was said: an image from before opens.
	image.expect(t, "the image", first, "life")
}

// TestDuressAgain: it is set anew, taken away, and gone with another first passphrase.
func TestDuressAgain(t *testing.T) {
	f := profile(t, true)
	must(t, f.setDuress([]byte(first), []byte(third)))
	f.expect(t, "set anew", second, "wrong")
	f.copied(t).expect(t, "set anew", third, "empty")
	g := f.copied(t)
	must(t, g.setDuress([]byte(first), nil))
	g.expect(t, "taken away", third, "wrong")
	g.expect(t, "taken away", first, "life")
	must(t, f.change([]byte(first), []byte("another one altogether"), cheap()))
	f.expect(t, "changed", third, "wrong")
	f.expect(t, "changed", "another one altogether", "life")
	// Given where passphrases are changed it fires, too.
	for name, ask := range map[string]func(files) error{
		"set":    func(f files) error { return f.setDuress([]byte(second), []byte(third)) },
		"change": func(f files) error { return f.change([]byte(second), []byte(third), cheap()) },
	} {
		f := profile(t, true)
		if err := ask(f); !errors.Is(err, ErrDestroyed) {
			t.Fatalf("%s: %v", name, err)
		}
		f.expect(t, name, first, "wrong")
		f.expect(t, name, third, "wrong")
		f.expect(t, name, second, "empty")
	}
}

var errDead = errors.New("the process is dead")

// killed lets the process die at its n-th step, for all n, and looks at what is left.
func killed(t *testing.T, from files, act func(files) error, look func(t *testing.T, f files, done []string)) {
	t.Helper()
	for n := 0; ; n++ {
		f := from.copied(t)
		var done []string
		dead := false
		f.step = func(what string) error {
			if dead || len(done) == n {
				dead = true
				return errDead
			}
			done = append(done, strings.ReplaceAll(what, f.path, "vault.db"))
			return nil
		}
		err := act(f)
		f.step = nil
		look(t, f, done)
		if !dead {
			must(t, err)
			t.Logf("%d steps: %s", n, strings.Join(done, ", "))
			if n < 3 {
				t.Fatal("hardly a step: the test tests nothing")
			}
			return
		}
	}
}

// TestDuressKilled: whenever a process dies that sets it, changes a passphrase, takes it
// away or brings a vault to the second version, nothing is lost.
func TestDuressKilled(t *testing.T) {
	with, without := profile(t, true), profile(t, false)
	old := without.copied(t)
	h, key, root, err := old.unseal([]byte(first))
	must(t, err)
	h.first = true
	h.sealed, err = h.seal(key, root, forWhole)
	must(t, err)
	must(t, os.WriteFile(headerPath(old.path), h.marshal(), 0o600))
	for name, c := range map[string]struct {
		from   files
		act    func(files) error
		pass   string   // or first
		may    []string // what the second may open
		at     string
		second string
	}{
		"set":    {without, func(f files) error { return f.setDuress([]byte(first), []byte(second)) }, first, []string{"wrong", "empty"}, second, "empty"},
		"anew":   {with, func(f files) error { return f.setDuress([]byte(first), []byte(third)) }, first, []string{"wrong", "empty"}, second, "wrong"},
		"off":    {with, func(f files) error { return f.setDuress([]byte(first), nil) }, first, []string{"wrong", "empty"}, second, "wrong"},
		"change": {with, func(f files) error { return f.change([]byte(first), []byte(third), cheap()) }, third, []string{"wrong", "empty"}, second, "wrong"},
		"open": {old, func(f files) error {
			v, err := f.open([]byte(first))
			if err != nil {
				return err
			}
			if h, err := readHeader(f.path); err != nil || h.first && f.step("") == nil {
				t.Errorf("not brought to the second version: %v", err)
			}
			return v.Close()
		}, first, []string{"wrong"}, second, "wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			var last string
			killed(t, c.from, c.act, func(t *testing.T, f files, done []string) {
				if got := f.lives(t, first); got != "life" && f.lives(t, c.pass) != "life" {
					t.Fatalf("after %q: %s", done, got)
				}
				if _, err := os.Stat(unfinished(headerPath(f.path))); err == nil {
					t.Fatalf("after %q and an opening there is a header too many", done)
				}
				last = f.lives(t, c.at)
				if !strings.Contains(strings.Join(c.may, " "), last) {
					t.Fatalf("after %q: the second opens %q", done, last)
				}
			})
			if last != c.second {
				t.Fatalf("in the end the second opens %q", last)
			}
		})
	}
}

// TestFiringKilled: whenever a process dies that fires, the first passphrase opens all or
// never again anything, from the first destroyed byte on, and the second goes on from there.
func TestFiringKilled(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	from := profile(t, true)
	// A change that was interrupted left the key a second time.
	head := read(t, headerPath(from.path))
	must(t, os.WriteFile(unfinished(headerPath(from.path)), head, 0o600))
	sealed := bytes.Split(head, []byte("\n"))[3]
	fire := func(f files) error {
		v, err := f.open([]byte(second))
		if err != nil {
			return err
		}
		return errors.Join(v.Settle(), v.Close())
	}
	spoilt := 0
	killed(t, from, fire, func(t *testing.T, f files, done []string) {
		fired, want := false, "empty"
		for i, what := range done {
			fired = fired || what == "root"
			if strings.HasPrefix(what, "rename") {
				want = "settled"
			}
			if what == "root" && i > 2 {
				t.Fatalf("the key is destroyed late: %q", done)
			}
		}
		if fired {
			f.copied(t).expect(t, fmt.Sprint(done), first, "wrong")
			if b, err := os.ReadFile(unfinished(headerPath(f.path))); err == nil && bytes.Contains(b, sealed) {
				t.Fatalf("the key is left after %q", done)
			}
		} else {
			f.copied(t).expect(t, fmt.Sprint(done), first, "life")
			for range 4 { // and any part of the writing that destroys it
				g := f.copied(t)
				b := read(t, headerPath(g.path))
				at := bytes.Index(b, []byte(rootWord)) + len(rootWord)
				for i := range 2 * sealedSize {
					if rng.IntN(3) == 0 || i == 99 {
						if b[at+i]++; b[at+i] > 'e' || b[at+i] == '9'+1 {
							b[at+i] = '0'
						}
					}
				}
				must(t, os.WriteFile(headerPath(g.path), b, 0o600))
				g.expect(t, "torn", first, "wrong")
				g.expect(t, "torn", second, "empty")
				spoilt++
			}
		}
		f.expect(t, fmt.Sprint(done), second, want)
		f.expect(t, fmt.Sprint(done), first, "wrong")
	})
	if spoilt == 0 {
		t.Error("nothing was torn")
	}
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	return b
}

// TestNothingTells compares files of vaults with a second passphrase and without.
func TestNothingTells(t *testing.T) {
	with, without := profile(t, true), profile(t, false)
	off := profile(t, true)
	must(t, off.setDuress([]byte(first), nil))
	// Nor do times: setting leaves them, and an opening changes them in any case.
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	for name, f := range map[string]files{"with": with, "without": without, "taken away": off} {
		g := f.copied(t)
		must(t, os.Chtimes(headerPath(g.path), long, long))
		must(t, g.setDuress([]byte(first), map[bool][]byte{true: []byte(second)}[name != "taken away"]))
		if info, err := os.Stat(headerPath(g.path)); err != nil || !info.ModTime().Equal(long) {
			t.Errorf("%s: the header is of %v, not %v: %v", name, info.ModTime(), long, err)
		}
		before := read(t, headerPath(g.path))
		g.expect(t, name, first, "life")
		if info, err := os.Stat(headerPath(g.path)); err != nil || info.ModTime().Equal(long) {
			t.Errorf("%s: an opening leaves the time: %v", name, err)
		}
		now := read(t, headerPath(g.path))
		a, b := bytes.Split(before, []byte("\n")), bytes.Split(now, []byte("\n"))
		if bytes.Equal(a[3], b[3]) || !bytes.Equal(a[4], b[4]) {
			t.Errorf("%s: an opening makes of\n%s\n%s", name, before, now)
		}
	}
	list := func(f files) string {
		var b strings.Builder
		entries, err := os.ReadDir(filepath.Dir(f.path))
		must(t, err)
		for _, e := range entries {
			info, err := e.Info()
			must(t, err)
			fmt.Fprintf(&b, "%s %v", e.Name(), info.Mode())
			if strings.HasSuffix(e.Name(), ".head") {
				fmt.Fprintf(&b, " %d", info.Size())
			}
			b.WriteString("\n")
		}
		return b.String()
	}
	want := list(without)
	for name, f := range map[string]files{"with": with, "taken away": off} {
		if got := list(f); got != want {
			t.Errorf("%s: %q, without: %q", name, got, want)
		}
	}
	if runtime.GOOS != "windows" && !strings.Contains(want, "vault.db.head -rw-------") {
		t.Errorf("%q", want)
	}
	// Of many heads each digit of salt, root and other place takes each value in both
	// sets, and all else is constant and the same.
	const heads = 400
	h, key, root, err := without.unseal([]byte(first))
	must(t, err)
	var seen [2][]map[byte]int
	for set := range seen {
		for i := range heads {
			rng := rand.New(rand.NewPCG(uint64(set), uint64(i)))
			for j := range h.salt {
				h.salt[j] = byte(rng.Uint32())
			}
			must(t, h.fill(key, root))
			if set == 1 {
				h.other, err = h.seal([]byte(strings.Repeat("k", 32)), root, forDuress)
				must(t, err)
			}
			b := h.marshal()
			if seen[set] == nil {
				seen[set] = make([]map[byte]int, len(b))
			}
			if len(b) != len(seen[set]) || len(b) != len(read(t, headerPath(with.path))) {
				t.Fatalf("a head of %d bytes", len(b))
			}
			for at, c := range b {
				if seen[set][at] == nil {
					seen[set][at] = map[byte]int{}
				}
				seen[set][at][c]++
			}
		}
	}
	digits := 0
	for at := range seen[0] {
		a, b := seen[0][at], seen[1][at]
		switch {
		case len(a) == 16 && len(b) == 16:
			digits++
		case len(a) != 1 || len(b) != 1:
			t.Errorf("byte %d takes %d values without and %d with", at, len(a), len(b))
		default:
			for c := range a {
				if b[c] != heads {
					t.Errorf("byte %d is %q without and %v with", at, c, b)
				}
			}
		}
	}
	if want := 2 * (16 + 2*sealedSize); digits != want {
		t.Errorf("%d digits vary, not %d", digits, want)
	}
}

// TestEraseLeavesNoHeader: what an interrupted change left goes with the rest.
func TestEraseLeavesNoHeader(t *testing.T) {
	f := profile(t, true)
	for _, name := range []string{headerPath(f.path), keyPath(f.path)} {
		must(t, os.WriteFile(unfinished(name), read(t, headerPath(f.path)), 0o600))
	}
	must(t, Erase(f.path))
	if entries, err := os.ReadDir(filepath.Dir(f.path)); err != nil || len(entries) > 0 || Exists(f.path) {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestNear(t *testing.T) {
	for _, c := range []struct {
		a, b string
		near bool
	}{
		{first, second, false},
		{first, third, false},
		{first, first, true},
		{first, "Apple River CLOUD seven lamp", true},
		{first, " appleriver cloudsevenlamp\t", true},
		{first, "apple river cloud seven", true}, // the end was left out
		{first, first + first, true},
		{first, "apple rvier cloud seven lamp", true}, // two changed places
		{first, "aple river cloud sevven lamp", true},
		{first, "apple river cloud eleven lamp", true},
		{first, "apple river sun eleven lamps", false},
		{first, "фззду кшмук сдщгв ыумут дфьз", true}, // the keyboard was Russian
		{"қара бұлақ тау жолы", "0fhf ,9kf0 nfe ;jks", true},
		{"ҚАРА бұлақ тау жолы", "қара бүлақ тау жолы", true},
		{"ghbdtn vbh lj,hsq", "привет мир добрый", true},
		{"12345678", "87654321", false},
		{"\xff\xfe\xff", "\xfe\xff\xfe", true},
		{strings.Repeat("a", 1<<16), strings.Repeat("a", 1<<15) + strings.Repeat("b", 1<<15), false},
	} {
		if near([]byte(c.a), []byte(c.b)) != c.near || near([]byte(c.b), []byte(c.a)) != c.near {
			t.Errorf("%.40q and %.40q: near is not %v", c.a, c.b, c.near)
		}
	}
}
