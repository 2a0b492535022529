package folder

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/jauap/jauap/link/fountain"
)

// ErrRotten: a stick that lies about its size, or is worn out.
var ErrRotten = errors.New("folder: what was written reads back differently: this stick is worn out or a fake, take another one")

// written is a pack of this call of Leave.
type written struct {
	setPack
	name   string
	before int64 // done when all earlier packs were stored
}

// protect writes the spare files for the packs written since the last time.
// What is stored stays stored whatever happens here.
func (w *writer) protect() error {
	if len(w.set) == 0 {
		return nil
	}
	set := w.set
	w.set = nil
	files, p, err := w.survey(set)
	defer closeAll(files)
	if err != nil || len(p.packs) == 0 {
		return err
	}
	out, err := w.openSpares(p)
	if err == nil {
		err = w.fillSpares(p, files, out)
	}
	return w.endSpares(out, err)
}

// survey reads the packs back, and plans.
func (w *writer) survey(set []written) (files []file, p *plan, err error) {
	p = &plan{}
	_, _ = rand.Read(p.set[:])
	var kept []written
	for _, k := range set {
		f, err := w.d.Open(k.name)
		if errors.Is(err, fs.ErrNotExist) { // another node found it useless already
			continue
		}
		if err != nil {
			return files, p, fmt.Errorf("folder: read back: %w", err)
		}
		files, kept = append(files, f), append(kept, k)
		p.packs = append(p.packs, k.setPack)
	}
	p.layOut()
	p.spares = make([]saltOf, sparesFor(len(p.packs)))
	for i := range p.spares {
		_, _ = rand.Read(p.spares[i][:])
	}
	for i, k := range kept {
		b := make([]byte, p.chunksOf(k.size)*p.chunk)
		if _, err := io.ReadFull(io.NewSectionReader(files[i], 0, int64(k.size)), b[:k.size]); err != nil {
			return files, p, fmt.Errorf("folder: read back: %w", err)
		}
		if sha256.Sum256(b[:k.size]) != k.sum {
			w.done = min(w.done, k.before)
			return files, p, ErrRotten
		}
		for at := 0; at < len(b); at += p.chunk {
			p.sums = append(p.sums, sumOfChunk(b[at:at+p.chunk]))
		}
		if err := w.ctx.Err(); err != nil {
			return files, p, err
		}
	}
	return files, p, nil
}

func closeAll(files []file) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// spareFile is a spare file on its way.
type spareFile struct {
	f       file
	dir     string
	stem    string
	buf     []byte // unmasked, not yet written
	stream  cipher.Stream
	digest  hash.Hash
	at      int // bytes so far
	records int
	ended   bool
}

// put appends what is no record.
func (s *spareFile) put(b []byte) {
	s.buf = append(s.buf, b...)
	s.at += len(b)
}

func (s *spareFile) record(parts ...[]byte) {
	n, sum := 0, checksum(parts...)
	for _, p := range parts {
		n += len(p)
	}
	s.put(headAt(s.at, uint32(n), sum))
	for _, p := range parts {
		s.put(p)
	}
	s.records++
}

