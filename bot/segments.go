package bot

import (
	"strings"
	"unicode/utf16"
)

// The SMS alphabet of 3GPP TS 23.038: one septet each, and two septets each
// for the extension. Sizes: 160 septets or 70 UTF-16 units fit one SMS; the
// header that joins several leaves 153 or 67 of each.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"

	gsmSingle, gsmJoined   = 160, 153
	ucs2Single, ucs2Joined = 70, 67
)

// Segments returns how many SMS segments text is sent and billed as; 0 for the
// empty text. wide is the first character outside the SMS alphabet, which makes
// the whole text UCS-2 with 70 (67) characters to a segment, or 0 if text is
// plain GSM-7 with 160 (153). A character is never split between segments.
func Segments(text string) (count int, wide rune) {
	for _, r := range text {
		if gsmWidth(r) == 0 {
			return pack(text, ucs2Width, ucs2Single, ucs2Joined), r
		}
	}
	return pack(text, gsmWidth, gsmSingle, gsmJoined), 0
}

// gsmWidth is the number of septets of r, 0 if r is outside the alphabet.
func gsmWidth(r rune) int {
	switch {
	case strings.ContainsRune(gsmBasic, r):
		return 1
	case strings.ContainsRune(gsmExtended, r):
		return 2
	default:
		return 0
	}
}

// ucs2Width is the number of 16-bit units of r. Ranging over a string yields
// no surrogates, so it is never negative.
func ucs2Width(r rune) int { return utf16.RuneLen(r) }

func pack(text string, width func(rune) int, single, joined int) int {
	if text == "" {
		return 0
	}
	total, count, left := 0, 1, joined
	for _, r := range text {
		w := width(r)
		total += w
		if w > left {
			count++
			left = joined
		}
		left -= w
	}
	if total <= single {
		return 1
	}
	return count
}
