// Package sqlite keeps a vault in an encrypted SQLite file.
//
// # Purpose
//
// Vault is an account.Vault on disk. Beside the data file lies a small header
// with the parameters of the passphrase's key derivation; the pages of the
// data file are encrypted by the Adiantum file system of go-sqlite3, which
// hides them but does not notice changes, so every value is sealed once more
// with XChaCha20-Poly1305 under its table and key.
//
// # Invariants
//
//   - What Update acknowledged survives kill -9 and a power cut: WAL,
//     synchronous=FULL, and the folder is flushed when the log is made.
//   - A wrong passphrase is told from the header alone; the data is not touched.
//   - The passphrase under duress destroys the key before anything else happens;
//     from no crash does the first one open anything again. No other secret does
//     it, and neither the files nor the time of opening tell whether one is set.
//   - No value is returned that was not sealed for exactly its place.
//   - One process at a time: a second one is refused, because two copies of a
//     session would use a one-time key twice.
//   - A full disk fails one Update and loses nothing that was acknowledged.
//
// # Not here
//
// What the records mean (account, chat), backups, choosing a passphrase. An old
// copy of the whole folder put back by a thief is not noticed.
//
// # Read next
//
// account.Vault for the contract, spec/vault.md and header.go for the keys, vault.go
// for the file, duress.go for the second passphrase.
package sqlite
