package broadcast

// MPEG transport streams as far as private sections need them: ISO/IEC
// 13818-1, 2.4.3 (cells) and 2.4.4 (sections). Names there: a cell is a
// "transport stream packet".

const (
	cellSize    = 188
	cellHead    = 4
	cellRoom    = cellSize - cellHead
	syncByte    = 0x47
	nullPID     = 0x1fff
	pmtPID      = 0x0fa0
	DefaultPID  = 0x0fa1 // of our sections; any other from 0x0020 to 0x1ffe will do
	tableID     = 0xc8   // one of those that are free for private use
	sectionHead = 3
	maxSection  = sectionHead + 4093
	stuffing    = 0xff
	streamType  = 0x05 // private sections
)

// mux writes packets as sections into cells.
type mux struct {
	pid      uint16
	counters map[uint16]byte
}

func newMux(pid uint16) *mux { return &mux{pid: pid, counters: map[uint16]byte{}} }

// batch appends cells with the tables that announce our PID, and then with the
// packets. It ends at the end of a cell, so that batches may be put one behind
// another, and may be read alone.
func (m *mux) batch(dst []byte, packets [][]byte) []byte {
	dst = m.cells(dst, 0, [][]byte{pat()})
	dst = m.cells(dst, pmtPID, [][]byte{pmt(m.pid)})
	sections := make([][]byte, len(packets))
	for i, p := range packets {
		// A private section without the long syntax: each packet proves itself, so
		// it needs no CRC.
		head := []byte{tableID, 0x70 | byte(len(p)>>8), byte(len(p))}
		sections[i] = append(head, p...)
	}
	return m.cells(dst, m.pid, sections)
}

// cells cuts sections into cells of one PID; the rest of the last is stuffed.
func (m *mux) cells(dst []byte, pid uint16, sections [][]byte) []byte {
	var all []byte
	var starts []int
	for _, s := range sections {
		starts = append(starts, len(all))
		all = append(all, s...)
	}
	for pos := 0; pos < len(all); {
		for len(starts) > 0 && starts[0] < pos {
			starts = starts[1:]
		}
		next := len(all) + cellRoom // where a section starts next
		if len(starts) > 0 {
			next = starts[0]
		}
		head := []byte{syncByte, byte(pid >> 8), byte(pid), 0x10 | m.counters[pid]}
		m.counters[pid] = (m.counters[pid] + 1) & 15
		room := cellRoom
		switch {
		case next-pos < cellRoom-1: // a section starts in this cell
			head[1] |= 0x40
			head = append(head, byte(next-pos))
			room--
		case next-pos == cellRoom-1: // its first byte would be the last one here
			head[3] |= 0x20
			head = append(head, 0) // an empty adaptation field takes that byte
			room--
		}
		n := min(room, len(all)-pos)
		dst = append(append(dst, head...), all[pos:pos+n]...)
		for range room - n {
			dst = append(dst, stuffing)
		}
		pos += n
	}
	return dst
}

// pat says that program 1 is described on pmtPID.
func pat() []byte {
	return crcSection([]byte{0x00, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | pmtPID>>8, pmtPID & 0xff})
}

// pmt says that program 1 is one stream of private sections.
func pmt(pid uint16) []byte {
	return crcSection([]byte{0x02, 0xb0, 18, 0, 1, 0xc1, 0, 0, 0xe0 | nullPID>>8, nullPID & 0xff, 0xf0, 0,
		streamType, 0xe0 | byte(pid>>8), byte(pid), 0xf0, 0})
}

