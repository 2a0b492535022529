// Package note is a status as a line for SMS or paper: words that anybody can
// read and a short code that the reader's Jauap checks.
//
// # Purpose
//
// Compose writes "I am safe @Almaty. All at home. #PAPVB0-RK2XQ9-8DN4TC", in
// one SMS; Read takes it apart again however it was typed, and Check tells
// whether a key made it. spec/status.md, 4
//
// # Invariants
//
//   - A note fits one SMS: 160 characters of the GSM alphabet, else 70.
//   - A wrong character is told from a false code: the first can be mended.
//   - The code alone says the kind, the number and who; altered words are told.
//   - Nothing that was pasted is trusted before Check said yes.
//
// # Not here
//
// Keys and people (account), what is kept (status), the page (web).
//
// # Read next
//
// code.go, then text.go.
package note
