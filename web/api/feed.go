package api

import (
	"context"
	"net/http"
)

// FeedAsk asks for the address of the feeds of public boards.
type FeedAsk struct {
	Do string `json:"do,omitempty"` // "" tells it, new makes one and ends the old one, off ends it
}

// Feed is how a feed reader on this device is let in, and nothing else.
type Feed struct {
	Key string `json:"key,omitempty"` // part of the address; "" while there is none
	ID  string `json:"id"`            // of the feed of all boards; 32 hexadecimal digits that stay
	At  string `json:"at"`            // loopback IP and port of the page
}

// Address of the feed of one board by its full ID, or of all: "". at is
// loopback IP or name, and port.
func (f Feed) Address(at, board string) string {
	if board == "" {
		board = "boards"
	}
	return "http://" + at + "/feed/" + f.Key + "/" + board + ".atom"
}

// Feeds is the part of the door for feed readers.
type Feeds interface {
	Feed(ctx context.Context, ask FeedAsk) (Feed, error)
}

func feeds(m *http.ServeMux, b Feeds) { m.Handle("POST /api/v1/boards/feed", ask(b.Feed)) }

// Feed implements Feeds.
func (c *Client) Feed(ctx context.Context, a FeedAsk) (Feed, error) {
	return fetch[Feed](ctx, c, http.MethodPost, "boards/feed", a)
}
