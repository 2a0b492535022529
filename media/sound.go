package media

// Sound is the media type of a voice note that browsers play, or "" when the
// bytes are no sound of a known kind.
func Sound(b []byte) string {
	for _, k := range []struct{ magic, kind string }{
		{"\x1a\x45\xdf\xa3", "audio/webm"},
		{"OggS", "audio/ogg"},
		{"????ftyp", "audio/mp4"},
		{"ID3", "audio/mpeg"},
		{"\xff\xfb", "audio/mpeg"},
		{"\xff\xf3", "audio/mpeg"},
		{"\xff\xf1", "audio/aac"},
		{"RIFF????WAVE", "audio/wav"},
		{"fLaC", "audio/flac"},
	} {
		if begins(b, k.magic) {
			return k.kind
		}
	}
	return ""
}