// crcSection appends CRC-32/MPEG-2.
func crcSection(b []byte) []byte {
	crc := uint32(0xffffffff)
	for _, x := range b {
		crc ^= uint32(x) << 24
		for range 8 {
			if crc&0x80000000 != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	return append(b, byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc))
}

// maxPIDs bounds how many PIDs are followed at once; a true stream has one.
const maxPIDs = 64

// demux finds our sections in a stream of bytes that may begin anywhere, may
// have lost any of it, and may carry anything else.
type demux struct {
	take   func(packet []byte) error
	buf    []byte
	stride int // 0: not in step
	pids   map[uint16]*collecting
	lost   int // bytes passed over while out of step
}

// collecting is the state of one PID.
type collecting struct {
	section []byte // what of one is here
	active  bool
	counter byte
	last    [cellSize]byte
}

// strides between cells: plain, with a time stamp before each (Blu-ray), with
// error correction behind each (DVB).
var strides = [...]int{cellSize, 192, 204}

// feed takes the next bytes. An error is take's.
func (d *demux) feed(b []byte) error {
	d.buf = append(d.buf, b...)
	return d.walk(false)
}

// end takes what is left when no more bytes follow.
func (d *demux) end() error { return d.walk(true) }

func (d *demux) walk(last bool) error {
	pos := 0
	defer func() { d.buf = d.buf[:copy(d.buf, d.buf[pos:])] }()
	for {
		rest := d.buf[pos:]
		if !last && len(rest) <= 2*strides[len(strides)-1] || len(rest) < cellSize {
			return nil
		}
		if d.stride = step(rest, d.stride); d.stride == 0 {
			pos++
			d.lost++
			continue
		}
		if err := d.cell(rest[:cellSize]); err != nil {
			return err
		}
		pos += min(d.stride, len(rest))
	}
}

// step answers the stride at which cells follow the one that b begins with, and
// 0 when none begins there. now is tried first.
func step(b []byte, now int) int {
	if b[0] != syncByte {
		return 0
	}
	follows := func(s int) bool {
		for at := s; at <= 2*s && at < len(b); at += s {
			if b[at] != syncByte {
				return false
			}
		}
		return true
	}
	// In step, one broken cell ahead does not make this one doubtful.
	if now > 0 {
		return now
	}
	for _, s := range strides {
		if follows(s) {
			return s
		}
	}
	return 0
}

// cell takes one cell.
func (d *demux) cell(c []byte) error {
	pid := uint16(c[1]&0x1f)<<8 | uint16(c[2])
	if c[1]&0x80 != 0 || pid == nullPID || c[3]&0xc0 != 0 || c[3]&0x10 == 0 {
		return nil // broken, empty, scrambled, or without payload
	}
	body := c[cellHead:]
	if c[3]&0x20 != 0 {
		n := int(body[0]) + 1
		if n >= len(body) {
			return nil
		}
		body = body[n:]
	}
	begins := c[1]&0x40 != 0
	p := d.pids[pid]
	if p == nil {
		if p = d.follow(pid, body, begins); p == nil {
			return nil
		}
	} else {
		if string(p.last[:]) == string(c) {
			return nil // sent twice, as the standard allows
		}
		if c[3]&15 != (p.counter+1)&15 {
			p.section, p.active = p.section[:0], false // something is missing
		}
	}
	p.counter = c[3] & 15
	copy(p.last[:], c)
	if !begins {
		return d.more(p, body, false)
	}
	pointer := int(body[0])
	body = body[1:]
	if pointer > len(body) {
		p.active = false
		return nil
	}
	if err := d.more(p, body[:pointer], false); err != nil {
		return err
	}
	p.section, p.active = p.section[:0], true
	return d.more(p, body[pointer:], true)
}

// follow begins to follow a PID in whose cell one of our sections begins.
func (d *demux) follow(pid uint16, body []byte, begins bool) *collecting {
	if !begins || len(body) < 2 || 1+int(body[0]) >= len(body) || body[1+int(body[0])] != tableID {
		return nil
	}
	if d.pids == nil {
		d.pids = map[uint16]*collecting{}
	}
	if len(d.pids) >= maxPIDs {
		for other := range d.pids { // any one: a stream with so many is no true one
			delete(d.pids, other)
			break
		}
	}
	p := &collecting{}
	d.pids[pid] = p
	return p
}

// more adds payload to the section under way and hands out each that is whole;
// others may follow only where a cell said that one begins.
func (d *demux) more(p *collecting, b []byte, others bool) error {
	for p.active && len(b) > 0 {
		if len(p.section) == 0 && b[0] == stuffing {
			p.active = false
			return nil
		}
		if n := sectionHead - len(p.section); n > 0 {
			n = min(n, len(b))
			p.section, b = append(p.section, b[:n]...), b[n:]
			if len(p.section) < sectionHead {
				return nil
			}
		}
		size := sectionHead + (int(p.section[1]&0x0f)<<8 | int(p.section[2]))
		if size > maxSection {
			p.section, p.active = p.section[:0], false
			return nil
		}
		n := min(size-len(p.section), len(b))
		p.section, b = append(p.section, b[:n]...), b[n:]
		if len(p.section) < size {
			return nil
		}
		if p.section[0] == tableID {
			if err := d.take(p.section[sectionHead:]); err != nil {
				return err
			}
		}
		p.section, p.active = p.section[:0], others
	}
	return nil
}
