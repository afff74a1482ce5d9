package chat

import (
	"fmt"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// QuietHours are a daily span in the recipient's local time in which texts
// wait, such as 21:00 to 08:00 (the hours of the TCPA, 47 CFR 64.1200(c)(1)).
// The zero value never waits.
type QuietHours struct {
	From, To time.Duration // since local midnight; From may be after To
}

// ParseQuietHours reads "21:00-08:00"; "off" and "" give the zero value.
func ParseQuietHours(s string) (QuietHours, error) {
	if s == "" || s == "off" {
		return QuietHours{}, nil
	}
	var fh, fm, th, tm int
	if n, err := fmt.Sscanf(s, "%d:%d-%d:%d", &fh, &fm, &th, &tm); n != 4 || err != nil ||
		fh < 0 || fh > 23 || th < 0 || th > 23 || fm < 0 || fm > 59 || tm < 0 || tm > 59 {
		return QuietHours{}, fmt.Errorf("quiet hours %q: want a span such as 21:00-08:00, or off", s)
	}
	return QuietHours{From: clock(fh, fm), To: clock(th, tm)}, nil
}

func clock(h, m int) time.Duration {
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
}

// Until is the end of the quiet hours that now lies in at the phone's owner,
// zero when it is not quiet there. An area code is not a place: when the
// number may be in several zones, it is quiet while it is in any of them.
func (q QuietHours) Until(p Phone, now time.Time) time.Time {
	if q.From == q.To {
		return time.Time{}
	}
	var until time.Time
	for _, zone := range zones(p) {
		if end := q.end(now.In(zone)); end.After(until) {
			until = end
		}
	}
	return until
}

// end is when the quiet hours around local end, zero outside them.
func (q QuietHours) end(local time.Time) time.Time {
	y, m, d := local.Date()
	at := func(day int, of time.Duration) time.Time {
		return time.Date(y, m, d+day, int(of/time.Hour), int(of%time.Hour/time.Minute), 0, 0, local.Location())
	}
	for _, day := range []int{-1, 0} {
		from, to := at(day, q.From), at(day, q.To)
		if q.To <= q.From {
			to = at(day+1, q.To)
		}
		if !local.Before(from) && local.Before(to) {
			return to
		}
	}
	return time.Time{}
}

// zones are where the phone's owner may be; UTC when nothing is known.
func zones(p Phone) []*time.Location {
	found := []*time.Location{}
	if n, err := phonenumbers.Parse(string(p), ""); err == nil {
		names, err := phonenumbers.GetTimezonesForNumber(n)
		for _, name := range names {
			if zone, zerr := time.LoadLocation(name); err == nil && zerr == nil {
				found = append(found, zone)
			}
		}
	}
	if len(found) == 0 {
		return []*time.Location{time.UTC}
	}
	return found
}
