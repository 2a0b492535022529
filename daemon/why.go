package daemon

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/web/api"
)

// because notes why a link is not up; nil for no reason.
func (r *row) because(err error) {
	r.err, r.code = "", ""
	if err != nil {
		r.err, r.code = err.Error(), cause.Of(err).Code
	}
}

// told is an error in other words.
type told struct {
	error
	text string
}

func (t told) Error() string { return t.text }
func (t told) Unwrap() error { return t.error }

// stuckCode is the code of account's words.
func stuckCode(why string) string {
	return map[string]string{account.StuckInvitation: "invitation", account.StuckFirst: "first", account.StuckAnswer: "answer"}[why]
}

// troubled is what each of troubles is about: one word and, of some, its name.
// courier is held.
func (d *Daemon) troubled() (list []api.Cause) {
	keys := slices.Sorted(maps.Keys(d.trouble))
	sort.SliceStable(keys, func(i, j int) bool { return d.trouble[keys[i]] < d.trouble[keys[j]] })
	for _, k := range keys {
		what, name, named := strings.Cut(k, " ")
		c := api.Cause{Code: what}
		if named {
			c.Args = []string{name}
		}
		list = append(list, c)
	}
	return list
}
