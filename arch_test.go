package jauap

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/jauap/jauap/"

// room is one line of the import table.
type room struct {
	kind   byte     // C core, E edge, D door
	may    []string // rooms it may import; "*" is every room but those in never
	never  []string // rooms it may not reach even through others
	reason string   // what the ban protects
}

// house is the import table. A room that is not here fails the test.
var house = map[string]room{
	"identity":                {kind: 'C', may: []string{"words"}, reason: "keys know no address book and no disk"},
	"envelope":                {kind: 'C', never: []string{"seal", "identity"}, reason: "the wire format holds no plaintext, policy or clock"},
	"seal":                    {kind: 'C', may: []string{"identity", "envelope"}, reason: "sealing has no storage, links or options"},
	"seal/group":              {kind: 'C', may: []string{"seal", "envelope"}, reason: "sealing for many knows no roster and no person"},
	"roster":                  {kind: 'C', never: []string{"seal", "identity", "account"}, reason: "who belongs follows from signed entries alone, not from keys of letters or persons"},
	"group":                   {kind: 'C', may: []string{"account", "chat", "roster", "seal", "seal/group", "envelope"}, never: []string{"node", "link"}, reason: "a group's letters give no routing hints"},
	"store":                   {kind: 'C', may: []string{"envelope", "internal/durable"}, never: []string{"seal", "identity", "routing"}, reason: "the shelf does not decide who gets what"},
	"exchange":                {kind: 'C', may: []string{"envelope"}, never: []string{"seal", "identity"}, reason: "two shelves even out without sockets or keys"},
	"sticks":                  {kind: 'E', may: []string{"link/folder", "mounts"}, never: []string{"seal", "identity", "account"}, reason: "when to visit a stick depends on no letter"},
	"mounts":                  {kind: 'E', reason: "what is plugged in says nothing of letters"},
	"link":                    {kind: 'C', never: []string{"envelope", "identity"}, reason: "a link knows no envelope and no person"},
	"link/linktest":           {kind: 'E', may: []string{"link"}, reason: "the suite knows only the contract"},
	"link/pace":               {kind: 'C', reason: "how fast to send depends on what the path shows, and on nothing that is sent"},
	"link/early":              {kind: 'E', reason: "what may arrive when depends on no carrier"},
	"link/lan":                {kind: 'E', may: []string{"link", "link/early", "link/pace"}, reason: "carriers do not know each other"},
	"link/folder":             {kind: 'E', may: []string{"link", "link/fountain", "internal/durable"}, reason: "carriers do not know each other"},
	"link/fountain":           {kind: 'C', reason: "blocks and packets are the same on every carrier"},
	"link/qr":                 {kind: 'E', may: []string{"link", "link/fountain", "internal/qrcode"}, reason: "carriers do not know each other"},
	"link/serial":             {kind: 'E', may: []string{"link"}, reason: "carriers do not know each other"},
	"link/broadcast":          {kind: 'E', may: []string{"link", "link/fountain"}, reason: "carriers do not know each other"},
	"link/bundle":             {kind: 'C', reason: "a bundle is bytes: no line, no clock, no envelope"},
	"link/tor":                {kind: 'E', reason: "a program of the system knows nothing of what goes through it"},
	"link/bp":                 {kind: 'E', may: []string{"link", "link/bundle"}, reason: "carriers do not know each other"},
	"link/relay":              {kind: 'E', may: []string{"link", "link/early", "link/pace", "relay", "relay/udp"}, never: []string{"seal", "identity"}, reason: "a courier cannot read what it carries"},
	"relay/udp":               {kind: 'E', may: []string{"link/pace", "relay"}, never: []string{"seal", "identity"}, reason: "a relay cannot read what it keeps"},
	"link/dns":                {kind: 'E', may: []string{"link", "link/dns/wire"}, never: []string{"seal", "identity"}, reason: "a courier cannot read what it carries"},
	"link/dns/wire":           {kind: 'C', reason: "what is said in names knows no unit, no socket and no clock"},
	"relay/dns":               {kind: 'E', may: []string{"envelope", "relay", "link/dns/wire"}, never: []string{"seal", "identity"}, reason: "a relay cannot read what it keeps"},
	"link/race":               {kind: 'E', may: []string{"link", "relay", "link/relay"}, never: []string{"seal", "identity"}, reason: "who chooses a way cannot read what goes over it"},
	"finds":                   {kind: 'C', may: []string{"account", "seal", "envelope"}, never: []string{"node", "link"}, reason: "what is remembered of ways tries none"},
	"postage":                 {kind: 'C', may: []string{"envelope"}, never: []string{"seal", "identity", "account", "node"}, reason: "a token is bought without a letter and without a name"},
	"postage/purse":           {kind: 'C', may: []string{"account", "envelope", "postage"}, never: []string{"node", "link"}, reason: "who pays does not know the way"},
	"routing":                 {kind: 'C', may: []string{"envelope"}, never: []string{"store", "link"}, reason: "routing is pure functions of facts"},
	"node":                    {kind: 'C', may: []string{"envelope", "exchange", "routing", "link", "store"}, never: []string{"seal", "identity", "account"}, reason: "a courier cannot read what it carries"},
	"slots":                   {kind: 'C', never: []string{"account", "seal", "identity"}, reason: "recognising is arithmetic with keys that the caller brings"},
	"words":                   {kind: 'C', reason: "a word list means nothing"},
	"scan":                    {kind: 'C', may: []string{"internal/qrcode", "internal/shrink"}, reason: "reading a picture needs no keys"},
	"pairing":                 {kind: 'C', may: []string{"account", "identity", "seal", "envelope", "words"}, never: []string{"node", "link", "store"}, reason: "who trusts whom does not know the way a card goes"},
	"account":                 {kind: 'C', may: []string{"identity", "seal", "envelope", "internal/durable"}, never: []string{"link", "node"}, reason: "a person's keys do not know the way a letter goes"},
	"account/sqlite":          {kind: 'E', may: []string{"account"}, never: []string{"link", "node"}, reason: "a vault keeps bytes and knows no letter"},
	"chat":                    {kind: 'C', may: []string{"account", "identity", "seal", "envelope"}, never: []string{"node", "link"}, reason: "conversations give no routing hints"},
	"bulletin":                {kind: 'C', may: []string{"account", "envelope", "seal"}, never: []string{"chat", "node", "link"}, reason: "public notices read no private letter; that one was seen rides with one"},
	"media":                   {kind: 'C', may: []string{"internal/shrink"}, never: []string{"account", "seal", "identity"}, reason: "pictures are bytes to bytes: no file, no letter, no person"},
	"bulletin/evidence":       {kind: 'C', may: []string{"bulletin/evidence/stamp"}, never: []string{"account", "chat", "node", "link"}, reason: "a stranger checks a package without an account, and no private letter is at hand"},
	"bulletin/evidence/stamp": {kind: 'C', reason: "what a witness signed is judged without a socket"},
	"bulletin/evidence/ask":   {kind: 'E', may: []string{"bulletin/evidence/stamp"}, reason: "what goes to a witness is a root, and no report is at hand"},
	"desk":                    {kind: 'C', may: []string{"account", "bulletin/evidence"}, never: []string{"node", "link", "chat", "inbox"}, reason: "what a desk judges are packages and claims, not letters"},
	"desk/paper":              {kind: 'E', may: []string{"desk"}, never: []string{"node", "link", "chat"}, reason: "paper shows what it is given"},
	"inbox":                   {kind: 'C', may: []string{"account", "envelope", "seal"}, never: []string{"node", "link", "chat"}, reason: "a letter to a desk names no person and reads no private letter"},
	"inquiry":                 {kind: 'C', may: []string{"account", "identity", "seal"}, never: []string{"node", "link", "chat"}, reason: "a slip knows people and no way"},
	"note":                    {kind: 'C', reason: "a note is words and a key that the caller brings"},
	"status":                  {kind: 'C', may: []string{"account", "identity", "seal", "envelope", "note"}, never: []string{"node", "link", "chat"}, reason: "words about people give no routing hints and need no letters"},
	"relay":                   {kind: 'E', may: []string{"envelope", "exchange", "store", "link", "postage"}, never: []string{"seal", "identity", "account"}, reason: "a relay cannot read what it keeps"},
	"relay/boxtest":           {kind: 'E', may: []string{"relay", "envelope"}, never: []string{"seal", "identity"}, reason: "the suite knows only the contract"},
	"relay/embedded":          {kind: 'E', may: []string{"relay", "envelope", "store", "internal/durable"}, never: []string{"seal", "identity"}, reason: "a relay cannot read what it keeps"},
	"observe":                 {kind: 'C', reason: "judging tells nobody"},
	"observe/probe":           {kind: 'E', may: []string{"observe"}, reason: "looking at this device sends nothing"},
	"config":                  {kind: 'C', reason: "settings are values without behaviour"},
	"web":                     {kind: 'E', may: []string{"web/api"}, reason: "the page can do nothing that the command line cannot"},
	"web/api":                 {kind: 'E', reason: "the door knows no rooms, only its contract"},
	"web/api/apitest":         {kind: 'E', may: []string{"web/api"}, reason: "a door's stand-in knows only the contract"},
	"clock":                   {kind: 'C', may: []string{"account", "envelope", "seal"}, reason: "judging a clock reads none and keeps no file"},
	"sim/town":                {kind: 'D', may: []string{"account", "chat", "clock", "envelope", "exchange", "link", "node", "routing", "seal", "store", "internal/durable"}, never: []string{"daemon"}, reason: "a town runs the real rooms and no second ones; sockets and files stay outside"},
	"sim":                     {kind: 'D', may: []string{"envelope", "node", "routing", "store", "link", "exchange", "internal/durable"}, never: []string{"seal"}, reason: "the simulator runs the real node and no second one"},
	"lock":                    {kind: 'D', may: []string{"config", "daemon", "daemon/cause", "web", "web/api"}, reason: "when a profile is open does not know what is in it"},
	"daemon/cause":            {kind: 'D', may: []string{"*"}, never: []string{"daemon", "web", "node"}, reason: "what went wrong is named in one table, beside no wiring"},
	"daemon":                  {kind: 'D', may: []string{"*"}, never: []string{"sim", "sim/town"}, reason: "assembly"},
	"demo":                    {kind: 'D', may: []string{"config", "daemon", "daemon/cause", "web", "web/api"}, reason: "the demo plays nothing: it starts what a person would start"},
	"bench":                   {kind: 'D', may: []string{"config", "daemon", "envelope", "exchange", "identity", "seal", "store", "web/api", "internal/durable", "internal/netem"}, reason: "a benchmark runs the rooms and adds nothing"},
	"cmd/jauap":               {kind: 'D', may: []string{"*"}, reason: "the doors"},
	"internal/limits":         {kind: 'E', reason: "what bytes may cost is the same for every decoder"},
	"internal/qrcode":         {kind: 'C', reason: "what a code says is read out of points, whoever asks"},
	"internal/shrink":         {kind: 'C', reason: "points are weighed the same for every picture"},
	"internal/durable":        {kind: 'E', reason: "the disk under a contract"},
	"internal/netem":          {kind: 'E', reason: "a bad network knows nothing of what it carries"},
}

