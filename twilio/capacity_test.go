package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"textme/chat"
)

// capacityClock is a clock that a test turns.
type capacityClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *capacityClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *capacityClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newTestCapacity() (*capacity, *capacityClock) {
	clock := &capacityClock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	return newCapacity(clock.now), clock
}

var unanswered = &chat.TwilioError{Op: "test", Status: 503}

// about is a job that calls are about.
type about string

// Kind implements chat.Job.
func (a about) Kind() string { return string(a) }

func (c *capacity) ends(t *testing.T, te *chat.TwilioError) {
	t.Helper()
	c.endsAbout(t, "", te)
}

func (c *capacity) endsAbout(t *testing.T, what string, te *chat.TwilioError) {
	t.Helper()
	ctx := t.Context()
	if what != "" {
		ctx = chat.Concerning(ctx, about(what))
	}
	s, wait, err := c.enter(ctx)
	if err != nil {
		t.Fatalf("the call about %q must wait %v: %v", what, wait, err)
	}
	c.leave(ctx, s, te)
}

func TestBreak(t *testing.T) {
	t.Parallel()
	c, clock := newTestCapacity()
	for range brokenAfter - 1 {
		c.ends(t, unanswered)
	}
	c.ends(t, nil) // one that went well starts the count over
	for range brokenAfter {
		c.ends(t, unanswered)
	}
	_, wait, err := c.enter(t.Context())
	if !errors.Is(err, errBreak) || wait != shortestBreak {
		t.Fatalf("after %d failures: %v, %v; want a break of %v", brokenAfter, wait, err, shortestBreak)
	}

	clock.advance(shortestBreak)
	probe, _, err := c.enter(t.Context())
	if err != nil {
		t.Fatalf("no probe: %v", err)
	}
	if _, _, err := c.enter(t.Context()); !errors.Is(err, errBreak) {
		t.Fatalf("a second call beside the probe: %v", err)
	}
	c.leave(t.Context(), probe, unanswered)
	if _, wait, err := c.enter(t.Context()); !errors.Is(err, errBreak) || wait != 2*shortestBreak {
		t.Fatalf("after a failed probe: %v, %v; want a break twice as long", wait, err)
	}
	for range 10 {
		clock.advance(longestBreak)
		c.ends(t, unanswered)
	}
	if _, wait, _ := c.enter(t.Context()); wait != longestBreak {
		t.Fatalf("the break grew to %v, want %v", wait, longestBreak)
	}
	clock.advance(longestBreak)
	c.ends(t, nil)
	for range mostCalls {
		if _, _, err := c.enter(t.Context()); err != nil {
			t.Fatalf("after the probe went well: %v", err)
		}
	}
}

// One thing at which every call goes wrong is no reason for a break, and in a break it
// does not take the probe from others again and again.
func TestBreakForEverything(t *testing.T) {
	t.Parallel()
	c, clock := newTestCapacity()
	for range 10 * brokenAfter {
		c.endsAbout(t, "dead", unanswered)
	}
	for _, what := range []string{"ann", "bob", "cid"} {
		for range brokenEach {
			c.endsAbout(t, what, unanswered)
		}
	}
	if _, _, err := c.enter(t.Context()); !errors.Is(err, errBreak) {
		t.Fatalf("with four that fail: got %v, want a break", err)
	}
	clock.advance(shortestBreak)
	c.endsAbout(t, "dead", unanswered)
	clock.advance(2 * shortestBreak)
	dead := chat.Concerning(t.Context(), about("dead"))
	if _, wait, err := c.enter(dead); !errors.Is(err, errBreak) || wait <= 0 {
		t.Fatalf("it may probe again: %v, %v", wait, err)
	}
	clock.advance(probedFor)
	c.endsAbout(t, "dead", unanswered) // nobody else has come
	clock.advance(longestBreak)
	c.endsAbout(t, "ann", nil)
	c.endsAbout(t, "dead", unanswered)
}

// What is out when a break begins, and fails during it, is not taken for the probe:
// neither the break nor what that call was about is the worse for it, and no second call
// goes out beside the probe.
func TestOnlyTheProbeProbes(t *testing.T) {
	t.Parallel()
	gaveUp, cancel := context.WithCancel(t.Context())
	cancel()
	for name, end := range map[string]func(*capacity, context.Context, slot){
		"no answer":          func(c *capacity, ctx context.Context, s slot) { c.leave(ctx, s, unanswered) },
		"the caller gave up": func(c *capacity, _ context.Context, s slot) { c.leave(gaveUp, s, &chat.TwilioError{}) },
		"it was not made":    func(c *capacity, _ context.Context, s slot) { c.giveBack(s) },
	} {
		c, clock := newTestCapacity()
		early := chat.Concerning(t.Context(), about("early"))
		enter := func(ctx context.Context) slot {
			t.Helper()
			s, _, err := c.enter(ctx)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return s
		}
		var before []slot
		for range brokenAfter {
			before = append(before, enter(early))
		}
		for range brokenAfter {
			c.ends(t, unanswered)
		}
		clock.advance(shortestBreak)
		probe := enter(t.Context())
		for _, s := range before {
			end(c, early, s)
		}
		if _, wait, err := c.enter(t.Context()); !errors.Is(err, errBreak) || wait != shortestBreak {
			t.Errorf("%s: beside the probe: %v, %v; want to be told to wait %v", name, wait, err, shortestBreak)
		}
		c.leave(t.Context(), probe, unanswered)
		if _, wait, err := c.enter(t.Context()); !errors.Is(err, errBreak) || wait != 2*shortestBreak {
			t.Errorf("%s: after the first probe: %v, %v; want a break of %v", name, wait, err, 2*shortestBreak)
		}
		clock.advance(2 * shortestBreak)
		c.leave(early, enter(early), nil)
	}
}

