package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// Limits of a form.
const (
	maxFields   = 1 << 20 // bytes of all fields that are no files
	maxBack     = 8 << 20 // bytes of fields that are given back when they were too many
	maxDiscards = 1 << 28 // bytes read to nowhere so that a browser hears the answer; what is larger is cut off
)

// form is what a person sent: fields and files, in memory.
type form struct {
	url.Values
	files []api.SendFile
	long  bool // the fields are more than maxFields: to be given back, not to be acted on
	begun bool // and more than maxBack: only their beginning is here
}

// readForm reads a form whose field "csrf" matches the visit's. A multipart
// form must carry it first, so that a forged upload is refused unread. Files
// stay in memory: a letter never touches a temporary file. With ErrTooLarge
// comes what was typed.
func readForm(w http.ResponseWriter, r *http.Request, v *visit) (form, error) {
	defer api.BodyDeadline(w)()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		return readParts(w, r, v)
	}
	if kind != "application/x-www-form-urlencoded" {
		return form{}, errForged
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBack+1))
	if err != nil {
		return form{}, formError(err)
	}
	f := form{long: len(b) > maxFields, begun: len(b) > maxBack}
	if f.begun {
		b = b[:maxBack]
		if i := bytes.LastIndexByte(b, '%'); i > len(b)-3 { // half a byte
			b = b[:i]
		}
	}
	if f.Values, err = url.ParseQuery(string(b)); err != nil {
		return form{}, formError(err)
	}
	if v.forged(f.Get("csrf")) {
		return form{}, errForged
	}
	if f.long {
		f.whole()
		return f, tooLarge(r)
	}
	return f, nil
}

// readParts reads all fields even where files are too large: they are given back.
func readParts(w http.ResponseWriter, r *http.Request, v *visit) (form, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFields+api.MaxFiles+maxDiscards)
	parts, err := r.MultipartReader()
	if err != nil {
		return form{}, formError(err)
	}
	f := form{Values: url.Values{}}
	keep, files, heavy := maxBack, int64(api.MaxFiles), false
	for n := 0; ; n++ {
		p, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF) && n > 0 && (f.long || heavy):
			f.whole()
			return f, tooLarge(r)
		case errors.Is(err, io.EOF) && n > 0:
			return f, nil
		case err != nil:
			return f, formError(err)
		}
		if p.FileName() == "" && !api.IsFilePart(p.FormName()) {
			if err := f.field(p, &keep); err != nil {
				return f, formError(err)
			}
		}
		if n == 0 && v.forged(f.Get("csrf")) {
			return form{}, errForged
		}
		if n == 0 && r.ContentLength > maxFields+api.MaxFiles+maxDiscards {
			return f, fmt.Errorf("%w: files of a letter", api.ErrTooLarge)
		}
		// An empty file field of a browser has no name and no bytes.
		if heavy || p.FileName() == "" || !api.IsFilePart(p.FormName()) {
			continue
		}
		s, err := api.ReadFile(p, files)
		if errors.Is(err, api.ErrTooLarge) || len(f.files) == api.MaxFileCount {
			heavy, f.files = true, nil
			continue
		}
		if err != nil {
			return f, err
		}
		files -= int64(len(s.Data))
		f.files = append(f.files, s)
	}
}

// field reads a field of at most keep bytes.
func (f *form) field(p *multipart.Part, keep *int) error {
	b, err := io.ReadAll(io.LimitReader(p, int64(*keep)+1))
	if err != nil {
		return err
	}
	if len(b) > *keep {
		b, f.begun = b[:*keep], true
	}
	*keep -= len(b)
	f.long = f.long || maxBack-*keep > maxFields
	f.Add(p.FormName(), string(b))
	return nil
}

// whole drops half a letter at the end of what was cut.
func (f *form) whole() {
	for _, list := range f.Values {
		for i, s := range list {
			list[i] = strings.ToValidUTF8(s, "")
		}
	}
}

// typedFields are the fields in which people write or paste. A passphrase is none:
// no screen shows one again.
var typedFields = [...]string{
	"text", "what", "actors", "question", "say", "note", "card", "code", "draft", "signed", "keys", "authorities", "calendars",
	"name", "who", "whom", "person", "from", "phone", "address", "addr", "place", "town", "net", "topic", "side", "said", "scope", "ref", "by", "state", "path", "file",
}

// typed are the texts of the form, to be given back.
func (f form) typed() (list []string) {
	for _, k := range typedFields {
		for _, s := range f.Values[k] {
			if s = strings.ReplaceAll(s, "\r\n", "\n"); strings.TrimSpace(s) != "" {
				list = append(list, s)
			}
		}
	}
	return list
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
