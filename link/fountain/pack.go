package fountain

// Pack appends one unit to the data of a block: ErrUnit when it has no size that
// a unit may have.
func Pack(data, unit []byte) ([]byte, error) {
	n := len(unit)
	if n < 1 || n > MaxUnit {
		return data, ErrUnit
	}
	data = append(data, byte(n>>16), byte(n>>8), byte(n))
	return append(data, unit...), nil
}

// PackedSize is how much a unit of n bytes adds to a block.
func PackedSize(n int) int { return lengthSize + n }

// Cut gives the units of a block's data: those before the first that is cut
// short or has no size that a unit may have.
func Cut(data []byte) (units [][]byte) {
	for len(data) >= lengthSize {
		n := int(data[0])<<16 | int(data[1])<<8 | int(data[2])
		data = data[lengthSize:]
		if n < 1 || n > MaxUnit || n > len(data) {
			break
		}
		units = append(units, data[:n:n])
		data = data[n:]
	}
	return units
}
