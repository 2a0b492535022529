package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// chunkTime is how long one piece of an attachment may take to the asker.
const chunkTime = time.Minute

// GoodID reports whether s can be the ID of a person, letter or attachment:
// 1 to 200 letters, digits, '-', '_', '.' or ':', not starting with a dot. IDs
// become path elements; nothing else may.
func GoodID(s string) bool {
	if s == "" || len(s) > 200 || s[0] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}

// CleanName is a file name that another person chose, made harmless to show
// and to save: the last path element, without controls and without the marks
// that turn text around (they make "exe.jpg" out of "gpj.exe"), at most 120
// bytes. "file" when nothing is left.
func CleanName(s string) string {
	s = path.Base(strings.ReplaceAll(s, `\`, "/"))
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`<>:"/|?*`, r) {
			return -1
		}
		return r
	}, s)
	s = strings.Trim(s, ". ")
	if s == "" {
		return "file"
	}
	const most = 120
	if len(s) <= most {
		return s
	}
	// Keep the ending: it says what will open the file.
	end := path.Ext(s)
	if len(end) > 16 {
		end = ""
	}
	return strings.ToValidUTF8(s[:most-len(end)], "") + end
}

// upload serves a question with files: JSON, or multipart/form-data when files
// ride along. filesOf is where they go.
func upload[A, T any](f func(context.Context, A) (T, error), filesOf func(*A) *[]SendFile) http.HandlerFunc {
	plain := ask(f)
	return func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if kind != "multipart/form-data" {
			plain(w, r)
			return
		}
		lift := BodyDeadline(w)
		r.Body = http.MaxBytesReader(w, r.Body, MaxAsk+MaxFiles+maxPart)
		var a A
		err := readUpload(r, &a, filesOf(&a))
		lift()
		if err != nil {
			fail(w, r, err)
			return
		}
		v, err := f(r.Context(), a)
		if err != nil {
			fail(w, r, err)
			return
		}
		answer(w, v)
	}
}

// readUpload reads the parts in their order and keeps them in memory: plain
// text never touches a temporary file.
func readUpload(r *http.Request, a any, files *[]SendFile) error {
	if r.ContentLength > MaxAsk+MaxFiles+maxPart {
		return fmt.Errorf("%w: all files of a letter together may have %d MiB", ErrTooLarge, MaxFiles>>20)
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	first, err := parts.NextPart()
	if err != nil || first.FormName() != "ask" {
		return fmt.Errorf(`%w: the first part must be "ask"`, ErrUsage)
	}
	if err := decodeJSON(io.LimitReader(first, MaxAsk), a); err != nil {
		return err
	}
	room := int64(MaxFiles)
	for _, f := range *files {
		room -= int64(len(f.Data))
	}
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
		f, err := ReadFile(p, room)
		if err != nil {
			return err
		}
		if !IsFilePart(p.FormName()) || len(*files) == MaxFileCount {
			return fmt.Errorf(`%w: only parts "file", "photo" and "voice" follow, at most %d`, ErrUsage, MaxFileCount)
		}
		room -= int64(len(f.Data))
		*files = append(*files, f)
	}
}

// ReadFile reads one uploaded part of at most room bytes; ErrTooLarge when
// there is more.
func ReadFile(p *multipart.Part, room int64) (SendFile, error) {
	data, err := io.ReadAll(io.LimitReader(p, room+1))
	if err != nil {
		return SendFile{}, bodyError(err)
	}
	if int64(len(data)) > room {
		return SendFile{}, fmt.Errorf("%w: all files of a letter together may have %d MiB", ErrTooLarge, MaxFiles>>20)
	}
	f := SendFile{Name: CleanName(p.FileName()), Data: data}
	kind, seconds, _ := strings.Cut(p.FormName(), ".")
	if kind == Photo || kind == Voice {
		f.Kind = kind
	}
	if n, err := strconv.Atoi(seconds); err == nil && n > 0 && n < 1<<16 {
		f.Seconds = n
	}
	return f, nil
}

func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUsage, err)
}

// attachment streams the bytes of one file.
func attachment(b Backend) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if !GoodID(id) {
			fail(w, r, fmt.Errorf("%w: no such attachment", ErrNotFound))
			return
		}
		if err := ServeFile(w, r, b, id); err != nil {
			fail(w, r, err)
		}
	}
}

// ServeFile answers with one attachment of b as a download that no browser
// opens by itself. It returns an error only while nothing was written; later
// it breaks the connection off, so that a torn file never looks whole.
func ServeFile(w http.ResponseWriter, r *http.Request, b Letters, id string) error {
	f, body, err := b.Attachment(r.Context(), id)
	if err != nil {
		return err
	}
	if f.Have < f.Bytes {
		body.Close()
		return fmt.Errorf("%w: %d of %d bytes of this file have arrived so far", ErrNotFound, f.Have, f.Bytes)
	}
	return Download(w, r, f, body)
}

// Download answers with a file that no browser opens by itself, and closes
// body. It returns an error only while nothing was written.
func Download(w http.ResponseWriter, r *http.Request, f File, body io.ReadCloser) error {
	defer body.Close()
	about, err := json.Marshal(f)
	if err != nil {
		return err
	}
	downloadHeaders(w.Header(), f.Name)
	w.Header().Set(FileHeader, base64.RawURLEncoding.EncodeToString(about))
	if n, err := pour(r.Context(), w, body); err != nil || n != f.Bytes {
		panic(http.ErrAbortHandler) // the documented way to break an answer off
	}
	return nil
}

// downloadHeaders keep a browser from opening what somebody else made.
func downloadHeaders(h http.Header, name string) {
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": CleanName(name)}))
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// pour copies with a deadline per piece instead of one for the whole.
func pour(ctx context.Context, w http.ResponseWriter, body io.Reader) (int64, error) {
	buf := make([]byte, 64<<10)
	var sum int64
	for ctx.Err() == nil {
		n, err := body.Read(buf)
		if n > 0 {
			AnswerDeadline(w, chunkTime)
			if _, err := w.Write(buf[:n]); err != nil {
				return sum, err
			}
			sum += int64(n)
		}
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
	return sum, ctx.Err()
}
