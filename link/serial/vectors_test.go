package serial

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// TestVectors holds the frames to spec/vectors/serial.json. With
// JAUAP_WRITE_VECTORS it writes them.
func TestVectors(t *testing.T) {
	unit := make([]byte, 400)
	for i := range unit {
		unit[i] = byte(i * 7)
	}
	h := &have{salt: 0x01020304, depth: 1, filter: make([]byte, 8)}
	ids := []ID{IDOf([]byte("a")), IDOf([]byte("b")), IDOf([]byte("c"))}
	cells := ""
	for _, id := range ids {
		cell, places := h.places(id)
		cells += string('0' + cell)
		for _, p := range places {
			h.filter[p/8] |= 1 << (p % 8)
		}
	}
	s := shapeFor(len(unit), 184)
	got := map[string]string{
		"unit":             hex.EncodeToString(unit),
		"whole_of_10":      hex.EncodeToString(whole(unit[:10])),
		"piece_1_of_3":     hex.EncodeToString(cut(unit, IDOf(unit), s, 1).frame()),
		"piece_5_of_3":     hex.EncodeToString(cut(unit, IDOf(unit), s, 5).frame()),
		"piece_127_of_3":   hex.EncodeToString(cut(unit, IDOf(unit), s, 127).frame()),
		"cells_of_abc":     cells,
		"filter_of_abc":    hex.EncodeToString(h.filter),
		"kiss_of_c0dbdcdd": hex.EncodeToString(appendKISS(nil, 0, []byte{0xc0, 0xdb, 0xdc, 0xdd})),
		"ax25_of_jauap":    hex.EncodeToString(wrap("UN7ABC-5", nil)),
	}
	const path = "../../spec/vectors/serial.json"
	if os.Getenv("JAUAP_WRITE_VECTORS") != "" {
		b, err := json.MarshalIndent(got, "", "  ")
		if err == nil {
			err = os.WriteFile(path, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Fatalf("%d vectors, want %d", len(got), len(want))
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %s, want %s", k, got[k], v)
		}
	}
}
