package chat

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func TestParsePhoneSameNumber(t *testing.T) {
	t.Parallel()
	const want = Phone("+14155552671")
	tests := map[string]struct{ typed, region string }{
		"E.164":              {"+14155552671", ""},
		"national":           {"(415) 555-2671", "US"},
		"with trunk 1":       {"1-415-555-2671", "US"},
		"dots":               {"415.555.2671", "US"},
		"spaces around":      {"  +1 415 555 2671\t", "US"},
		"from abroad":        {"00 1 415 555 2671", "DE"},
		"full width":         {"＋１４１５５５５２６７１", ""},
		"full width, spaced": {"（４１５）　５５５－２６７１", "US"},
		"Arabic-Indic":       {"+١٤١٥٥٥٥٢٦٧١", ""},
		"Persian":            {"+۱۴۱۵۵۵۵۲۶۷۱", ""},
		"bidi marks":         {"\u202a+1 415-555-2671\u202c", ""},
		"isolates":           {"\u2066+1\u2069 415 555 2671\u200e", ""},
		"zero width":         {"+1\u200b415\u200d555\ufeff2671", ""},
		"soft hyphens":       {"+1\u00ad415\u00ad555\u00ad2671", ""},
		"no-break spaces":    {"+1\u00a0415\u00a0555\u00a02671", ""},
		"en dashes":          {"415–555–2671", "US"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParsePhone(tt.typed, tt.region)
			if err != nil || got != want {
				t.Errorf("got %q, %v, want %q", string(got), err, string(want))
			}
		})
	}
}

func TestParsePhoneRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ typed, region string }{
		"nothing":              {"", "US"},
		"spaces":               {"   ", "US"},
		"words":                {"call me", "US"},
		"emergency":            {"911", "US"},
		"emergency in Europe":  {"112", "DE"},
		"short code":           {"12345", "US"},
		"too short":            {"415555", "US"},
		"too long":             {"+14155552671234567", ""},
		"16 digits":            {"+4920100000000000", ""},
		"no such area code":    {"+11235552671", ""},
		"national, no region":  {"(415) 555-2671", ""},
		"extension":            {"+1 415 555 2671 ext. 5", ""},
		"extension by x":       {"415-555-2671x5", "US"},
		"RFC 3966 parameter":   {"+14155552671;ext=5", ""},
		"RFC 3966 context":     {"555-2671;phone-context=+1415", "US"},
		"two numbers":          {"+14155552671 +14155552672", ""},
		"longer than a number": {strings.Repeat("4", 65), "US"},
		"padded without end":   {"+1" + strings.Repeat(" ", 1<<20) + "4155552671", ""},
		"plus within":          {"1+4155552671", "US"},
		"NUL":                  {"\x00", "US"},
		"not UTF-8":            {"\xff\xfe", "US"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := ParsePhone(tt.typed, tt.region); !errors.Is(err, ErrInvalidPhone) || got != "" {
				t.Errorf("got %q, %v, want ErrInvalidPhone", string(got), err)
			}
		})
	}
}

// Numbers of several lengths of country code, national number and trunk prefix.
var somePhones = []Phone{
	"+14155552671", "+442071838750", "+4930123456", "+33612345678", "+390612345678",
	"+5511987654321", "+61412345678", "+6591234567", "+35312345678", "+3546112345", "+79161234567",
}

func TestPhoneOf(t *testing.T) {
	t.Parallel()
	tests := map[string]Phone{
		"+14155552671": "+14155552671", "+4930123456": "+4930123456",
		"whatsapp:+14155552671": "", "Bob +14155552671": "", "4155552671": "", "bot": "", "": "",
	}
	for author, want := range tests {
		if got := PhoneOf(author); got != want {
			t.Errorf("%s is the number %q, want %q", author, string(got), string(want))
		}
	}
}

