package api

// Postage is what letters that go over strangers' phones are paid with.
type Postage struct {
	Tokens  int      `json:"tokens"` // each is good for one envelope; 0 while the profile is locked
	Issuers []Issuer `json:"issuers"`
}

// Issuer is a key of a relay whose postage counts on this device.
type Issuer struct {
	ID    string `json:"id"`    // as stamps name it, hexadecimal
	Relay string `json:"relay"` // the part of its address behind #
	Until string `json:"until"` // its last day, YYYY-MM-DD
}
