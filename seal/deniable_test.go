package seal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// The identity key signs cards and nothing else: its seed is touched only
// where it is made, kept, and used for a card, and no signature is made in
// this room with anything but a one-time key.
func TestIdentityNeverSignsALetter(t *testing.T) {
	allowed := map[string]bool{
		"newSigSecret": true, "public": true, "Marshal": true, "ParseMe": true, "NewCard": true, "New": true,
	}
	uses := 0
	eachFunc(t, "../identity", func(name string, f *ast.FuncDecl) {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && (s.Sel.Name == "sig" || s.Sel.Name == "Sign") {
				uses++
				if !allowed[name] {
					t.Errorf("identity: %s touches the signing key", name)
				}
				if s.Sel.Name == "Sign" && name != "NewCard" {
					t.Errorf("identity: %s signs", name)
				}
			}
			return true
		})
	})
	if uses < 3 {
		t.Fatal("this test no longer sees the signing key")
	}
	eachFunc(t, ".", func(name string, f *ast.FuncDecl) {
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if ok && (s.Sel.Name == "SigSecret" || s.Sel.Name == "Sign") {
				t.Errorf("seal: %s mentions %s", name, s.Sel.Name)
			}
			return true
		})
	})
}

func eachFunc(t *testing.T, dir string, see func(name string, f *ast.FuncDecl)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				see(fn.Name.Name, fn)
			}
		}
	}
}

// Who reads a letter could have made it: nothing in it convinces a third.
func TestReaderCouldHaveWrittenIt(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	l := sa.NextLetter()
	l.Parts = text("I was there")
	plain, err := seal.WriteLetter(l, envelope.S1.BodySize()-40)
	if err != nil {
		t.Fatal(err)
	}
	forged := sb.ForgePeer(where(envelope.S1), plain)
	genuine := parse(t, mustSeal(t, sa, 0, envelope.S1, "I was there").Bytes)
	if forged.Key() != genuine.Key() || forged.Verify() != nil {
		t.Fatal("the reader cannot make the same envelope")
	}
	mustOpen(t, reload(t, sb), 0, forged.Bytes(), "I was there")
	mustOpen(t, sb, 0, genuine.Bytes(), "I was there")
}
