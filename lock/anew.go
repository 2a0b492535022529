package lock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jauap/jauap/web"
	"github.com/jauap/jauap/web/api"
)

// heirEnv names the descriptors that a process finds which took another's place:
// the page's socket, and a pipe with a heritage.
const heirEnv = "JAUAP_HEIR"

// heritage is what stays when a process begins anew: nothing of the person.
type heritage struct {
	Door api.Door
	Gate web.SavedGate
}

// maxHeritage bounds it. A pipe holds so much without a reader.
const maxHeritage = 48 << 10

// Heir is what this process found of the one before it.
type Heir struct {
	heritage
	ln net.Listener
}

// Inherit tells what this process took over; nil when it began by itself.
func Inherit() (*Heir, error) {
	text := os.Getenv(heirEnv)
	if text == "" {
		return nil, nil
	}
	os.Unsetenv(heirEnv)
	a, b, _ := strings.Cut(text, ",")
	socket, err1 := strconv.ParseUint(a, 10, 31)
	pipe, err2 := strconv.ParseUint(b, 10, 31)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("lock: %s: %w", heirEnv, err)
	}
	f := os.NewFile(uintptr(pipe), "heritage")
	defer f.Close()
	var h Heir
	all, err := io.ReadAll(io.LimitReader(f, maxHeritage))
	if err == nil {
		err = json.Unmarshal(all, &h.heritage)
	}
	if err != nil {
		return nil, fmt.Errorf("lock: what the node before left cannot be read: %w", err)
	}
	s := os.NewFile(uintptr(socket), "page")
	defer s.Close()
	if h.ln, err = net.FileListener(s); err != nil {
		return nil, fmt.Errorf("lock: the page's socket: %w", err)
	}
	return &h, nil
}

// anew puts the same program in the place of this process, so that nothing stays of
// its memory. It returns only when that cannot be done.
func (s *Server) anew() error {
	socket, err := s.socket.File()
	if err != nil {
		return err
	}
	defer socket.Close()
	b, err := json.Marshal(heritage{s.door, s.gate.Save()})
	if err != nil || len(b) > maxHeritage {
		return fmt.Errorf("lock: %d bytes are left over: %w", len(b), err)
	}
	ctx, done := context.WithTimeout(context.Background(), lastWords)
	defer done()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = w.Write(b)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errEnded
	}
	return replace(socket, r)
}

// heirs is how long a process that took another's place waits for the data folder,
// should a command have slipped in between.
const (
	heirs    = 20 * time.Second
	heirStep = 20 * time.Millisecond
)
