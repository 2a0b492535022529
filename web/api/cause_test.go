package api_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/web/api/apitest"
)

// TestCausesCrossTheDoor: a code and what it names come out at the far side of
// the door, the text is what it was, and the door knows some by itself.
func TestCausesCrossTheDoor(t *testing.T) {
	f := apitest.New("Дана", time.Now)
	special := errors.New("the thing")
	name := func(err error) api.Cause {
		if errors.Is(err, special) {
			return api.Cause{Code: "thing", Args: []string{"7"}}
		}
		return api.CauseOf(err)
	}
	s := httptest.NewServer(api.Handler(f, "t", name))
	t.Cleanup(s.Close)
	c := api.NewClient(api.Door{Addr: s.Listener.Addr().String(), Token: "t"})
	t.Cleanup(c.Close)
	for _, x := range []struct {
		err  error
		code string
		args int
	}{
		{fmt.Errorf("%w: %w", api.ErrUsage, special), "thing", 1},
		{fmt.Errorf("%w: 12", api.ErrTooLarge), "large", 0},
		{errors.New("nobody has a word for it"), "", 0},
	} {
		f.Fail("People", x.err)
		_, err := c.People(t.Context())
		got := api.CauseOf(err)
		if got.Code != x.code || len(got.Args) != x.args || err.Error() != x.err.Error() || errors.Is(err, api.ErrUsage) != errors.Is(x.err, api.ErrUsage) {
			t.Errorf("%v came as %v with %+v", x.err, err, got)
		}
	}
	wrong := api.NewClient(api.Door{Addr: s.Listener.Addr().String(), Token: "u"})
	t.Cleanup(wrong.Close)
	if _, err := wrong.People(t.Context()); !errors.Is(err, api.ErrDenied) || api.CauseOf(err).Code != "" {
		t.Errorf("who has no token is told %v", err)
	}
}
