package bench

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// sqliteShelf is the rival in the same run: the same envelopes as rows of a
// SQLite table under their ids, WAL and synchronous=FULL, in batches of the
// same size. Fewer of them, because it is slower; its rate falls with more.
func sqliteShelf(dir string, units []unit) (put, get Figure, err error) {
	db, err := sqlite3.Open("file:" + filepath.ToSlash(filepath.Join(dir, "rival.db")))
	if err != nil {
		return put, get, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err = db.Exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE u(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID`); err != nil {
		return put, get, err
	}
	insert, _, err := db.Prepare(`INSERT INTO u VALUES(?, ?)`)
	if err != nil {
		return put, get, err
	}
	defer insert.Close()
	begin := time.Now()
	for start := 0; start < len(units); start += storeBatch {
		if err = db.Exec(`BEGIN IMMEDIATE`); err != nil {
			return put, get, err
		}
		for _, u := range units[start:min(start+storeBatch, len(units))] {
			if err = errors.Join(insert.BindBlob(1, u.id[:]), insert.BindBlob(2, u.raw), insert.Exec()); err != nil {
				return put, get, err
			}
		}
		if err = db.Exec(`COMMIT`); err != nil {
			return put, get, err
		}
	}
	put = rate(fmt.Sprintf("SQLite: put %d of the same", len(units)), len(units), time.Since(begin), "beside ours")
	find, _, err := db.Prepare(`SELECT v FROM u WHERE k = ?`)
	if err != nil {
		return put, get, err
	}
	defer find.Close()
	begin = time.Now()
	for i := range units {
		if err = find.BindBlob(1, units[i*storeStride%len(units)].id[:]); err != nil {
			return put, get, err
		}
		if !find.Step() || len(find.ColumnRawBlob(0)) == 0 {
			return put, get, errors.Join(errors.New("bench: the rival lost a row"), find.Err())
		}
		if err = find.Reset(); err != nil {
			return put, get, err
		}
	}
	get = rate(fmt.Sprintf("SQLite: get %d of the same", len(units)), len(units), time.Since(begin), "beside ours")
	return put, get, nil
}
