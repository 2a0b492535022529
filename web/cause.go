package web

import (
	"errors"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// causes are what a person meets, by words of the error that comes from behind
// the page: in a catalogue each has a sentence that says what to do. The first
// match counts. A test finds the words in the rooms' sources.
var causes = [...]struct{ words, key string }{
	{"no space left", "why.no-room"},
	{"undo the write protection", "why.read-only"},
	{"there is no folder at this path", "why.no-folder"},
	{"this stick is worn out", "why.worn-out"},
	{"permission denied", "why.denied"},

	{"this is your own invitation", "why.own"},
	{"too many invitations are open", "why.invitations"},
	{"this is your own code", "why.own-code"},
	{"too many codes at a time", "why.codes"},
	{"these are the same person", "why.same"},
	{"this introduction was answered", "why.answered"},
	{"too many introductions are open", "why.introductions"},

	{"you are not a member", "why.not-member"},
	{"only an admin of the group", "why.not-admin"},
	{"they are in it, or are asked already", "why.already"},
	{"it has 50 members", "why.group-full"},
	{"a group needs a name", "why.group-name"},
	{"leave it first", "why.leave-first"},
	{"nobody asked you into it", "why.not-asked"},
	{"there is nobody of that name in it", "why.nobody"},

	{"one photo or one voice note", "why.one-medium"},
	{"make it shorter", "why.long-voice"},
	{"cannot go with a notice", "why.no-medium"},
	{"its photo or recording is missing", "why.medium-missing"},
	{"bytes of text, shown for", "why.notice"},
	{"is no signature of an editor", "why.no-signature"},
	{"is for another notice or by nobody", "why.other-signature"},
	{"not enough editors have signed", "why.signatures"},
	{"another one was posted since", "why.posted-since"},
	{"the draft is for another board", "why.other-board"},
	{"only its publisher can post", "why.not-mine"},
	{"too many boards are followed", "why.boards"},

	{"this is not an inbox's card", "why.inbox-card"},
	{"too many inboxes are kept", "why.inboxes"},
	{"are remembered here; forget some first", "why.sent"},
	{" may be sent", "why.large"},

	{"its texts have", "why.slip-long"},
	{"too many slips are open", "why.slips"},
	{"the slip is over", "why.slip-over"},
	{"only who asked can withdraw", "why.slip-not-mine"},
	{"this is not a code of a reply slip", "why.slip-code"},

	{"say when it happened", "why.when"},
	{"it ends before it begins", "why.ends"},
	{"say where it happened", "why.where"},
	{"latitude, longitude and precision go together", "why.position"},
	{"latitude is -90 to 90", "why.position"},

	{"two incidents are merged", "why.two"},
	{"a note has words", "why.words"},
	{"its words are too long", "why.large"},
	{"the words of a claim have", "why.large"},
	{"say when it was said", "why.said"},
	{"a claim has a topic", "why.topic"},
	{"at least is above at most", "why.least"},
	{"a newer Jauap made it", "why.newer"},

	{"nobody of that name", "why.nobody"},
	{"there is nothing of that name", "why.nothing"},
}

// why is an error from behind the page in words of the person's language; in
// its own words where no catalogue has any.
func (x *turn) why(err error) string {
	switch {
	case errors.Is(err, api.ErrFull):
		return x.T("why.full")
	case errors.Is(err, api.ErrClock):
		return x.T("why.clock")
	case errors.Is(err, api.ErrTooLarge):
		return x.T("why.large")
	}
	if key := cause(err.Error()); key != "" {
		return x.T(key)
	}
	return isolate(err.Error())
}

// cause is the key of the sentence for an error's text, or "".
func cause(text string) string {
	for _, c := range causes {
		if strings.Contains(text, c.words) {
			return c.key
		}
	}
	return ""
}
