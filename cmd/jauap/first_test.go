package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// TestFirstRunByPage: `jauap` with nothing there asks for nothing but opens the
// page; one form later the node runs, and the same visitor is in.
func TestFirstRunByPage(t *testing.T) {
	p := program{t, filepath.Join(t.TempDir(), "new")}
	cmd := exec.Command(os.Args[0], "--data", p.dir)
	cmd.Env = append(os.Environ(), beMain+"=1", "JAUAP_PASSPHRASE=", "HOME="+t.TempDir(), "DISPLAY=", "WAYLAND_DISPLAY=")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	lines.Scan()
	link, ok := strings.CutPrefix(lines.Text(), "page ")
	if !ok {
		t.Fatalf("the first line is %q", lines.Text())
	}
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + u.Host + "/"
	get := func(to string) string {
		t.Helper()
		r, err := c.Get(to)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return string(b)
	}
	get(link)
	first := get(base)
	_, rest, _ := strings.Cut(first, `name="csrf" value="`)
	csrf, _, ok := strings.Cut(rest, `"`)
	if !ok || !strings.Contains(first, "Welcome to Jauap") {
		t.Fatalf("no first page:\n%s", first)
	}
	r, err := c.PostForm(base, url.Values{"csrf": {csrf}, "name": {""}, "pass": {""}, "again": {""}})
	if err != nil {
		t.Fatal(err)
	}
	ready, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if !strings.Contains(string(ready), "You are ready") {
		t.Fatalf("not ready:\n%s", ready)
	}
	if home := get(base); !strings.Contains(home, `src="/invite.png"`) {
		t.Errorf("the page after it:\n%s", home)
	}
	for !strings.HasPrefix(lines.Text(), "listening ") {
		if !lines.Scan() {
			t.Fatal("the node did not start")
		}
	}
	var me api.Me
	p.json(&me, "me", "--json") // through the local door
	if me.Name != "" || len(me.Words) != 8 {
		t.Errorf("me %+v", me)
	}
}

// camera is a JPEG with a place, a model and a comment.
func camera(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 2000, 1500))
	for i := range 2000 * 1500 {
		img.Set(i%2000, i/2000, color.RGBA{uint8(i), uint8(i / 2000), uint8(i >> 7), 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	out := []byte{0xff, 0xd8}
	for marker, body := range map[byte]string{0xe1: "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x00 GPS 43.2389 76.8897 Canon", 0xfe: "GPS of home"} {
		out = append(out, 0xff, marker)
		out = binary.BigEndian.AppendUint16(out, uint16(len(body)+2))
		out = append(out, body...)
	}
	return append(out, b.Bytes()[2:]...)
}

// TestPhotoByStick: nothing of the camera arrives; the preview comes first and
// the photo when it is asked for; then the letter is found and deleted.
func TestPhotoByStick(t *testing.T) {
	t.Parallel()
	a, b := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	b.ok("accept", a.invite())
	stick := t.TempDir()
	carry := func(order ...program) {
		for _, p := range order {
			p.ok("carry", stick)
		}
	}
	b.ok("send", "Aigerim", "send me a photo of the yard")
	carry(b, a)
	file := filepath.Join(t.TempDir(), "IMG_20220107_at_home.jpg")
	if err := os.WriteFile(file, camera(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := a.ok("send", "Dana", "Қарашы, аула", "--photo", file, "--vanish", "1d"); !strings.Contains(said, "texts") || !strings.Contains(said, "when they ask") {
		t.Errorf("sending says %q", said)
	}
	carry(a, b)
	var list []api.Letter
	b.json(&list, "read", "Aigerim", "--json")
	if len(list) != 1 || len(list[0].Attachments) != 1 {
		t.Fatalf("arrived %+v", list)
	}
	f := list[0].Attachments[0]
	if f.Kind != api.Photo || !f.Held || f.Have != 0 || !f.Preview || strings.Contains(f.Name, "home") || list[0].Vanish != 86400 {
		t.Fatalf("arrived %+v", f)
	}
	dir := t.TempDir()
	look := func(name string) []byte {
		t.Helper()
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jpeg.DecodeConfig(bytes.NewReader(got)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, bad := range []string{"Exif", "GPS", "Canon", "43.2389"} {
			if bytes.Contains(got, []byte(bad)) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
		return got
	}
	b.ok("get", f.ID, filepath.Join(dir, "glimpse.jpg"), "--preview")
	look("glimpse.jpg")
	if said := b.ok("get", f.ID); !strings.Contains(said, "Asked for") {
		t.Errorf("asking says %q", said)
	}
	carry(b, a, a, b)
	b.ok("get", f.ID, filepath.Join(dir, "photo.jpg"))
	if n := int64(len(look("photo.jpg"))); n != f.Bytes {
		t.Errorf("%d bytes of %d", n, f.Bytes)
	}
	b.json(&list, "search", "карашы", "--json")
	if len(list) != 1 {
		t.Fatalf("found %+v", list)
	}
	b.ok("delete", list[0].ID)
	if got := b.texts("Aigerim"); len(got) != 0 {
		t.Errorf("after deleting: %q", got)
	}
	b.ok("draft", "Aigerim", "half", "a", "thou")
	var d api.Drafted
	b.json(&d, "draft", "Aigerim", "--json")
	if d.Text != "half a thou" {
		t.Errorf("draft %+v", d)
	}
}
