package web

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestCauses: each cause that has words in the catalogues is still said so by
// some room, and no earlier one takes its place.
func TestCauses(t *testing.T) {
	var all strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 || d.Name() == "web" || d.Name() == "interop") {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			b, err := os.ReadFile(path)
			all.Write(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"types.go", "errors.go"} { // the door's own
		b, err := os.ReadFile(filepath.Join("api", name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	system := "no space left, permission denied" // of the system
	for _, c := range causes {
		if !strings.Contains(all.String(), c.words) && !strings.Contains(system, c.words) {
			t.Errorf("no room says %q any more", c.words)
		}
		if key := cause("wrong request: room: " + c.words); key != c.key {
			t.Errorf("%q is explained by %s, want %s", c.words, key, c.key)
		}
	}
}

// TestCausesInWords: what goes wrong behind the page is told in the person's
// language.
func TestCausesInWords(t *testing.T) {
	w := newWorld(t)
	made, _ := w.Board(t.Context(), api.BoardAsk{Do: "create", Name: "Аурухана"})
	b := w.enter(t)
	for lang, want := range map[string]string{"kk": "басқа хабарландыру жарияланған", "ru": "уже опубликовано другое", "en": "another notice was published"} {
		b.head["Accept-Language"] = lang
		w.Fail("Post", fmt.Errorf("%w: bulletin: cannot use this notice: another one was posted since; make the draft again", api.ErrUsage))
		b.get("/boards/" + made.ID)
		resp, page := b.post("/boards/"+made.ID, url.Values{"do": {"post"}, "text": {"x"}, "csrf": {b.csrf()}})
		if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, want) || strings.Contains(page, "cannot use this notice") {
			t.Errorf("%s: %d\n%s", lang, resp.StatusCode, page)
		}
	}
}
