package apitest

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jauap/jauap/web/api"
)

// tinyGIF is one white pixel.
const tinyGIF = "GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

// ShowCodes implements api.Backend: a picture of one white pixel.
func (f *Fake) ShowCodes(_ context.Context, a api.CodesAsk) (api.Codes, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["ShowCodes"]; err != nil {
		return api.Codes{}, err
	}
	return api.Codes{Envelopes: 2, Bytes: 2048, Frames: 16, Needed: 3, PerSecond: 10, Picture: []byte(tinyGIF)}, nil
}

// LookAt implements api.Backend: GIFs hold a letter, JPEGs a part of one.
func (f *Fake) LookAt(_ context.Context, picture []byte) (api.CodesSeen, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["LookAt"]; err != nil {
		return api.CodesSeen{}, err
	}
	switch {
	case bytes.HasPrefix(picture, []byte("GIF")):
		return api.CodesSeen{Frames: 1, Codes: 1, Read: 1, Opened: 1}, nil
	case bytes.HasPrefix(picture, []byte("\xff\xd8")):
		return api.CodesSeen{Frames: 1, Codes: 1, Have: 2, Need: 7}, nil
	}
	return api.CodesSeen{}, fmt.Errorf("%w: no picture", api.ErrUsage)
}
