package chat

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// Phone is a phone number in E.164, such as +14155552671. The zero value means
// none. It never prints itself in a log: there it shows its last two digits.
type Phone string

// ErrInvalidPhone: what was typed is not a phone number that exists.
var ErrInvalidPhone = errors.New("not a valid phone number")

// longestTyped bounds what ParsePhone looks at; E.164 has 15 digits, the rest
// is room for spaces, brackets and an extension typed by mistake.
const longestTyped = 64

// longestE164 is a plus sign and 15 digits (ITU-T E.164, 6.2.1).
const longestE164 = 16

// ParsePhone reads a number in any spelling a person may type, national
// numbers by region (ISO 3166 two-letter code, such as "US"; "" accepts only
// numbers with a plus sign). It returns ErrInvalidPhone for anything that is
// not a number in use in its country's numbering plan, short and emergency
// codes included. Parsing its result again gives the same Phone.
func ParsePhone(typed, region string) (Phone, error) {
	typed = strings.TrimSpace(strings.Map(dropInvisible, typed))
	if len(typed) > longestTyped || strings.ContainsAny(typed, ";=") { // RFC 3966 parameters
		return "", ErrInvalidPhone
	}
	n, err := phonenumbers.Parse(typed, region)
	if err != nil || !phonenumbers.IsValidNumber(n) || n.GetExtension() != "" {
		return "", ErrInvalidPhone
	}
	p := Phone(phonenumbers.Format(n, phonenumbers.E164))
	if len(p) > longestE164 { // some numbering plans leave room for more
		return "", ErrInvalidPhone
	}
	return p, nil
}

// dropInvisible removes what pasted numbers carry along: zero-width and
// bidirectional format characters, which no eye can see.
func dropInvisible(r rune) rune {
	if unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// Region is the two-letter country or territory code of the number, "" when
// none is known. It can be surprising: a British mobile number may be GG.
func (p Phone) Region() string {
	n, err := phonenumbers.Parse(string(p), "")
	if err != nil {
		return ""
	}
	return phonenumbers.GetRegionCodeForNumber(n)
}

// Masked shows which number it is without saying it: country code and last
// four digits, +1 ••• 2671.
func (p Phone) Masked() string {
	n, err := phonenumbers.Parse(string(p), "")
	if err != nil || len(p) < 8 {
		return "••••"
	}
	code := string(p[:1+len(countryCode(n))])
	return code + " ••• " + string(p[len(p)-4:])
}

// twilioNumber is a number as Twilio writes it.
var twilioNumber = regexp.MustCompile(`\+[1-9][0-9]{6,14}`)

// PhoneOf is the number that an author at Twilio is, "" for one with another name.
func PhoneOf(author string) Phone {
	if twilioNumber.FindString(author) != author {
		return ""
	}
	return Phone(author)
}

// MaskPhones masks the numbers in a name that Twilio has, such as an author's.
func MaskPhones(name string) string {
	return twilioNumber.ReplaceAllStringFunc(name, func(number string) string { return Phone(number).Masked() })
}

func countryCode(n *phonenumbers.PhoneNumber) string {
	national := phonenumbers.GetNationalSignificantNumber(n)
	full := strings.TrimPrefix(phonenumbers.Format(n, phonenumbers.E164), "+")
	return strings.TrimSuffix(full, national)
}

// LogValue prints the last two digits: enough to follow one person through a
// test's log, too little to call anyone.
func (p Phone) LogValue() slog.Value {
	if len(p) < 4 {
		return slog.StringValue("phone")
	}
	return slog.StringValue("…" + string(p[len(p)-2:]))
}
