package bot

import (
	"strings"
	"unicode"
)

// maxTextRunes is how much of a text is read: the longest body Twilio accepts
// for a Conversations message, in characters.
const maxTextRunes = 1600

// normalise reduces text to its words in lower case without accents, separated
// by single spaces. Apostrophes and invisible characters vanish (what's =
// whats); all other punctuation, symbols and broken UTF-8 separate words.
func normalise(text string) string {
	var b strings.Builder
	read, gap := 0, false
	for _, r := range text {
		if read++; read > maxTextRunes {
			break
		}
		switch r = narrow(r); {
		case r == '\'', r == '’', r == 'ʼ', unicode.In(r, unicode.Mn, unicode.Cf):
		case unicode.In(r, unicode.L, unicode.N, unicode.Mc):
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteString(plain(unicode.ToLower(r)))
		default:
			gap = true
		}
	}
	return b.String()
}

// narrow turns the full-width forms of ASCII (U+FF01 to U+FF5E), which East
// Asian keyboards type, into ASCII.
func narrow(r rune) rune {
	if r >= 0xFF01 && r <= 0xFF5E {
		return r - 0xFEE0
	}
	return r
}

// plain spells a lower-case Latin letter without its accent. It covers Latin-1,
// Latin Extended-A and the Romanian commas; other letters stay as they are.
func plain(r rune) string {
	switch r {
	case 'à', 'á', 'â', 'ã', 'ä', 'å', 'ā', 'ă', 'ą':
		return "a"
	case 'æ':
		return "ae"
	case 'ç', 'ć', 'ĉ', 'ċ', 'č':
		return "c"
	case 'ď', 'đ', 'ð':
		return "d"
	case 'è', 'é', 'ê', 'ë', 'ē', 'ĕ', 'ė', 'ę', 'ě':
		return "e"
	case 'ĝ', 'ğ', 'ġ', 'ģ':
		return "g"
	case 'ĥ', 'ħ':
		return "h"
	case 'ì', 'í', 'î', 'ï', 'ĩ', 'ī', 'ĭ', 'į', 'ı':
		return "i"
	case 'ĵ':
		return "j"
	case 'ķ':
		return "k"
	case 'ĺ', 'ļ', 'ľ', 'ŀ', 'ł':
		return "l"
	case 'ñ', 'ń', 'ņ', 'ň':
		return "n"
	case 'ò', 'ó', 'ô', 'õ', 'ö', 'ø', 'ō', 'ŏ', 'ő':
		return "o"
	case 'œ':
		return "oe"
	case 'ŕ', 'ŗ', 'ř':
		return "r"
	case 'ś', 'ŝ', 'ş', 'š', 'ș':
		return "s"
	case 'ß':
		return "ss"
	case 'ţ', 'ť', 'ŧ', 'ț':
		return "t"
	case 'þ':
		return "th"
	case 'ù', 'ú', 'û', 'ü', 'ũ', 'ū', 'ŭ', 'ů', 'ű', 'ų':
		return "u"
	case 'ŵ':
		return "w"
	case 'ý', 'ÿ', 'ŷ':
		return "y"
	case 'ź', 'ż', 'ž':
		return "z"
	}
	return string(r)
}
