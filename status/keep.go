package status

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/jauap/jauap/account"
)

// The tables of this room, each with its key and record.
const (
	tableWords    account.Table = 48 // author (zero: the owner), number -> word
	tableSent     account.Table = 49 // 'l' letter -> dispatch; 'c' contact, subject -> letter
	tablePromises account.Table = 50 // author (zero: the owner) -> promise
	tableHeads    account.Table = 51 // 'n' -> last number; 'h' contact -> head; 'p' place -> spans
)

// maxKept bounds the words of one author that are kept, the newest.
const maxKept = 100

// owner is the author whose words are the owner's own.
var owner = account.ContactID{}

// kept is a word as the vault has it.
type kept struct {
	Word
	received time.Time
	from     source
	body     []byte // of the part, to tell two words with one number apart
	to       []account.LetterID
}

// source is how a word came here.
type source uint8

const (
	sealed source = iota // in a letter
	noted                // by SMS or on paper: the code was right and the words too
	loose                // by SMS or on paper: the code was right, the words differ
)

func wordKey(author account.ContactID, seq uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(nil), author[:]...), seq)
}

func (k kept) put(tx account.Tx, author account.ContactID) error {
	r := account.NewRecord(1).Uint(uint64(k.Seq)).Time(k.At).Uint(uint64(k.Kind)).Text(k.Whom).Text(k.Town).Text(k.Net).Text(k.Note)
	r.Uint(uint64(len(k.With)))
	for _, m := range k.With {
		r.Raw(m.ID[:]).Text(m.Name)
	}
	r.Time(k.received).Uint(uint64(k.from)).Blob(k.body).Uint(uint64(len(k.to)))
	for _, id := range k.to {
		r.Raw(id[:])
	}
	return tx.Put(tableWords, wordKey(author, k.Seq), r.Bytes())
}

func parseKept(b []byte) (k kept, err error) {
	f := account.ReadRecord(b)
	f.Version(1)
	k.Seq, k.At, k.Kind = uint32(f.Uint()), f.Time(), Kind(f.Uint())
	k.Whom, k.Town, k.Net, k.Note = f.Text(), f.Text(), f.Text(), f.Text()
	for range f.Count(17) {
		k.With = append(k.With, Mention{ID: account.ContactID(f.Raw(16)), Name: f.Text()})
	}
	k.received, k.from, k.body = f.Time(), source(f.Uint()), slices.Clone(f.Blob())
	for range f.Count(16) {
		k.to = append(k.to, account.LetterID(f.Raw(16)))
	}
	return k, f.Done()
}

func getWord(tx account.Tx, author account.ContactID, seq uint32) (*kept, error) {
	b, err := tx.Get(tableWords, wordKey(author, seq))
	if err != nil || b == nil {
		return nil, err
	}
	k, err := parseKept(b)
	return &k, err
}

// words are an author's, newest first, until f says stop.
func words(tx account.Tx, author account.ContactID, f func(kept) (more bool, err error)) error {
	return tx.Scan(tableWords, author[:], account.After(author[:]), true, func(_, v []byte) (bool, error) {
		k, err := parseKept(v)
		if err != nil {
			return false, err
		}
		return f(k)
	})
}

// prune forgets the words of an author beyond the newest maxKept.
func prune(tx account.Tx, author account.ContactID) error {
	n := 0
	var gone [][]byte
	err := tx.Scan(tableWords, author[:], account.After(author[:]), true, func(k, _ []byte) (bool, error) {
		if n++; n > maxKept {
			gone = append(gone, bytes.Clone(k))
		}
		return true, nil
	})
	for _, k := range gone {
		if err == nil {
			err = tx.Delete(tableWords, k)
		}
	}
	return err
}

// lastSeq is the newest number of the owner's.
func lastSeq(tx account.Tx) (uint32, error) {
	b, err := tx.Get(tableHeads, []byte{'n'})
	if err != nil || b == nil {
		return 0, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	n := uint32(f.Uint())
	return n, f.Done()
}

// takeSeq gives the next number.
func takeSeq(tx account.Tx, now time.Time) (uint32, error) {
	last, err := lastSeq(tx)
	if err != nil {
		return 0, err
	}
	n := nextSeq(last, now)
	return n, tx.Put(tableHeads, []byte{'n'}, account.NewRecord(1).Uint(uint64(n)).Bytes())
}

// head is what is known of a contact beside their words.
type head struct {
	wrote  time.Time // claimed time of the newest thing they wrote, not after it came
	seen   time.Time // when somebody else said that they were there
	seenBy account.ContactID
}

func headKey(id account.ContactID) []byte { return append([]byte{'h'}, id[:]...) }

func getHead(tx account.Tx, id account.ContactID) (h head, err error) {
	b, err := tx.Get(tableHeads, headKey(id))
	if err != nil || b == nil {
		return h, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	h = head{f.Time(), f.Time(), account.ContactID(f.Raw(16))}
	return h, f.Done()
}

func (h head) put(tx account.Tx, id account.ContactID) error {
	return tx.Put(tableHeads, headKey(id), account.NewRecord(1).Time(h.wrote).Time(h.seen).Raw(h.seenBy[:]).Bytes())
}
