// Package folder is the link that a stick, a card or any folder makes.
//
// # Purpose
//
// A Folder leaves units in packs, plain files that somebody carries, and finds
// them in another place later. The bytes are specified in spec/folder.md.
//
// # Invariants
//
//   - Nothing outside the folder is touched, whatever links lie in it: all
//     access goes through an os.Root.
//   - A pack is whole or it is a temporary file; what an earlier Leave wrote
//     survives whatever happens to a later one.
//   - Foreign files are never changed or removed, and no more than 32 bytes of
//     them are read, unless name and size are those of a file of ours that is
//     missing. Only regular files are opened.
//   - A tenth of the files or of the sectors may be lost: spare files bring all
//     units back. What they bring is checked by hashes.
//   - Nothing on the stick can make a walk endless: entries, bytes, depth and
//     notes are limited.
//
// # Not here
//
// What units mean, which to carry, and in what order (node); when to look
// for a stick (daemon).
//
// # Read next
//
// spec/folder.md, then pack.go, plan.go and mend.go.
package folder
