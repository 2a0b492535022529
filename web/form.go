package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// Limits of a form.
const (
	maxFields   = 1 << 20 // bytes of all fields that are no files
	maxDiscards = 1 << 28 // bytes read to nowhere so that a browser hears the answer; what is larger is cut off
)

// form is what a person sent: fields and files, in memory.
type form struct {
	url.Values
	files []api.SendFile
	begun string // beginning of a text that is far too long, to be given back
}

// readForm reads a form whose field "csrf" matches the visit's. A multipart
// form must carry it first, so that a forged upload is refused unread. Files
// stay in memory: a letter never touches a temporary file.
func readForm(w http.ResponseWriter, r *http.Request, v *visit) (form, error) {
	defer api.BodyDeadline(w)()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		return readParts(r, v)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFields)
	if err := r.ParseForm(); err != nil {
		return form{}, formError(err)
	}
	if v.forged(r.PostForm.Get("csrf")) {
		return form{}, errForged
	}
	return form{Values: r.PostForm}, nil
}

func readParts(r *http.Request, v *visit) (form, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return form{}, formError(err)
	}
	f := form{Values: url.Values{}}
	fields, files := int64(maxFields), int64(api.MaxFiles)
	for n := 0; ; n++ {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) && n > 0 {
			return f, nil
		}
		if err != nil {
			return form{}, formError(err)
		}
		if p.FileName() == "" && !api.IsFilePart(p.FormName()) {
			b, err := io.ReadAll(io.LimitReader(p, fields+1))
			if err != nil {
				return form{}, formError(err)
			}
			if fields -= int64(len(b)); fields < 0 && n > 0 && p.FormName() == "text" {
				return form{begun: strings.ToValidUTF8(string(b), "")}, tooLarge(r)
			} else if fields < 0 {
				return form{}, tooLarge(r)
			}
			f.Add(p.FormName(), string(b))
		}
		if n == 0 && v.forged(f.Get("csrf")) {
			return form{}, errForged
		}
		if n == 0 && r.ContentLength > maxFields+api.MaxFiles+maxDiscards {
			return f, fmt.Errorf("%w: files of a letter", api.ErrTooLarge)
		}
		// An empty file field of a browser has no name and no bytes.
		if p.FileName() == "" || !api.IsFilePart(p.FormName()) {
			continue
		}
		s, err := api.ReadFile(p, files)
		if errors.Is(err, api.ErrTooLarge) || len(f.files) == api.MaxFileCount {
			return f, tooLarge(r)
		}
		if err != nil {
			return form{}, err
		}
		files -= int64(len(s.Data))
		f.files = append(f.files, s)
	}
}

// tooLarge reads the rest to nowhere: a browser that is still sending would
// show a broken connection instead of our words.
func tooLarge(r *http.Request) error {
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDiscards))
	return fmt.Errorf("%w: files of a letter", api.ErrTooLarge)
}

func formError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fmt.Errorf("%w: form", api.ErrTooLarge)
	}
	return fmt.Errorf("%w: %w", api.ErrUsage, err)
}
