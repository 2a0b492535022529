package apitest

import (
	"context"
	"fmt"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// Feed implements api.Backend.
func (f *Fake) Feed(_ context.Context, a api.FeedAsk) (api.Feed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch a.Do {
	case "new":
		f.feeds++
		f.feed = fmt.Sprintf("%043d", f.feeds)
	case "off":
		f.feed = ""
	}
	return api.Feed{Key: f.feed, ID: strings.Repeat("5a", 16), At: "127.0.0.1:8384"}, f.fails["Feed"]
}
