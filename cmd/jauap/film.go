package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// errNoPicture: neither a picture nor a film.
var errNoPicture = errors.New("neither a picture nor a film that can be read")

// reelSize is how much of a film goes to the node at a time.
const reelSize = 8 << 20

// jpegBegin begins each picture of a film of JPEGs.
const jpegBegin = "\xff\xd8\xff"

// lookInto reads the codes in one picture or film, and adds up what was seen.
func lookInto(ctx context.Context, b api.Backend, name string, sum *api.CodesSeen) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 6)
	n, _ := io.ReadFull(f, head)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte(jpegBegin)):
		return reels(ctx, b, f, sum)
	case bytes.HasPrefix(head, []byte("\x89PNG")), bytes.HasPrefix(head, []byte("GIF8")):
		data, err := io.ReadAll(io.LimitReader(f, api.MaxFilm+1))
		if err != nil {
			return err
		}
		return look(ctx, b, data, sum)
	}
	return film(ctx, b, name, sum)
}

func look(ctx context.Context, b api.Backend, data []byte, sum *api.CodesSeen) error {
	seen, err := b.LookAt(ctx, data)
	if err != nil {
		return err
	}
	sum.Frames, sum.Codes = sum.Frames+seen.Frames, sum.Codes+seen.Codes
	sum.Read, sum.Opened = sum.Read+seen.Read, sum.Opened+seen.Opened
	sum.Have, sum.Need = seen.Have, seen.Need
	return nil
}

// reels cuts JPEG after JPEG into pieces between two pictures, so that a film may
// be as long as it likes.
func reels(ctx context.Context, b api.Backend, r io.Reader, sum *api.CodesSeen) error {
	var buf []byte
	for done := false; !done; {
		piece := make([]byte, reelSize)
		n, err := io.ReadFull(r, piece)
		if done = err != nil; done && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		buf = append(buf, piece[:n]...)
		cut := len(buf)
		if !done {
			if cut = bytes.LastIndex(buf, []byte(jpegBegin)); cut <= 0 {
				if len(buf) > api.MaxFilm {
					return errNoPicture
				}
				continue
			}
		}
		if cut == 0 {
			return nil
		}
		if err := look(ctx, b, buf[:cut], sum); err != nil {
			return err
		}
		buf = bytes.Clone(buf[cut:])
	}
	return nil
}

// film lets the system's ffmpeg take a film apart. It gets one local file and
// no network.
func film(ctx context.Context, b api.Backend, name string, sum *api.CodesSeen) error {
	tool, err := exec.LookPath("ffmpeg")
	if err != nil {
		return fmt.Errorf("%w: for films, install ffmpeg; or record JPEG after JPEG (MJPEG)", errNoPicture)
	}
	cmd := exec.CommandContext(ctx, tool, "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-i", "file:"+name,
		"-an", "-vf", "fps=30", "-c:v", "mjpeg", "-q:v", "3", "-f", "image2pipe", "-")
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := sum.Frames
	lookErr := reels(ctx, b, out, sum)
	if lookErr != nil {
		_, _ = io.Copy(io.Discard, out)
	}
	waitErr := cmd.Wait()
	switch {
	case lookErr != nil:
		return lookErr
	case sum.Frames == before:
		line, _, _ := strings.Cut(complaint.String(), "\n")
		return fmt.Errorf("%w: ffmpeg: %v: %s", errNoPicture, waitErr, plain(line))
	}
	return nil // a film that is cut in the middle has shown what it has
}
