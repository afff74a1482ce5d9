package templates

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// funcs are all the functions the files may call: times and phones.
func funcs() template.FuncMap {
	return template.FuncMap{
		"ago":      ago,
		"clock":    clock,
		"datetime": datetime,
		"day":      day,
		"phone":    formatPhone,
		"utc":      utc,
	}
}

// Phone is a person's number on an admin page. It prints masked unless
// Revealed is set, which belongs only in the answer to a logged request for it.
type Phone struct {
	E164     string
	Revealed bool
}

// String is the number for a reader: grouped when revealed, else the country
// code's place and last digits only.
func (p Phone) String() string {
	if p.Revealed {
		return formatPhone(p.E164)
	}
	return maskPhone(p.E164)
}

// maskPhone keeps the last four digits, or two of a number too short for that
// to hide anything.
func maskPhone(e164 string) string {
	digits := strings.TrimPrefix(e164, "+")
	switch {
	case len(digits) >= 8:
		return "••• ••• " + digits[len(digits)-4:]
	case len(digits) >= 4:
		return "••• ••" + digits[len(digits)-2:]
	case digits == "":
		return ""
	default:
		return "•••"
	}
}

// formatPhone groups a North American number as +1 (201) 555-0123; any other
// string is returned as it is.
func formatPhone(e164 string) string {
	if len(e164) != len("+12015550123") || !strings.HasPrefix(e164, "+1") || strings.Trim(e164[2:], "0123456789") != "" {
		return e164
	}
	return fmt.Sprintf("+1 (%s) %s-%s", e164[2:5], e164[5:8], e164[8:])
}

// datetime is the machine-readable value of a time element.
func datetime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// utc is a date and time for a reader, to the minute.
func utc(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// clock is the time of day for a reader.
func clock(t time.Time) string { return t.UTC().Format("15:04 UTC") }

// day is the date for a reader.
func day(t time.Time) string { return t.UTC().Format("Monday, 2 January 2006") }

// ago says how long before now t was. Times at or after now read "just now";
// beyond 30 days it gives the date.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return count(int(d.Minutes()), "minute") + " ago"
	case d < 24*time.Hour:
		return count(int(d.Hours()), "hour") + " ago"
	case d < 30*24*time.Hour:
		return count(int(d.Hours()/24), "day") + " ago"
	default:
		return t.UTC().Format("2 Jan 2006")
	}
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