func TestMaskPhones(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"+14155552671": "+1 ••• 2671", "+4930123456": "+49 ••• 3456", "whatsapp:+14155552671": "whatsapp:+1 ••• 2671",
		"+1 ••• 2671": "+1 ••• 2671", "agent 4155552671": "agent 4155552671", "bot": "bot", "": "",
	}
	for name, want := range tests {
		if got := MaskPhones(name); got != want {
			t.Errorf("%s is shown as %q, want %q", name, got, want)
		}
	}
}

func TestMaskedShowsTheEndsOnly(t *testing.T) {
	t.Parallel()
	for _, p := range somePhones {
		masked := p.Masked()
		digits := regexp.MustCompile(`[^0-9]`).ReplaceAllString(masked, "")
		hidden := string(p[len(p)-6 : len(p)-4])
		if !strings.HasPrefix(string(p), "+"+digits[:len(digits)-4]) || !strings.HasSuffix(string(p), digits[len(digits)-4:]) {
			t.Errorf("%s is not of the number ending in %s", masked, p[len(p)-2:])
		}
		if len(digits) > 3+4 || strings.Contains(masked, hidden+string(p[len(p)-4:])) {
			t.Errorf("%s shows digits in between", masked)
		}
	}
	for _, p := range []Phone{"", "+", "+1", "4155552671", "whatsapp:+14155552671"} {
		if strings.Contains(p.Masked(), "415") {
			t.Errorf("%s shows digits in between", p.Masked())
		}
	}
}

func TestPhoneHidesItselfInLogs(t *testing.T) {
	t.Parallel()
	for _, p := range somePhones {
		var text, object bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("called", "phone", p)
		slog.New(slog.NewJSONHandler(&object, nil)).Info("called", slog.Group("a", slog.Any("phone", p)))
		for _, line := range []string{text.String(), object.String()} {
			if strings.Contains(line, string(p[len(p)-4:])) {
				t.Errorf("it logs %s", line)
			}
		}
	}
}

func TestRegion(t *testing.T) {
	t.Parallel()
	tests := map[Phone]string{
		"+14155552671": "US", "+14165550123": "CA", "+442071838750": "GB", "+4930123456": "DE", "": "", "+": "", "12345": "",
	}
	for p, want := range tests {
		if got := p.Region(); got != want {
			t.Errorf("region of the number ending in %s: %q, want %q", string(p[max(0, len(p)-2):]), got, want)
		}
	}
}

// FuzzParsePhone holds ParsePhone to its laws: what it returns is E.164, parses
// to itself whatever the region, and is found again in other spellings.
func FuzzParsePhone(f *testing.F) {
	for _, p := range somePhones {
		f.Add(string(p), "")
	}
	f.Add("(415) 555-2671", "US")
	f.Add("0044 20 7183 8750", "DE")
	f.Add("tel:+1-415-555-2671", "")
	f.Add("+٩٩٩", "ZZ")
	f.Fuzz(func(t *testing.T, typed, region string) {
		p, err := ParsePhone(typed, region)
		if err != nil {
			if !errors.Is(err, ErrInvalidPhone) || p != "" {
				t.Errorf("%q: got %q, %v", typed, string(p), err)
			}
			return
		}
		if !e164.MatchString(string(p)) {
			t.Fatalf("%q became %q, which is not E.164", typed, string(p))
		}
		wide := strings.Map(func(r rune) rune {
			if '0' <= r && r <= '9' {
				return r - '0' + '０'
			}
			return r
		}, string(p))
		spaced := strings.Join(strings.Split(string(p), ""), "\u200b")
		for _, again := range []string{string(p), wide, spaced, fmt.Sprintf("\u202a%s\u202c", p[:])} {
			for _, region := range []string{"", "US", "DE"} {
				if got, err := ParsePhone(again, region); err != nil || got != p {
					t.Errorf("%q in %q became %q, %v, want %q", again, region, string(got), err, string(p))
				}
			}
		}
		if strings.Contains(p.Masked(), string(p[len(p)-5:])) {
			t.Errorf("%s shows five digits", p.Masked())
		}
	})
}
