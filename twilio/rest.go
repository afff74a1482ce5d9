package twilio

import "time"

// rest is how one thing leaves its turn to others, because an answer to a call about
// it made everybody wait. Without it a number that is answered so again and again, and
// goes on signing up, would call first whenever a wait is over, and nobody else ever.
type rest struct {
	until time.Time
	times int       // in a row
	known time.Time // until when it is one in a row
}

// A rest begins when the wait that Twilio asked for ends, and is as long; each one in a
// row is restGrowth times as long as the one before, up to longestRest times the wait.
// It is one in a row as long as that after the one before has ended. When Twilio asks
// everybody to wait, whatever they call about, nearly all meet it once at most.
const (
	restGrowth  = 4
	longestRest = 16
	mostRests   = 1000 // are remembered; the rest call as ever
)

// rest notes that a call about one thing was answered with a Retry-After. The lock is
// held.
func (c *capacity) rest(about string, retryAfter time.Duration) {
	if about == "" {
		return
	}
	now := c.now()
	if len(c.rests) >= mostRests {
		for other, r := range c.rests {
			if now.After(r.known) {
				delete(c.rests, other)
			}
		}
	}
	r, resting := c.rests[about]
	if !resting && len(c.rests) >= mostRests {
		return
	}
	if now.After(r.known) {
		r.times = 0
	}
	length := retryAfter
	for range r.times {
		length = min(length*restGrowth, longestRest*retryAfter)
	}
	r.times++
	if until := now.Add(retryAfter + length); until.After(r.until) {
		r.until, r.known = until, until.Add(longestRest*retryAfter)
	}
	c.rests[about] = r
}
