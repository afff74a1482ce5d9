package twiliosim

import (
	"strings"
	"unicode/utf16"
)

// The GSM 03.38 alphabet: characters of one septet, and those of two.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtra = "\f^{}\\[~]|€"
)

// segments counts the SMS a text is cut into: 160 septets or 70 UCS-2 units in
// one, 153 or 67 in each of several. A single character outside the GSM
// alphabet makes the whole text UCS-2:
// https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
func segments(body string) int {
	length, alone, joined := 0, 160, 153
	for _, r := range body {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			length++
		case strings.ContainsRune(gsmExtra, r):
			length += 2
		default:
			length, alone, joined = len(utf16.Encode([]rune(body))), 70, 67
			return pieces(length, alone, joined)
		}
	}
	return pieces(length, alone, joined)
}

func pieces(length, alone, joined int) int {
	if length <= alone {
		return 1
	}
	return (length + joined - 1) / joined
}
