package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// DoorFile is the name of the door's file in the data folder.
const DoorFile = "door.json"

const (
	maxDoorFile = 4 << 10
	tokenSize   = 32
	knockTime   = 3 * time.Second
)

// Errors of Dial and ReadDoor.
var (
	// ErrNoDoor: no Jauap runs on this data folder. The caller may open the
	// data itself.
	ErrNoDoor = errors.New("no Jauap runs on this data: start it with jauap up")
	// ErrStaleDoor: a door file was left behind, and nobody or a stranger
	// answers there. It is also an ErrNoDoor.
	ErrStaleDoor = fmt.Errorf("api: a door file was left behind: %w", ErrNoDoor)
	// ErrBadDoor: the file is not one that this device's Jauap wrote.
	ErrBadDoor = errors.New("api: door.json is damaged or not private: delete it and start Jauap again")
)

// Door is where the local door of a running Jauap is, and what opens it.
type Door struct {
	Addr  string `json:"addr"`  // loopback IP and port
	Token string `json:"token"` // 64 hexadecimal digits, new at every start
}

// NewDoor makes a door at addr (loopback IP and port) with a fresh token.
func NewDoor(addr string) (Door, error) {
	b := make([]byte, tokenSize)
	rand.Read(b) // never fails, since Go 1.24
	d := Door{Addr: addr, Token: hex.EncodeToString(b)}
	return d, d.check()
}

// ParseDoor reads the JSON of a door file.
func ParseDoor(b []byte) (Door, error) {
	var d Door
	if len(b) > maxDoorFile {
		return Door{}, ErrBadDoor
	}
	if err := decodeJSON(bytes.NewReader(b), &d); err != nil {
		return Door{}, fmt.Errorf("%w (%v)", ErrBadDoor, err)
	}
	return d, d.check()
}

// check holds the door to this device: a token must never travel.
func (d Door) check() error {
	a, err := netip.ParseAddrPort(d.Addr)
	if err != nil || !a.Addr().IsLoopback() || a.Port() == 0 {
		return fmt.Errorf("%w (address %q)", ErrBadDoor, d.Addr)
	}
	if b, err := hex.DecodeString(d.Token); err != nil || len(b) != tokenSize {
		return fmt.Errorf("%w (token)", ErrBadDoor)
	}
	return nil
}

// WriteDoor puts d into the data folder dir, readable by its owner only and
// never half-written.
func WriteDoor(dir string, d Door) error {
	if err := d.check(); err != nil {
		return err
	}
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".door-*") // created 0600
	if err != nil {
		return fmt.Errorf("api: door file: %w", err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, DoorFile))
	}
	if err != nil {
		return fmt.Errorf("api: door file: %w", err)
	}
	return nil
}

// ReadDoor reads the door of the data folder dir: ErrNoDoor when there is
// none, ErrBadDoor when others on this device could have read or written it.
func ReadDoor(dir string) (Door, error) {
	f, err := os.Open(filepath.Join(dir, DoorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Door{}, ErrNoDoor
	}
	if err != nil {
		return Door{}, fmt.Errorf("api: door file: %w", err)
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return Door{}, fmt.Errorf("api: door file: %w", err)
	}
	// Windows keeps privacy in access lists that these bits do not show.
	if !about.Mode().IsRegular() || runtime.GOOS != "windows" && about.Mode().Perm()&0o077 != 0 {
		return Door{}, ErrBadDoor
	}
	b, err := io.ReadAll(io.LimitReader(f, maxDoorFile+1))
	if err != nil {
		return Door{}, fmt.Errorf("api: door file: %w", err)
	}
	return ParseDoor(b)
}

// RemoveDoor takes d's file out of dir when the door closes. It leaves the
// file of another run alone.
func RemoveDoor(dir string, d Door) error {
	now, err := ReadDoor(dir)
	if err != nil || now != d {
		return nil // nothing of ours is there
	}
	return os.Remove(filepath.Join(dir, DoorFile))
}

// Dial finds the running Jauap of the data folder dir. ErrNoDoor when none
// runs, ErrStaleDoor when only its file is left; another error when a process
// holds the door and does not answer in three seconds.
func Dial(ctx context.Context, dir string) (*Client, error) {
	d, err := ReadDoor(dir)
	if err != nil {
		return nil, err
	}
	c := NewClient(d)
	if err := c.Knock(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Knock checks that whoever listens at the door knows its token, without
// telling it. ErrStaleDoor when nobody or a stranger does.
func (c *Client) Knock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, knockTime)
	defer cancel()
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/v1/hello?nonce="+hex.EncodeToString(nonce), nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" && !op.Timeout() && ctx.Err() == nil {
			return ErrStaleDoor
		}
		return fmt.Errorf("api: Jauap at %s does not answer: %w", c.door.Addr, err)
	}
	defer resp.Body.Close()
	var g greeting
	if resp.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(resp.Body, maxDoorFile)).Decode(&g) != nil {
		return ErrStaleDoor
	}
	got, err := hex.DecodeString(g.Proof)
	if err != nil || !hmac.Equal(got, proof(c.door.Token, nonce)) {
		return ErrStaleDoor
	}
	return nil
}
