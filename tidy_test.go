package jauap

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The budgets, in lines. Longer is an exception that stands here with a why.
const (
	functionLines = 70
	fileLines     = 600
	roomLines     = 2500
)

// exceptions name what may be longer, and why.
var exceptions = map[string]string{
	"account": "one state machine over one vault; 400 of its lines are the vault kept in memory and the record codec, which every test of it needs",
}

// wide names rooms with a budget of their own, and why.
var wide = map[string]struct {
	lines int
	why   string
}{
	"exchange":  {2600, "one session of two shelves; what it says is written into the frame it leaves in, and names go into a sketch without the rest"},
	"store":     {3460, "one engine over one format; who holds how much is counted where units come and go, what went for want of room is remembered there, what cannot be read is tried again or, at a start, read around, a journal that cannot grow gives way to another, stamps stand under two names, and what was own can be made a stranger's"},
	"daemon":    {9490, "all wiring and nothing else: a short file for each noun of the door, relays taken while it runs, slips through public inboxes, statuses to groups, stamps that follow a report, postage asked for, paid and honoured, and an empty profile in place of a destroyed one among them; what is wrong has a code beside its words; decisions belong into the noun's own room"},
	"link/lan":  {2620, "who is near, one meeting over two transports, and what a slow path to somebody far away needs: knocks, a greeting that leaves once, spares"},
	"cmd/jauap": {5960, "a short file for each group of commands; reading along outlives a node; more than two hundred of its lines ask outside witnesses, a hundred are boards, a hundred the lock, a hundred and twenty the passphrases, twenty a name that stays here"},
	"web":       {5795, "a short file for each screen, the locked one among them; a notice is looked at before it is public, and whom outside witnesses see before anybody is asked"},
	"web/api":   {2860, "a short file for each noun of the door; relays, feeds and the lock are three more nouns, and each error has a code"},
}

// goFiles lists the tracked-looking Go files that are not tests.
func goFiles(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "interop") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// codeLines counts lines that are neither blank nor only a comment.
func codeLines(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	return n
}

func TestBudgets(t *testing.T) {
	rooms := map[string]int{}
	for _, path := range goFiles(t) {
		n := codeLines(t, path)
		rooms[filepath.ToSlash(filepath.Dir(path))] += n
		if _, ok := exceptions[path]; !ok && n > fileLines {
			t.Errorf("%s has %d lines of code, at most %d: split it by noun", path, n, fileLines)
		}
		checkFunctions(t, path)
	}
	for room, n := range rooms {
		most := roomLines
		if wide[room].lines > 0 {
			most = wide[room].lines
		}
		if _, ok := exceptions[room]; !ok && n > most {
			t.Errorf("room %s has %d lines of code, at most %d", room, n, most)
		}
	}
}

func checkFunctions(t *testing.T, path string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				checkGlobals(t, fset, path, g)
			}
			continue
		}
		if fn.Name.Name == "init" && fn.Recv == nil {
			t.Errorf("%s: init is not used here: wire things where they are assembled", path)
		}
		lines := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
		if _, ok := exceptions[path+":"+fn.Name.Name]; !ok && lines > functionLines {
			t.Errorf("%s: %s has %d lines, at most %d", fset.Position(fn.Pos()), fn.Name.Name, lines, functionLines)
		}
	}
}

// checkGlobals lets constant tables and errors stand, and nothing that a
// program might change: two thousand nodes live in one process.
func checkGlobals(t *testing.T, fset *token.FileSet, path string, g *ast.GenDecl) {
	t.Helper()
	for _, s := range g.Specs {
		for _, v := range s.(*ast.ValueSpec).Values {
			if call, ok := v.(*ast.CallExpr); ok && madeMutable(call) {
				t.Errorf("%s: a package variable that can change; give it to a value instead", fset.Position(v.Pos()))
			}
		}
		if vs := s.(*ast.ValueSpec); len(vs.Values) == 0 && vs.Names[0].Name != "_" {
			if !embedded(path, fset.Position(vs.Pos()).Line) {
				t.Errorf("%s: package variable %s starts empty, so something changes it", fset.Position(vs.Pos()), vs.Names[0].Name)
			}
		}
	}
}

// madeMutable recognises make(map…), new(…) and sync primitives.
func madeMutable(call *ast.CallExpr) bool {
	id, ok := call.Fun.(*ast.Ident)
	return ok && (id.Name == "make" || id.Name == "new")
}

// embedded reports whether the lines before a variable are a go:embed.
func embedded(path string, line int) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	lines := strings.Split(string(b), "\n")
	for i := line - 2; i >= 0 && i >= line-4; i-- {
		if strings.HasPrefix(lines[i], "//go:embed") {
			return true
		}
	}
	return false
}

// TestFilesStayHere finds what ties the project to one machine.
func TestFilesStayHere(t *testing.T) {
	for _, path := range goFiles(t) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"/work" + "/", "../sha" + "red"} {
			if strings.Contains(string(b), bad) {
				t.Errorf("%s names %q: nothing outside the project may be needed", path, bad)
			}
		}
	}
}
