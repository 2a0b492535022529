package status

import (
	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/note"
)

// Outcome is what became of one of several notes.
type Outcome struct {
	Text  string
	Taken Taken
	Err   error // as of Take
}

// TakeAll files the notes of a text that holds several; each has an outcome of its own.
func (b *Board) TakeAll(at account.Moment, text string) (list []Outcome) {
	for _, n := range note.ReadAll(text) {
		o := Outcome{Text: n.Text, Err: n.Err}
		if n.Err == nil {
			o.Taken, o.Err = b.take(at, n.Found)
		}
		list = append(list, o)
	}
	return list
}
