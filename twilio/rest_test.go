package twilio

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"textme/chat"
)

var busy = &chat.TwilioError{Op: "test", Status: 429, Code: 50063, RetryAfter: 10 * time.Second}

// restOf is how long calls about what must wait, longer than everybody.
func (c *capacity) restOf(t *testing.T, what string) time.Duration {
	t.Helper()
	s, wait, err := c.enter(chat.Concerning(t.Context(), about(what)))
	if err == nil {
		c.giveBack(s)
		return 0
	}
	if !errors.Is(err, errRest) {
		t.Fatalf("the call about %q: %v, %v; want a rest", what, wait, err)
	}
	return wait
}

// Once the wait is over that a call about one thing brought about, others go first: the
// longer, the more often in a row that has happened.
func TestRest(t *testing.T) {
	t.Parallel()
	c, clock := newTestCapacity()
	for i, want := range []time.Duration{10 * time.Second, 40 * time.Second, 160 * time.Second, 160 * time.Second} {
		c.endsAbout(t, "dead", busy)
		if _, wait, err := c.enter(chat.Concerning(t.Context(), about("dead"))); !errors.Is(err, errHeld) || wait != busy.RetryAfter {
			t.Fatalf("hold %d: %v, %v; want everybody to wait first", i, wait, err)
		}
		clock.advance(busy.RetryAfter)
		if got := c.restOf(t, "dead"); got != want {
			t.Errorf("after hold %d it rests %v, want %v", i, got, want)
		}
		c.endsAbout(t, "ann", nil)
		c.ends(t, nil)
		clock.advance(want)
		c.endsAbout(t, "dead", nil) // what goes well between is no sign that the next does
	}
	c.ends(t, busy) // about anything: nobody rests
	clock.advance(busy.RetryAfter)
	c.ends(t, nil)

	clock.advance(longestRest * busy.RetryAfter)
	c.endsAbout(t, "dead", busy)
	clock.advance(busy.RetryAfter)
	if got := c.restOf(t, "dead"); got != busy.RetryAfter {
		t.Errorf("long after, it rests %v, want %v as at first", got, busy.RetryAfter)
	}
}

// A client tells a rest from a wait of everybody's.
func TestRestIsAlone(t *testing.T) {
	t.Parallel()
	c := newClient(t, "http://127.0.0.1:9")
	c.capacity.rest(about("dead").Kind(), time.Hour)
	var te *chat.TwilioError
	_, err := c.FetchConversation(chat.Concerning(within(t), about("dead")), testCH)
	if !errors.As(err, &te) || !te.Alone || te.RetryAfter < time.Hour {
		t.Errorf("a call about what rests: %v", err)
	}
	if _, err = c.FetchConversation(within(t), testCH); !errors.As(err, &te) || te.Alone || te.RetryAfter != 0 {
		t.Errorf("another: %v", err)
	}
}

// Only so many rests are remembered, and those that are long over make room.
func TestRestsAreBounded(t *testing.T) {
	t.Parallel()
	c, clock := newTestCapacity()
	for i := range mostRests + 1 {
		c.rest(fmt.Sprint(i), time.Second)
	}
	if n := len(c.rests); n != mostRests {
		t.Errorf("%d are remembered, want %d", n, mostRests)
	}
	clock.advance(time.Hour)
	c.rest("another", time.Second)
	if n := len(c.rests); n != 1 {
		t.Errorf("%d are remembered an hour later, want the newest alone", n)
	}
}
