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

// reasons are texts by their causes, of one kind of key.
func (x *turn) reasons(kind string, list []string, causes []api.Cause) (out []string) {
	for i, text := range list {
		var c api.Cause
		if i < len(causes) {
			c = causes[i]
		}
		out = append(out, x.Lang.sentence(kind, c.Code, isolated(c.Args), x.because(c, text)))
	}
	return out
}

// Why is a text by its code, of one kind of key.
func (x *turn) Why(kind, code, english string) string {
	return x.Lang.sentence(kind, code, nil, english)
}

// Troubles are what is wrong with this device, in words.
func (x *turn) Troubles() []string {
	return x.reasons("trouble.", x.Status.Trouble, x.Status.Causes)
}
