package twiliosim

import (
	"slices"
	"sync"
	"time"
)

// Clock is a clock that stands still until it is advanced, for tests that share
// one between a Server (Options.Clock), the code under test and themselves. It
// is safe for concurrent use. Make one with NewClock.
type Clock struct {
	advancing sync.Mutex // one Advance at a time

	mu     sync.Mutex
	now    time.Time
	alarms []*alarm // in order of time, equal ones in order of setting
}

type alarm struct {
	at time.Time
	f  func()
}

// NewClock returns a clock that shows at.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now is the time the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc calls f once the clock has been advanced by d, while it shows just
// that moment; with d <= 0 at the next Advance. stop takes that back and tells
// whether it came in time; calling it again is harmless and returns false.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &alarm{at: c.now.Add(max(d, 0)), f: f}
	i, _ := slices.BinarySearchFunc(c.alarms, a, func(b, a *alarm) int {
		if b.at.After(a.at) {
			return 1
		}
		return -1
	})
	c.alarms = slices.Insert(c.alarms, i, a)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		n := len(c.alarms)
		c.alarms = slices.DeleteFunc(c.alarms, func(b *alarm) bool { return b == a })
		return len(c.alarms) < n
	}
}

// Advance moves the clock forward by d and, on the way, runs everything that
// falls due, in order, also what that sets in turn. It returns when all of it
// has run. Concurrent calls run one after the other; f of AfterFunc must not
// call it. A d below 0 counts as 0: time does not go back.
func (c *Clock) Advance(d time.Duration) {
	c.advancing.Lock()
	defer c.advancing.Unlock()
	c.mu.Lock()
	until := c.now.Add(max(d, 0))
	for len(c.alarms) > 0 && !c.alarms[0].at.After(until) {
		due := c.alarms[0]
		c.alarms = c.alarms[1:]
		if due.at.After(c.now) {
			c.now = due.at
		}
		c.mu.Unlock()
		due.f()
		c.mu.Lock()
	}
	c.now = until
	c.mu.Unlock()
}
