package twiliosim

import (
	"regexp"
	"strconv"
	"time"
)

// Shortest timers Twilio takes:
// https://www.twilio.com/docs/conversations-classic/states-timers
const (
	minInactiveTimer = time.Minute
	minClosedTimer   = 10 * time.Minute
)

var isoDuration = regexp.MustCompile(`^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)

// parseDuration reads the ISO 8601 durations that have a fixed length (weeks to
// seconds, not months). The empty string is 0: no timer.
func parseDuration(s string) (time.Duration, bool) {
	if s == "" {
		return 0, true
	}
	m := isoDuration.FindStringSubmatch(s)
	if m == nil || s[len(s)-1] == 'P' || s[len(s)-1] == 'T' {
		return 0, false
	}
	var d time.Duration
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.Atoi(m[i+1])
		if err != nil || n > 1e6 {
			return 0, false
		}
		d += time.Duration(n) * unit
	}
	return d, true
}

// setTimers reads Timers.Inactive and Timers.Closed. Which of the neighbouring
// codes Twilio gives for which of the two timers is assumed.
func (c *call) setTimers(to *Conversation) *apiError {
	for _, t := range []struct {
		name               string
		to                 *time.Duration
		min                time.Duration
		tooShort, badValue int
	}{
		{"Timers.Inactive", &to.InactiveAfter, minInactiveTimer, 50375, 50379},
		{"Timers.Closed", &to.ClosedAfter, minClosedTimer, 50376, 50380},
	} {
		v, sent := c.text(t.name)
		if !sent {
			continue
		}
		d, ok := parseDuration(v)
		if !ok {
			return refuse(t.badValue, "%s is not an ISO 8601 duration", t.name)
		}
		if d != 0 && d < t.min {
			return refuse(t.tooShort, "%s is below the minimum", t.name)
		}
		*t.to = d
	}
	return nil
}

// inactiveAt and closedAt are zero when no such timer runs.
func (c *Conversation) inactiveAt() time.Time {
	if c.State != stateActive || c.InactiveAfter == 0 {
		return time.Time{}
	}
	return c.LastActivity.Add(c.InactiveAfter)
}

func (c *Conversation) closedAt() time.Time {
	if c.State == stateClosed || c.ClosedAfter == 0 {
		return time.Time{}
	}
	return c.LastActivity.Add(c.ClosedAfter)
}

// nextExpiry is the earlier of the running timers, zero if none runs.
func (c *Conversation) nextExpiry() time.Time {
	a, b := c.inactiveAt(), c.closedAt()
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (c *Conversation) timers() map[string]any {
	timers := map[string]any{}
	if at := c.inactiveAt(); !at.IsZero() {
		timers["date_inactive"] = date(at)
	}
	if at := c.closedAt(); !at.IsZero() {
		timers["date_closed"] = date(at)
	}
	return timers
}

// expireTimers moves every conversation whose time is up. It runs before
// anything else that looks at the world, so nobody can see an overdue state.
func (c *change) expireTimers() {
	w := c.s.w
	if w.nextExpiry.IsZero() || c.now.Before(w.nextExpiry) {
		return
	}
	w.nextExpiry = time.Time{}
	for _, conv := range w.conversations {
		if at := conv.inactiveAt(); !at.IsZero() && !c.now.Before(at) {
			c.timeOut(conv, stateInactive)
		}
		if at := conv.closedAt(); !at.IsZero() && !c.now.Before(at) {
			c.timeOut(conv, stateClosed)
		}
		w.index(conv)
	}
}

func (c *change) timeOut(conv *conversation, to string) {
	from := conv.State
	conv.State, conv.Updated = to, c.now
	c.put(conv.Conversation)
	loud := c.loud
	c.loud = true // timers raise whatever the call that noticed them asked for
	c.stateEvent(conv, from, "TIMER")
	c.loud = loud
}
