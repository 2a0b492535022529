package web

import "github.com/jauap/jauap/web/api"

// why is an error from behind the page in words of the person's language; in
// its own words where no catalogue has any.
func (x *turn) why(err error) string { return x.because(x.p.o.Cause(err), err.Error()) }

// because is a cause in words, english where the catalogue has none for it, as
// of a newer Jauap.
func (x *turn) because(c api.Cause, english string) string {
	return x.Lang.sentence("why.", c.Code, isolated(c.Args), isolate(english))
}
