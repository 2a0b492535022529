package web

import (
	"html/template"
	"sync"
)

// looks are the screens, each parsed together with the frame around it when it
// is shown for the first time: all at once they take nine megabytes, and a
// node that waits shows none.
type looks struct {
	mu   sync.Mutex
	base *template.Template // frame and parts; copied, never executed
	made map[string]*template.Template
}

func newLooks() *looks {
	return &looks{
		base: template.Must(template.ParseFS(htmlFiles, "html/frame.html", "html/parts.html", "html/pieces.html")),
		made: map[string]*template.Template{},
	}
}

// get is the screen of that name, one of html/.
func (l *looks) get(name string) *template.Template {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.made[name]
	if t == nil {
		t = template.Must(template.Must(l.base.Clone()).ParseFS(htmlFiles, "html/"+name+".html"))
		l.made[name] = t
	}
	return t
}
