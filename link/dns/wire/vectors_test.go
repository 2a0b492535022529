package wire

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strconv"
	"testing"
)

var update = flag.Bool("update", false, "write spec/vectors/dns.json anew")

type vectors struct {
	Zone        Zone              `json:"zone"`
	RelaySecret string            `json:"relay_secret"` // all in hexadecimal
	KeyText     string            `json:"key"`
	Secret      string            `json:"client_secret"`
	SID         uint32            `json:"sid"`
	Ups         map[string]string `json:"names"`   // of the messages in TestVectors
	Down        string            `json:"down"`    // an answer's plaintext
	Sealed      string            `json:"sealed"`  // and itself
	Symbols     map[string]string `json:"symbols"` // of the unit 00 01 02 …, 222 bytes
	Codes       map[string]Code   `json:"codes"`   // of the first block of a unit of so many bytes
}

func (v vectors) fill(t *testing.T) vectors {
	t.Helper()
	bytesOf := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	server, err := NewServer([32]byte(bytesOf(v.RelaySecret)))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := ecdh.X25519().NewPrivateKey(bytesOf(v.Secret))
	if err != nil {
		t.Fatal(err)
	}
	s, err := clientOf(server.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	v.KeyText, v.SID = server.Public().String(), s.SID
	unit := make([]byte, 222)
	for i := range unit {
		unit[i] = byte(i)
	}
	list, err := Cut(unit)
	if err != nil {
		t.Fatal(err)
	}
	double := make([]byte, 2048)
	for i := range double {
		double[i] = byte(i / 256)
	}
	blocks, err := Cut(double)
	if err != nil {
		t.Fatal(err)
	}
	v.Codes = map[string]Code{}
	for _, size := range []int{96, 160, 222, 1024, 2048, 4096, 16384} {
		v.Codes[strconv.Itoa(size)], _ = CodeOf(size)
	}
	v.Symbols = map[string]string{}
	for name, i := range map[string]uint8{"13": 13, "14": 14, "255": 255} {
		v.Symbols[name] = hex.EncodeToString(list[0].Append(nil, i))
	}
	put := Up{Count: 1, Kind: Put, Code: size222, Slot: 1, Pieces: []Piece{{14, [Symbol]byte(list[0].Append(nil, 14))}}}
	second := Up{Count: 5, Kind: Put, Code: size2048 + 1, Slot: 2, Pieces: []Piece{{70, [Symbol]byte(blocks[1].Append(nil, 70))}}}
	v.Ups = map[string]string{
		"count 5, put slot 2 second block of 2,048 bytes (byte i is i/256), symbol 70": v.Zone.Name(s.SealUp(second.Bytes())),
		"greeting 0, random 0101010101010101":                                          v.Zone.Name(s.greeting(0, bytes.Repeat([]byte{1}, tagSize))),
		"greeting 1, random 0202020202020202":                                          v.Zone.Name(s.greeting(1, bytes.Repeat([]byte{2}, tagSize))),
		"count 1, put slot 1 symbol 14":                                                v.Zone.Name(s.SealUp(put.Bytes())),
		"count 2, have slot 1 id 00…0f":                                                v.Zone.Name(s.SealUp(Up{Count: 2, Kind: Have, Code: size222, Slot: 1, ID: [16]byte(unit)}.Bytes())),
		"count 3, open gen 1 from epoch 7 mark 9, small, shards 0 and 5":               v.Zone.Name(s.SealUp(Up{Count: 3, Kind: Open, Code: size222, Gen: 1, Epoch: 7, Mark: 9, Shards: []uint8{0, 5}}.Bytes())),
		"count 4, ask gen 1 room 1112 cookie 0x1234 base 3 came 5":                     v.Zone.Name(s.SealUp(Up{Count: 4, Kind: Ask, Gen: 1, Room: 1112, Cookie: 0x1234, Base: 3, Came: 5}.Bytes())),
	}
	down := Down{Count: 4, Flags: FlagFull, Slot: 1, Have: 2, Newest: 1, States: [States]State{Held}, Gen: 1, Epoch: 7, Mark: 9, Cookie: 0x1234,
		Runs: []Run{{No: 3, Code: size222, First: 14, Symbols: list[0].Append(nil, 14)}}}.Bytes()
	v.Down, v.Sealed = hex.EncodeToString(down), hex.EncodeToString(s.SealDown(down))
	return v
}

func TestVectors(t *testing.T) {
	const path = "../../../spec/vectors/dns.json"
	if *update {
		a, b := sha256.Sum256([]byte("relay")), sha256.Sum256([]byte("client"))
		v := vectors{Zone: "t.example", RelaySecret: hex.EncodeToString(a[:]), Secret: hex.EncodeToString(b[:])}.fill(t)
		out, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(v)
	got, _ := json.Marshal(v.fill(t))
	if !bytes.Equal(want, got) {
		t.Errorf("\nwant %s\n got %s", want, got)
	}
}
