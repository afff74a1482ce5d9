package twilio

import (
	"context"
	"errors"
	"maps"
	"math"
	"net/http"
	"sync"
	"time"

	"textme/chat"
)

// How a client adapts to what Twilio can take. The cap on calls at once halves
// at every 20429 and grows by one for each round of calls that went well
// (additive increase, multiplicative decrease, as TCP does). After brokenAfter
// calls in a row that Twilio could not answer, nothing is called for a while,
// then one call probes. Of the calls about one thing (chat.Concerning) only the
// first brokenEach count, and one that has probed in vain leaves the probe to
// others for probedFor: something may be wrong with it alone. For the same reason one
// whose calls make Twilio ask everybody to wait waits longer than everybody (rest).
const (
	mostCalls     = 32
	leastCalls    = 1
	brokenAfter   = 8
	brokenEach    = 2
	shortestBreak = time.Second
	longestBreak  = 10 * time.Second
	probedFor     = longestBreak
	// tooManyCalls is Twilio's word for too many requests at once; it was not
	// carried out (https://www.twilio.com/docs/api/errors/20429).
	tooManyCalls = 20429
)

var (
	errBreak = errors.New("twilio does not answer; waiting before the next try")
	errHeld  = errors.New("twilio asked to wait")
	errRest  = errors.New("twilio asked to wait because of this one; others go first")
)

// capacity decides whether a call may start, and learns from how it went.
type capacity struct {
	now func() time.Time

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when a slot may have come free
	cap     float64       // calls at once
	inUse   int
	entered slot                 // the latest call's
	failed  int                  // in a row, as far as they count
	about   map[string]int       // of them those about one thing
	pause   time.Duration        // of the present break, 0 when there is none
	until   time.Time            // no calls before
	why     error                // of until
	probing slot                 // of the call that is out to see whether the break is over, 0 if none is
	probed  map[string]time.Time // until when what has probed in vain in this break is not to probe again
	rests   map[string]rest      // of what had Twilio ask to wait
}

// slot is the right of one call, by their order.
type slot uint64

func newCapacity(now func() time.Time) *capacity {
	return &capacity{now: now, changed: make(chan struct{}), cap: mostCalls, about: map[string]int{}, probed: map[string]time.Time{}, rests: map[string]rest{}}
}

// enter waits for a slot. While a break or Twilio's own request to wait lasts,
// it returns at once with how long that is still to be.
func (c *capacity) enter(ctx context.Context) (s slot, wait time.Duration, err error) {
	for {
		c.mu.Lock()
		now := c.now()
		switch {
		case now.Before(c.until):
			wait, err = c.until.Sub(now), c.why
		case c.pause > 0 && (c.probing != 0 || now.Before(c.probed[chat.Concern(ctx)])):
			wait, err = shortestBreak, errBreak
		case now.Before(c.rests[chat.Concern(ctx)].until):
			wait, err = c.rests[chat.Concern(ctx)].until.Sub(now), errRest
		case c.inUse < int(c.cap):
			c.inUse++
			c.entered++
			s = c.entered
			if c.pause > 0 {
				c.probing = s
			}
			c.mu.Unlock()
			return s, 0, nil
		}
		changed := c.changed
		c.mu.Unlock()
		if err != nil {
			return 0, wait, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}

// giveBack gives the slot of a call back that was not made after all.
func (c *capacity) giveBack(s slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.toldNothing(s)
	c.free()
}

// toldNothing lets another call probe if s did. The lock is held.
func (c *capacity) toldNothing(s slot) {
	if s == c.probing {
		c.probing = 0
	}
}

// free makes room for one more call. The lock is held.
func (c *capacity) free() {
	c.inUse--
	close(c.changed)
	c.changed = make(chan struct{})
}

// leave gives the slot back; te is how the call ended, nil for well.
func (c *capacity) leave(ctx context.Context, s slot, te *chat.TwilioError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.free()
	switch {
	case te != nil && te.Status == 0 && ctx.Err() != nil:
		c.toldNothing(s) // the caller gave up or ran out of time
	case te != nil && (te.Status == 0 || te.Status >= http.StatusInternalServerError):
		c.fail(s, chat.Concern(ctx))
	default:
		c.failed, c.pause, c.probing = 0, 0, 0
		clear(c.about)
		clear(c.probed)
		if te == nil {
			c.cap = math.Min(mostCalls, c.cap+1/c.cap)
		} else if te.Code == tooManyCalls {
			c.cap = math.Max(leastCalls, c.cap/2)
		}
	}
	if te != nil && te.RetryAfter > 0 {
		c.hold(c.now().Add(te.RetryAfter), errHeld)
		c.rest(chat.Concern(ctx), te.RetryAfter)
	}
}

// fail counts a call that had no answer, and begins or prolongs a break. In one only
// the probe counts: any other began before it.
func (c *capacity) fail(s slot, about string) {
	probes := s == c.probing
	if c.pause > 0 && !probes {
		return
	}
	if about == "" || c.about[about] < brokenEach {
		c.failed++
	}
	if about != "" {
		c.about[about]++
	}
	if c.failed < brokenAfter && !probes {
		return
	}
	c.pause = min(max(2*c.pause, shortestBreak), longestBreak)
	if now := c.now(); probes && about != "" {
		maps.DeleteFunc(c.probed, func(_ string, until time.Time) bool { return until.Before(now) })
		c.probed[about] = now.Add(c.pause + probedFor)
	}
	c.failed, c.probing = 0, 0
	clear(c.about)
	c.hold(c.now().Add(c.pause), errBreak)
}

func (c *capacity) hold(until time.Time, why error) {
	if until.After(c.until) {
		c.until, c.why = until, why
	}
}