// However long an outage is and however many probe in it, only those are remembered
// that are not to probe again yet.
func TestProbesInVainAreForgotten(t *testing.T) {
	t.Parallel()
	c, clock := newTestCapacity()
	for range brokenAfter {
		c.ends(t, unanswered)
	}
	const most = int((longestBreak+probedFor)/longestBreak) + 1
	for i := range 100 {
		clock.advance(longestBreak)
		c.endsAbout(t, fmt.Sprint(i), unanswered)
		if len(c.probed) > most {
			t.Fatalf("after %d probes %d are remembered, want %d at the most", i+1, len(c.probed), most)
		}
	}
}

func TestRetryAfterHoldsEverything(t *testing.T) {
	t.Parallel()
	c, clock := newTestCapacity()
	c.ends(t, &chat.TwilioError{Status: 429, Code: tooManyCalls, RetryAfter: 30 * time.Second})
	clock.advance(10 * time.Second)
	if _, wait, err := c.enter(t.Context()); !errors.Is(err, errHeld) || wait != 20*time.Second {
		t.Fatalf("within the window: %v, %v; want 20s", wait, err)
	}
	clock.advance(20 * time.Second)
	c.ends(t, nil)
}

func TestCapFallsAndGrows(t *testing.T) {
	t.Parallel()
	c, _ := newTestCapacity()
	for range 3 {
		c.ends(t, &chat.TwilioError{Status: 429, Code: tooManyCalls})
	}
	if c.cap != mostCalls/8 {
		t.Fatalf("after three 20429 the cap is %v, want %v", c.cap, mostCalls/8)
	}
	var s slot
	for range mostCalls / 8 {
		var err error
		if s, _, err = c.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	entered := make(chan error, 1)
	go func() {
		_, _, err := c.enter(ctx)
		entered <- err
	}()
	select {
	case err := <-entered:
		t.Fatalf("one call too many went out: %v", err)
	default:
	}
	c.leave(t.Context(), s, nil)
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, _, err := c.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("a caller that gave up: %v", err)
	}
	for range 10_000 {
		c.leave(t.Context(), s, nil)
		c.inUse++
	}
	if c.cap != mostCalls {
		t.Fatalf("after many good calls the cap is %v, want %v", c.cap, mostCalls)
	}
}

// Whatever a dead Twilio looks like, soon it is only asked now and then.
func TestDeadTwilioIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"connections reset": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"unavailable":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"hanging":           func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := httptest.NewServer(answer)
			t.Cleanup(api.Close)
			c := newClient(t, api.URL, func(c *Config) { c.Timeout = 100 * time.Millisecond })
			for i := range brokenAfter {
				if _, err := c.FetchConversation(within(t), testCH); err == nil || errors.Is(err, errBreak) {
					t.Fatalf("call %d: got %v", i, err)
				}
			}
			var te *chat.TwilioError
			if _, err := c.FetchConversation(within(t), testCH); !errors.Is(err, errBreak) || !errors.As(err, &te) || te.RetryAfter <= 0 {
				t.Errorf("after %d calls without an answer: got %v, want to be told to wait", brokenAfter, err)
			}
		})
	}
}

// A reserved call begins at once, whatever has come meanwhile, and a right that
// was not used is given back once.
func TestReserve(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(api.Close)
	c := newClient(t, api.URL)
	reserved, release, err := c.Reserve(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // unused, and used up
		_, unused, err := c.Reserve(within(t))
		if err != nil {
			t.Fatal(err)
		}
		unused()
		unused()
	}
	if c.capacity.inUse != 1 {
		t.Errorf("%d slots are in use, want the reserved one", c.capacity.inUse)
	}
	if _, err := c.FetchConversation(within(t), testCH); requests.Load() != 1 {
		t.Fatalf("the call beside was not made: %v", err)
	}
	for i, want := range []int32{2, 2} { // the right is for one call
		if _, err := c.FetchConversation(reserved, testCH); err == nil || requests.Load() != want {
			t.Errorf("call %d: %v, %d requests in all, want %d", i, err, requests.Load(), want)
		}
	}
	release()
	if c.capacity.inUse != 0 {
		t.Errorf("%d slots are in use in the end", c.capacity.inUse)
	}
	if _, _, err := c.Reserve(within(t)); !errors.Is(err, errHeld) {
		t.Errorf("while held: got %v", err)
	}
}
