package sqlite

import (
	"crypto/rand"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/jauap/jauap/account"
)

// statements are prepared once per connection. Scans need one each while they
// run, because they may be nested.
type statements struct {
	begin, beginWrite, commit, rollback *sqlite3.Stmt
	get, put, drop                      *sqlite3.Stmt
	scans                               map[string][]*sqlite3.Stmt // idle, by text
}

func (s *statements) prepare(db *sqlite3.Conn) error {
	s.scans = map[string][]*sqlite3.Stmt{}
	for _, p := range []struct {
		to  **sqlite3.Stmt
		sql string
	}{
		{&s.begin, "BEGIN"},
		{&s.beginWrite, "BEGIN IMMEDIATE"},
		{&s.commit, "COMMIT"},
		{&s.rollback, "ROLLBACK"},
		{&s.get, "SELECT v FROM kv WHERE t=?1 AND k=?2"},
		{&s.put, "INSERT INTO kv(t,k,v) VALUES(?1,?2,?3) ON CONFLICT(t,k) DO UPDATE SET v=excluded.v"},
		{&s.drop, "DELETE FROM kv WHERE t=?1 AND k=?2"},
	} {
		stmt, _, err := db.PrepareFlags(p.sql, sqlite3.PREPARE_PERSISTENT)
		if err != nil {
			return err
		}
		*p.to = stmt
	}
	return nil
}

func (s *statements) close() {
	for _, stmt := range []*sqlite3.Stmt{s.begin, s.beginWrite, s.commit, s.rollback, s.get, s.put, s.drop} {
		if stmt != nil {
			stmt.Close()
		}
	}
	for _, idle := range s.scans {
		for _, stmt := range idle {
			stmt.Close()
		}
	}
}

type tx struct {
	v      *Vault // nil after the transaction
	write  bool
	scans  int
	failed error // the first fault of the file
}

// fail remembers a fault: a transaction that met one is never committed.
func (x *tx) fail(err error) error {
	err = fault(err)
	if err != nil && x.failed == nil {
		x.failed = err
	}
	return err
}

func (x *tx) usable(write bool) error {
	switch {
	case x.v == nil:
		return fmt.Errorf("%w: it has ended", account.ErrTx)
	case write && !x.write:
		return fmt.Errorf("%w: a view does not write", account.ErrTx)
	case write && x.scans > 0:
		return fmt.Errorf("%w: change after the scan", account.ErrTx)
	}
	return nil
}

// place is what a sealed value is bound to.
func place(t account.Table, key []byte) []byte {
	return append([]byte{byte(t)}, key...)
}

func (x *tx) open(t account.Table, key, sealed []byte) ([]byte, error) {
	if len(sealed) < 24 {
		return nil, fmt.Errorf("%w: a record is too short", account.ErrDamaged)
	}
	val, err := x.v.aead.Open(make([]byte, 0, len(sealed)), sealed[:24], sealed[24:], place(t, key))
	if err != nil {
		return nil, fmt.Errorf("%w: a record was changed from outside", account.ErrDamaged)
	}
	return val, nil
}

// Get implements account.Tx.
func (x *tx) Get(t account.Table, key []byte) ([]byte, error) {
	if err := x.usable(false); err != nil {
		return nil, err
	}
	s := x.v.stmts.get
	defer s.Reset()
	if err := bind(s, t, key); err != nil {
		return nil, x.fail(err)
	}
	if !s.Step() {
		return nil, x.fail(s.Err())
	}
	val, err := x.open(t, key, s.ColumnRawBlob(0))
	return val, x.fail(err)
}

func bind(s *sqlite3.Stmt, t account.Table, key []byte) error {
	if err := s.BindInt(1, int(t)); err != nil {
		return err
	}
	return bindBlob(s, 2, key)
}

// bindBlob binds nil as an empty blob and not as NULL.
func bindBlob(s *sqlite3.Stmt, i int, b []byte) error {
	if len(b) == 0 {
		return s.BindZeroBlob(i, 0)
	}
	return s.BindBlob(i, b)
}

// Put implements account.Tx.
func (x *tx) Put(t account.Table, key, val []byte) error {
	if err := x.usable(true); err != nil {
		return err
	}
	sealed := make([]byte, 24, 24+len(val)+16)
	rand.Read(sealed)
	sealed = x.v.aead.Seal(sealed, sealed[:24], val, place(t, key))
	s := x.v.stmts.put
	if err := bind(s, t, key); err != nil {
		return x.fail(err)
	}
	if err := s.BindBlob(3, sealed); err != nil {
		return x.fail(err)
	}
	err := s.Exec()
	s.ClearBindings() // else the value stays in SQLite's memory
	return x.fail(err)
}

// Delete implements account.Tx.
func (x *tx) Delete(t account.Table, key []byte) error {
	if err := x.usable(true); err != nil {
		return err
	}
	s := x.v.stmts.drop
	if err := bind(s, t, key); err != nil {
		return x.fail(err)
	}
	return x.fail(s.Exec())
}

// Scan implements account.Tx.
func (x *tx) Scan(t account.Table, from, to []byte, reverse bool, f func(k, v []byte) (bool, error)) error {
	if err := x.usable(false); err != nil {
		return err
	}
	sql := "SELECT k,v FROM kv WHERE t=?1 AND k>=?2"
	if to != nil {
		sql += " AND k<?3"
	}
	sql += " ORDER BY k"
	if reverse {
		sql += " DESC"
	}
	s, err := x.v.scanner(sql)
	if err != nil {
		return x.fail(err)
	}
	x.scans++
	defer func() {
		x.scans--
		s.Reset()
		x.v.stmts.scans[sql] = append(x.v.stmts.scans[sql], s)
	}()
	if err := bind(s, t, from); err != nil {
		return x.fail(err)
	}
	if to != nil {
		if err := bindBlob(s, 3, to); err != nil {
			return x.fail(err)
		}
	}
	for s.Step() {
		k := s.ColumnBlob(0, nil)
		val, err := x.open(t, k, s.ColumnRawBlob(1))
		if err != nil {
			return x.fail(err)
		}
		if more, err := f(k, val); err != nil || !more {
			return err
		}
	}
	return x.fail(s.Err())
}

func (v *Vault) scanner(sql string) (*sqlite3.Stmt, error) {
	if idle := v.stmts.scans[sql]; len(idle) > 0 {
		v.stmts.scans[sql] = idle[:len(idle)-1]
		return idle[len(idle)-1], nil
	}
	s, _, err := v.db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	return s, err
}