// flush writes what was put.
func (s *spareFile) flush() error {
	s.digest.Write(s.buf)
	s.stream.XORKeyStream(s.buf, s.buf)
	_, err := s.f.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

// openSpares begins all spare files of a plan. It answers those begun also with
// an error.
func (w *writer) openSpares(p *plan) (out []*spareFile, err error) {
	parts := p.parts()
	for i := range p.spares {
		dir, err := w.choose()
		if err != nil {
			return out, err
		}
		f, stem, err := w.create(dir)
		if err != nil {
			return out, err
		}
		w.free--
		salt := p.spares[i][:]
		s := &spareFile{f: f, dir: dir, stem: stem, stream: maskFrom(salt, saltSize), digest: sha256.New(), at: saltSize}
		out = append(out, s)
		s.digest.Write(salt)
		if _, err := f.Write(salt); err != nil {
			return out, err
		}
		head := make([]byte, headSize-saltSize)
		head[markSize] = spareVersion
		s.put(head)
		for _, part := range parts {
			s.record(part)
		}
		if err := s.flush(); err != nil {
			return out, err
		}
	}
	return out, nil
}

// fillSpares makes the symbols, block after block.
func (w *writer) fillSpares(p *plan, files []file, out []*spareFile) error {
	for b := range p.blocks {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		source := make([]byte, p.chunks(b)*p.chunk)
		n := 0
		err := p.eachChunk(b, func(_, pack, at int) error {
			_, err := files[pack].ReadAt(source[n:n+min(p.chunk, p.packs[pack].size-at)], int64(at))
			n += p.chunk
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("folder: read back: %w", err)
		}
		symbols, err := fountain.Repair(source, p.chunk, 0, len(out)*p.each)
		if err != nil {
			return fmt.Errorf("folder: %w", err)
		}
		for i, s := range out {
			for t := range p.each {
				number := i*p.each + t
				s.record(p.appendSymbolHead(nil, b, number), symbols[number*p.chunk:(number+1)*p.chunk])
			}
			if err := s.flush(); err != nil {
				return err
			}
		}
		w.f.tell(Protecting, int64(b+1)*int64(len(out)*p.each*p.step()), int64(len(out)*p.size()))
	}
	return nil
}

// endSpares brings the spare files to stable storage, or removes them.
func (w *writer) endSpares(out []*spareFile, err error) error {
	dirs := map[string]bool{}
	for _, s := range out {
		if err == nil {
			err = s.end()
		}
		if err == nil {
			err = w.d.Rename(s.stem+tempSuffix, s.stem+packSuffix)
		}
		if err == nil {
			s.ended, dirs[s.dir] = true, true
			w.bytes += int64(s.at + maxPadding)
		}
	}
	for _, s := range out {
		_ = s.f.Close()
		if !s.ended {
			_ = w.d.Remove(s.stem + tempSuffix) // best effort: the stick may be gone
		}
	}
	for dir := range dirs {
		if serr := w.d.SyncDir(dir); err == nil {
			err = serr
		}
	}
	switch {
	case err == nil, w.ctx.Err() == nil && errors.Is(err, fountain.ErrCode):
		return err
	case w.ctx.Err() != nil:
		return w.ctx.Err()
	}
	return explain(err)
}

func (s *spareFile) end() error {
	s.digest.Write(s.buf)
	at, sum := s.at, s.digest.Sum(nil)
	s.put(headAt(at, trailerMark, uint32(s.records)))
	s.put(sum)
	s.stream.XORKeyStream(s.buf, s.buf)
	var pad [2 + maxPadding]byte
	_, _ = rand.Read(pad[:])
	n := int(binary.BigEndian.Uint16(pad[:])) & maxPadding
	if _, err := s.f.Write(append(s.buf, pad[2:2+n]...)); err != nil {
		return err
	}
	if err := s.f.Sync(); err != nil {
		return err
	}
	return s.f.Close()
}

// takeParts finds parts of plans in the beginning of a spare file, and shows b in
// place.
func takeParts(b []byte, part func(set setID, i, n int, sum, piece []byte)) (v verdict) {
	v, _ = readPack(b, func(u []byte) error {
		if len(u) > partHead && u[0] == partMark {
			part(setID(u[1:]), int(binary.BigEndian.Uint16(u[9:])), int(binary.BigEndian.Uint16(u[11:])), u[13:partHead], u[partHead:])
		}
		return nil
	})
	return v
}

// symbolAt reads symbol t of a block from a spare file; nil when it is rotten.
func (p *plan) symbolAt(f io.ReaderAt, spare, block, t int) []byte {
	at := p.place(block, t)
	b := make([]byte, p.step())
	if n, _ := f.ReadAt(b, int64(at)); n != len(b) {
		return nil
	}
	maskFrom(p.spares[spare][:], at).XORKeyStream(b, b)
	unit := b[recordHead:]
	head := p.appendSymbolHead(nil, block, spare*p.each+t)
	if !bytes.Equal(b[:recordHead], headAt(at, uint32(len(unit)), checksum(unit))) || !bytes.HasPrefix(unit, head) {
		return nil
	}
	return unit[symbolHead:]
}
