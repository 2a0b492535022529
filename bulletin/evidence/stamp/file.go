package stamp

import "path"

// File is a time stamp or a proof: its name ends in .tsr or .ots.
type File struct {
	Name string
	Data []byte
}

// Proof reports whether it is a calendar's, which may wait for a block.
func (f File) Proof() bool { return path.Ext(f.Name) == ".ots" }