// worldly are packages through which a room would touch the machine.
var worldly = []string{"os", "net", "net/http", "os/exec", "syscall"}

// clocks are functions of package time that look at the world.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

type source struct {
	path string
	file *ast.File
}

// readRooms parses every non-test Go file, by room.
func readRooms(t *testing.T) map[string][]source {
	t.Helper()
	rooms := map[string][]source{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "interop") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		rooms[dir] = append(rooms[dir], source{path, f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(rooms, ".")
	return rooms
}

func imports(s source) []string {
	var list []string
	for _, i := range s.file.Imports {
		list = append(list, strings.Trim(i.Path.Value, `"`))
	}
	return list
}

// TestWalls holds every room to its line of the table.
func TestWalls(t *testing.T) {
	rooms := readRooms(t)
	direct := map[string][]string{}
	for name, files := range rooms {
		rule, known := house[name]
		if !known {
			t.Errorf("room %s is not in the import table: add it with a reason", name)
			continue
		}
		for _, f := range files {
			for _, imp := range imports(f) {
				if other, ours := strings.CutPrefix(imp, module); ours {
					direct[name] = append(direct[name], other)
					if !slices.Contains(rule.may, other) && !slices.Contains(rule.may, "*") {
						t.Errorf("%s imports %s: %s", f.path, other, rule.reason)
					}
				} else if rule.kind == 'C' && slices.Contains(worldly, imp) {
					t.Errorf("%s imports %s: a core room does not touch the machine", f.path, imp)
				}
			}
		}
	}
	for name := range house {
		if rooms[name] == nil {
			t.Errorf("room %s of the table has no files", name)
		}
		for _, banned := range house[name].never {
			if way := path(direct, name, banned, nil); way != nil {
				t.Errorf("%s reaches %s by way of %s: %s", name, banned, strings.Join(way, " -> "), house[name].reason)
			}
		}
	}
}

// path finds a chain of imports from one room to another.
func path(direct map[string][]string, from, to string, seen []string) []string {
	if slices.Contains(seen, from) {
		return nil
	}
	for _, next := range direct[from] {
		if next == to {
			return []string{from, to}
		}
		if way := path(direct, next, to, append(seen, from)); way != nil {
			return append([]string{from}, way...)
		}
	}
	return nil
}

// TestCoreHasNoClock finds core rooms that look at the world's time.
func TestCoreHasNoClock(t *testing.T) {
	for name, files := range readRooms(t) {
		if house[name].kind != 'C' {
			continue
		}
		for _, f := range files {
			ast.Inspect(f.file, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks, sel.Sel.Name) {
					t.Errorf("%s names time.%s: time comes to a core room as an argument", f.path, sel.Sel.Name)
				}
				return true
			})
		}
	}
}

// TestRoomsExplainThemselves asks for doc.go with its four headings.
func TestRoomsExplainThemselves(t *testing.T) {
	for name, files := range readRooms(t) {
		i := slices.IndexFunc(files, func(f source) bool { return filepath.Base(f.path) == "doc.go" })
		if i < 0 || files[i].file.Doc == nil {
			t.Errorf("%s has no doc.go", name)
			continue
		}
		for _, head := range []string{"# Purpose", "# Invariants", "# Not here", "# Read next"} {
			if !strings.Contains(files[i].file.Doc.Text(), head) {
				t.Errorf("%s: the heading %q is missing", files[i].path, head)
			}
		}
	}
}
