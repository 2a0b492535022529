package chat

import (
	"sort"
	"strings"

	"github.com/jauap/jauap/account"
)

// Search lists the newest letters, at most max (50 when 0, 500 at most), whose
// text or file names hold all words of a query, as Fold sees them; with one
// contact, or with all when with is zero. Newest first. There is no index: what
// is not written down cannot be found by others.
func (c *Chat) Search(with account.ContactID, query string, max int) (list []Letter, err error) {
	if max <= 0 {
		max = defaultPage
	}
	max = min(max, maxPage)
	words := strings.Fields(Fold(query))
	if len(words) == 0 {
		return nil, nil
	}
	var prefix []byte
	if with != (account.ContactID{}) {
		prefix = with[:]
	}
	newest := func(list []Letter) {
		sort.SliceStable(list, func(i, j int) bool { return list[j].SentAt.Before(list[i].SentAt) })
	}
	err = c.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableLetters, prefix, account.After(prefix), true, func(k, v []byte) (bool, error) {
			l, err := parseRecord(k, v)
			if err != nil {
				return false, err
			}
			text := l.Text
			if l.fileN > 0 {
				if l.Files, err = filesOf(tx, l); err != nil {
					return false, err
				}
				for _, f := range l.Files {
					text += "\n" + f.Name
				}
			}
			if !holds(Fold(text), words) {
				return true, nil
			}
			out, err := shown(tx, l)
			list = append(list, out)
			if len(list) >= 2*max { // of several contacts: keep the newest
				newest(list)
				list = list[:max]
			}
			return prefix == nil || len(list) < max, err
		})
	})
	newest(list)
	return list[:min(len(list), max)], err
}

func holds(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
