package stamp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// foreignProof reads our proof with the Python library of OpenTimestamps, makes
// one of its own, and tells both.
const foreignProof = `
import sys, io, json
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp
from opentimestamps.core.serialize import BytesDeserializationContext, BytesSerializationContext
from opentimestamps.core.notary import PendingAttestation, BitcoinBlockHeaderAttestation
from opentimestamps.core.op import OpSHA256, OpSHA1, OpAppend, OpPrepend, OpReverse, OpHexlify
def write(d):
    c = BytesSerializationContext(); d.serialize(c); return c.getbytes()
d = DetachedTimestampFile.deserialize(BytesDeserializationContext(bytes.fromhex(sys.stdin.read().strip())))
told = [[type(a).__name__, m.hex(), getattr(a, 'uri', ''), getattr(a, 'height', 0)] for m, a in d.timestamp.all_attestations()]
t = Timestamp(d.file_digest)
a = t.ops.add(OpAppend(b'salt')).ops.add(OpSHA256())
a.attestations.add(PendingAttestation('https://calendar.example'))
b = a.ops.add(OpPrepend(b'left')).ops.add(OpSHA1()).ops.add(OpReverse()).ops.add(OpHexlify()).ops.add(OpSHA256())
b.attestations.add(BitcoinBlockHeaderAttestation(812345))
c = a.ops.add(OpAppend(bytes(300))).ops.add(OpSHA256()).ops.add(OpSHA256())
c.attestations.add(BitcoinBlockHeaderAttestation(127))
print(json.dumps({'digest': d.file_digest.hex(), 'told': told, 'proof': write(DetachedTimestampFile(OpSHA256(), t)).hex(), 'merkle': {'812345': b.msg[::-1].hex(), '127': c.msg[::-1].hex()}}))
`

// TestForeignProof: the library of OpenTimestamps' makers reads what this room
// writes, and this room what that library writes.
func TestForeignProof(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import opentimestamps").Run(); err != nil {
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatal("JAUAP_TEST=all, and there is no library of OpenTimestamps: install python3-opentimestamps")
		}
		t.Skip("no python3-opentimestamps: no other program reads our proofs (JAUAP_TEST=all makes this a failure)")
	}
	root := sha256.Sum256([]byte("a report"))
	p, send := NewProof(root, [16]byte{1, 2, 3})
	for _, c := range []string{"https://one.example", "https://two.example"} {
		if err := p.Promise(promise(c)); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := p.Upgrade(p.Waiting()[0], block(358391)); !done || err != nil {
		t.Fatal(done, err)
	}
	c := exec.Command(python, "-c", foreignProof)
	c.Stdin = bytes.NewReader([]byte(hex.EncodeToString(p.Bytes())))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Digest string
		Told   [][4]any
		Proof  string
		Merkle map[uint64]string
	}
	if err := json.Unmarshal(out, &told); err != nil || told.Digest != hex.EncodeToString(root[:]) || len(told.Told) != 2 {
		t.Fatalf("%s %v", out, err)
	}
	for _, a := range told.Told {
		switch a[0] {
		case "PendingAttestation":
			if a[2] != "https://two.example" {
				t.Errorf("%v", a)
			}
		case "BitcoinBlockHeaderAttestation":
			m, _ := hex.DecodeString(a[1].(string))
			if a[3] != 358391.0 || hex.EncodeToString(reversed(m)) != merkle(send, "https://one.example") {
				t.Errorf("%v", a)
			}
		default:
			t.Errorf("%v", a)
		}
	}
	theirs, err := hex.DecodeString(told.Proof)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ReadProof(theirs, root)
	if err != nil {
		t.Fatal(err)
	}
	if b := q.Blocks(); len(b) != 2 || told.Merkle[b[0].Height] != b[0].Merkle || told.Merkle[b[1].Height] != b[1].Merkle || len(q.Waiting()) != 1 {
		t.Errorf("%+v, want %v", b, told.Merkle)
	}
}

func reversed(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := range b {
		out = append(out, b[len(b)-1-i])
	}
	return out
}
