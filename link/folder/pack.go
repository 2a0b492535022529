package folder

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Sizes in bytes. spec/folder.md, 1 and 5.
const (
	MaxPack = 8 << 20 // the largest pack file
	MaxUnit = 262144  // the largest unit

	packVersion = 1
	saltSize    = 16
	headSize    = saltSize + 16
	markSize    = 12 // zeros by which a head is known
	recordHead  = 12
	trailerSize = recordHead + sha256.Size
	trailerMark = math.MaxUint32
	maxPadding  = 1023
)

// checksum is CRC-32C, which most processors have built in.
func checksum(parts ...[]byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	c := uint32(0)
	for _, p := range parts {
		c = crc32.Update(c, table, p)
	}
	return c
}

// mask hides or shows the bytes behind the salt, in place. The key is no
// secret; the mask only keeps fixed bytes out of the file. spec/folder.md, 1.
func mask(salt, b []byte) {
	key := sha256.Sum256(append([]byte("jauap/1 pack"), salt...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("folder: internal error: " + err.Error()) // the key has 32 bytes
	}
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(b, b)
}

// packer gathers units for one pack.
type packer struct {
	buf   []byte // the file, not yet masked
	marks []int  // offsets of the records
}

// newPacker starts an empty pack with a fresh salt.
func newPacker() *packer {
	p := &packer{buf: make([]byte, headSize, 64<<10)}
	_, _ = rand.Read(p.buf[:saltSize]) // never fails
	p.buf[saltSize+markSize] = packVersion
	return p
}

// size is the most that the pack's file can have after n more bytes of unit.
func (p *packer) size(n int) int {
	return len(p.buf) + recordHead + n + trailerSize + maxPadding
}

// add appends a copy of unit, which has 1 to MaxUnit bytes.
func (p *packer) add(unit []byte) {
	p.marks = append(p.marks, len(p.buf))
	p.buf = appendHead(p.buf, uint32(len(unit)), checksum(unit))
	p.buf = append(p.buf, unit...)
}

// appendHead appends the 12 bytes that begin a record or the trailer.
func appendHead(b []byte, first, second uint32) []byte {
	return append(b, headAt(len(b), first, second)...)
}

// headAt are the 12 bytes that begin a record or the trailer at an offset.
func headAt(at int, first, second uint32) []byte {
	b := make([]byte, 0, recordHead)
	b = binary.BigEndian.AppendUint32(b, first)
	b = binary.BigEndian.AppendUint32(b, second)
	return binary.BigEndian.AppendUint32(b, headSum(b, uint32(at)))
}

func headSum(h []byte, at uint32) uint32 {
	var off [4]byte
	binary.BigEndian.PutUint32(off[:], at)
	return checksum(h[:8], off[:])
}

// unit is the i-th unit gathered.
func (p *packer) unit(i int) []byte {
	at := p.marks[i]
	n := int(binary.BigEndian.Uint32(p.buf[at:]))
	return p.buf[at+recordHead : at+recordHead+n]
}

// file is the finished pack. The packer stays as it was.
func (p *packer) file() []byte {
	b := make([]byte, len(p.buf), p.size(0))
	copy(b, p.buf)
	sum := sha256.Sum256(b)
	b = appendHead(b, trailerMark, uint32(len(p.marks)))
	b = append(b, sum[:]...)
	mask(b[:saltSize], b[saltSize:])
	var pad [2 + maxPadding]byte
	_, _ = rand.Read(pad[:])
	n := int(binary.BigEndian.Uint16(pad[:])) & maxPadding
	return append(b, pad[2:2+n]...)
}

// isPack tells from a file's first headSize bytes whether it is a pack, and of
// which version.
func isPack(head []byte) (version uint8, ok bool) {
	if len(head) < headSize {
		return 0, false
	}
	var h [headSize - saltSize]byte
	copy(h[:], head[saltSize:])
	mask(head[:saltSize], h[:])
	return h[markSize], bytes.Equal(h[:markSize], make([]byte, markSize))
}

// verdict is what reading a pack found out.
type verdict struct {
	units   int  // good ones
	lost    int  // units that are damaged
	skipped int  // bytes between units that make no sense
	torn    bool // the file ends before the trailer
	whole   bool // nothing is missing
}

func (v verdict) String() string {
	switch {
	case v.whole:
		return fmt.Sprintf("whole, %d units", v.units)
	case v.torn && v.lost == 0 && v.skipped == 0:
		return fmt.Sprintf("only partly written; its %d whole units were read", v.units)
	}
	return fmt.Sprintf("damaged; %d whole units were read, %d or more are lost", v.units, max(1, v.lost))
}

// readPack calls take with a copy of each good unit of the file b, whose head
// isPack has accepted. It shows b in place. spec/folder.md, 2.
func readPack(b []byte, take func(unit []byte) error) (verdict, error) {
	var v verdict
	records := 0
	mask(b[:saltSize], b[saltSize:])
	for at := headSize; ; {
		if len(b)-at < recordHead {
			v.torn = true
			return v, nil
		}
		h := b[at : at+recordHead]
		first, second := binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:])
		fits := headSum(h, uint32(at)) == binary.BigEndian.Uint32(h[8:])
		switch {
		case fits && first == trailerMark:
			v.torn = len(b)-at < trailerSize
			if !v.torn {
				sum := sha256.Sum256(b[:at])
				v.whole = v.lost == 0 && v.skipped == 0 && int64(second) == int64(records) &&
					bytes.Equal(sum[:], b[at+recordHead:at+trailerSize])
			}
			return v, nil
		case !fits || first == 0 || first > MaxUnit:
			at++
			v.skipped++
			continue
		case int(first) > len(b)-at-recordHead:
			v.torn = true
			return v, nil
		}
		unit := b[at+recordHead : at+recordHead+int(first)]
		at += recordHead + int(first)
		records++
		if checksum(unit) != second {
			v.lost++
			continue
		}
		v.units++
		if err := take(bytes.Clone(unit)); err != nil {
			return v, err
		}
	}
}
