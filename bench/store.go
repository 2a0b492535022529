package bench

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/store"
)

// storeBatch is how many puts share one sync.
const storeBatch = 1000

// storeStride is a prime: neighbours on disk are not read one after another.
const storeStride = 7919

// rivalUnits is how many the rival gets.
const rivalUnits = 50_000

// unit is one envelope that was put.
type unit struct {
	id  envelope.ID
	raw []byte // only of the rival's
}

// Store measures a shelf with n S1 envelopes in a folder of its own below
// dir ("" for the system's temporary folder).
func Store(dir string, n int) ([]Figure, error) {
	tmp, err := os.MkdirTemp(dir, "jauap-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	fsys, err := durable.OS(tmp)
	if err != nil {
		return nil, err
	}
	const today = 1800
	o := store.Options{Quota: int64(n)*2048 + 1<<30, Today: today}
	sh, _, err := store.Open(fsys, o)
	if err != nil {
		return nil, err
	}
	ids, putting, err := fill(sh, n, today)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	for i := range ids {
		if _, err := sh.Get(ids[i*storeStride%len(ids)].id); err != nil {
			return nil, err
		}
	}
	getting := time.Since(begin)
	if err := sh.Close(); err != nil {
		return nil, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin = time.Now()
	if sh, _, err = store.Open(fsys, o); err != nil {
		return nil, err
	}
	opening := time.Since(begin)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := sh.Stats().Envelopes; got != n {
		return nil, fmt.Errorf("bench: %d envelopes after the restart, not %d", got, n)
	}
	rivalPut, rivalGet, err := sqliteShelf(tmp, ids[:min(len(ids), rivalUnits)])
	if err != nil {
		return nil, err
	}
	return []Figure{
		rate("put S1 envelopes, durable after each 1,000", n, putting, "at least 100,000/s"),
		rate("get S1 envelopes, checked against their ids", n, getting, "at least 200,000/s"),
		{fmt.Sprintf("restart with %d envelopes", n), opening.Seconds(), "s", "at most 3 s with 1,000,000"},
		{"memory per envelope", float64(after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc)) / float64(n), "B", "about 150 B"},
		rivalPut, rivalGet,
	}, sh.Close()
}

// fill puts n distinct S1 envelopes. The time of making them does not count.
func fill(sh *store.Shelf, n int, today envelope.Day) (ids []unit, took time.Duration, err error) {
	body := make([]byte, envelope.S1.BodySize())
	rand.Read(body)
	seed := make([]byte, ed25519.SeedSize)
	signature := make([]byte, ed25519.SignatureSize)
	batch := make([]envelope.Envelope, 0, storeBatch)
	for len(ids) < n {
		batch = batch[:0]
		for i := 0; i < storeBatch && len(ids)+i < n; i++ {
			// Each under a key of its own, as real ones are; the shelf does not
			// check signatures, so a random one will do.
			binary.LittleEndian.PutUint64(seed, uint64(len(ids)+i))
			raw := append(envelope.Head(envelope.S1, 0, today.Add(1+i%30), [32]byte(seed)), signature...)
			e, err := envelope.Parse(append(raw, body...))
			if err != nil {
				return nil, 0, err
			}
			batch = append(batch, e)
		}
		begin := time.Now()
		for _, e := range batch {
			entry, err := sh.Put(e, store.Meta{Today: today, Rank: 2})
			if err != nil {
				return nil, 0, err
			}
			u := unit{id: entry.ID}
			if len(ids) < rivalUnits {
				u.raw = e.Bytes()
			}
			ids = append(ids, u)
		}
		if err := sh.Sync(); err != nil {
			return nil, 0, err
		}
		took += time.Since(begin)
	}
	return ids, took, nil
}
