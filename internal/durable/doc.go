// Package durable is the small contract through which rooms keep bytes.
//
// # Purpose
//
// FS is one flat folder of files. OS keeps it on a real disk and means it when
// it says that something is on stable storage; Mem keeps it in memory and can
// show what a power cut, a full disk, a failing call or a bad block would leave
// behind. Around reads past blocks that the disk does not give.
//
// # Invariants
//
//   - Bytes survive a power cut after File.Sync returned nil, names after
//     FS.Sync returned nil; nothing else is promised.
//   - After File.Sync failed, what was written since the last Sync is lost for
//     good unless it is written again: a later Sync does not bring it back.
//   - A folder is used by one process: whoever opens the Lock second is told so.
//   - Names hold no separators, so nothing outside the folder can be reached.
//
// # Not here
//
// Formats, checksums, retry: those belong to the room that writes (store).
//
// # Read next
//
// store, which is built on this contract, and its tests for the uses of Mem.
package durable
