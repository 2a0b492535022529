package main

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestBoardPhoto: a photo goes with a notice of two editors, small and without
// what the camera wrote; a reader who wants words alone has them.
func TestBoardPhoto(t *testing.T) {
	t.Parallel()
	hospital, second, dana, plain := newProgram(t, "Hospital"), newProgram(t, "Second"), newProgram(t, "Dana"), newProgram(t, "Plain")
	dir := t.TempDir()
	img := image.NewRGBA(image.Rect(0, 0, 1500, 900))
	for i := range img.Pix {
		img.Pix[i] = byte(i / 7)
	}
	img.Set(3, 3, color.Black)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	const secret = "\xff\xe1\x00\x12Exif\x00\x00N43.2E76.9"
	source := filepath.Join(dir, "photo.jpg")
	if err := os.WriteFile(source, append([]byte("\xff\xd8"+secret), b.Bytes()[2:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "list.pdf")
	if err := os.WriteFile(bad, []byte("%PDF-1.4"), 0o600); err != nil {
		t.Fatal(err)
	}
	var made api.Board
	hospital.json(&made, "board", "new", "Hospital", "--editor", strings.TrimSpace(hospital.ok("board", "editor")), "--editor", strings.TrimSpace(second.ok("board", "editor")), "--need", "2", "--json")
	if _, errs, code := hospital.try("board", "post", "Hospital", "x", "--attach", bad); code == exitOK || !strings.Contains(errs, "only a photo") {
		t.Errorf("a document: exit %d: %s", code, errs)
	}
	draft, bare, look := filepath.Join(dir, "draft"), filepath.Join(dir, "bare"), filepath.Join(dir, "look.jpg")
	hospital.ok("board", "post", "Hospital", "Who knows her?", "--attach", source, "--make-draft", draft, "--make-bare", bare)
	if _, errs, code := second.try("board", "sign", draft); code == exitOK || !strings.Contains(errs, "--media") {
		t.Errorf("signed blindly: exit %d: %s", code, errs)
	}
	for _, args := range [][]string{nil, {"--json"}} {
		if _, errs, code := second.try(append([]string{"board", "sign", bare}, args...)...); code == exitOK || !strings.Contains(errs, "did not come with it") {
			t.Errorf("signed unseen by mistake: exit %d: %s", code, errs)
		}
	}
	signed := strings.TrimSpace(second.ok("board", "sign", draft, "--media", look))
	if unseen := strings.TrimSpace(second.ok("board", "sign", bare, "--unseen")); unseen != signed {
		t.Errorf("the photo is not under the signature: %s, %s", unseen, signed)
	}
	if _, errs, code := hospital.try("board", "post", "Hospital", "--draft", bare, "--signed", signed); code == exitOK || !strings.Contains(errs, "is missing") {
		t.Errorf("published without the photo: exit %d: %s", code, errs)
	}
	hospital.ok("board", "post", "Hospital", "--draft", draft, "--signed", signed)
	stick := filepath.Join(dir, "stick")
	if err := os.Mkdir(stick, 0o700); err != nil {
		t.Fatal(err)
	}
	dana.ok("board", "follow", made.Card)
	plain.ok("board", "follow", made.Card)
	plain.ok("board", "set", "Hospital", "--text-only")
	for _, p := range []program{hospital, dana, plain} {
		p.ok("carry", stick)
	}
	var list []api.Notice
	dana.json(&list, "board", "Hospital", "--json")
	if len(list) != 1 || len(list[0].Files) != 1 || !list[0].Files[0].Here || list[0].Files[0].Sort != "photo" || list[0].Files[0].Bytes > 48<<10 {
		t.Fatalf("%+v", list)
	}
	saved := filepath.Join(dir, "saved.jpg")
	dana.ok("board", "media", "Hospital", "0", saved)
	for _, name := range []string{look, saved} {
		got, err := os.ReadFile(name)
		if c, e := jpeg.DecodeConfig(bytes.NewReader(got)); err != nil || e != nil || c.Width > 1280 || c.Height > 768 || bytes.Contains(got, []byte("N43.2")) {
			t.Errorf("%s: %v %v %+v", name, err, e, c)
		}
	}
	if out := plain.ok("board", "Hospital"); !strings.Contains(out, "Who knows her?") || !strings.Contains(out, "the photo has not arrived") {
		t.Error(out)
	}
	// Thought again: it is still on the shelf.
	plain.ok("board", "set", "Hospital")
	plain.ok("carry", stick)
	if out := plain.ok("board", "Hospital"); !strings.Contains(out, "photo.jpg") {
		t.Error(out)
	}
}
