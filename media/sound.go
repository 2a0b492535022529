package media

import "slices"

// picture reports whether what begins like MP4 is a photo (HEIF, AVIF), with
// all that a camera writes into one. ISO/IEC 23008-12, 10.
func picture(b []byte) bool {
	return len(b) >= 12 && slices.Contains([]string{"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"}, string(b[8:12]))
}

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
			if k.kind == "audio/mp4" && picture(b) {
				return ""
			}
			return k.kind
		}
	}
	return ""
}
