package twilio

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"textme/chat"
)

// board is a Hold in memory.
type board struct {
	mu    sync.Mutex
	until time.Time
	asked int
	err   error
}

func (b *board) HoldCalls(_ context.Context, d time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = time.Now().Add(d)
	return b.err
}

func (b *board) HeldFor(context.Context) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	return time.Until(b.until), b.err
}

// No call of any kind is begun while another replica was asked to wait.
func TestOneReplicaHoldsAll(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(api.Close)
	shared := &board{}
	first := newClient(t, api.URL, func(c *Config) { c.Hold = shared })
	if _, err := first.FetchConversation(within(t), testCH); err == nil {
		t.Fatal("the first call was answered 429 and is no error")
	}
	for name, call := range calls {
		other := newClient(t, api.URL, func(c *Config) { c.Hold = shared })
		var te *chat.TwilioError
		switch err := call.make(within(t), other); {
		case !errors.As(err, &te), te.RetryAfter < 25*time.Second, te.Unknown:
			t.Errorf("%s: got %v, want to be told to wait", name, err)
		}
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("Twilio was called %d times, want once", n)
	}
}

// What is shared is asked for again when it is no longer fresh, and by one of
// those who call at the same time.
func TestHoldIsAskedOnceForMany(t *testing.T) {
	t.Parallel()
	clock := &capacityClock{at: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	shared := &board{}
	h := newSharedHold(shared, clock.now)
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if wait, err := h.wait(t.Context()); err != nil || wait > 0 {
				t.Errorf("wait %v, %v", wait, err)
			}
		})
	}
	callers.Wait()
	if shared.asked != 1 {
		t.Errorf("asked %d times, want once", shared.asked)
	}
	clock.advance(holdFresh)
	if _, err := h.wait(t.Context()); err != nil || shared.asked != 2 {
		t.Errorf("asked %d times after a while, want twice (%v)", shared.asked, err)
	}
}

// Without the others' word no call is made, and its slot is free again.
func TestHoldUnknown(t *testing.T) {
	t.Parallel()
	down := errors.New("database away")
	c := newClient(t, "http://127.0.0.1:9", func(c *Config) { c.Hold = &board{err: down} })
	for range mostCalls + 1 {
		if _, err := c.FetchConversation(within(t), testCH); !errors.Is(err, down) {
			t.Fatalf("got %v", err)
		}
	}
}

// deadBoard never answers, as a connection that died in silence.
type deadBoard struct{ asked chan struct{} }

func (deadBoard) HoldCalls(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func (b deadBoard) HeldFor(ctx context.Context) (time.Duration, error) {
	close(b.asked)
	<-ctx.Done()
	return 0, ctx.Err()
}

// Who asks waits for a while at most, and who waits for the same answer no longer
// than they want to.
func TestHoldThatNeverAnswers(t *testing.T) {
	t.Parallel()
	dead := deadBoard{make(chan struct{})}
	h := newSharedHold(dead, time.Now)
	asking := make(chan error)
	go func() {
		_, err := h.wait(context.Background())
		asking <- err
	}()
	<-dead.asked
	impatient, cancel := context.WithCancel(within(t))
	cancel()
	if _, err := h.wait(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("the one who gave up gets %v", err)
	}
	select {
	case err := <-asking:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one who asked gets %v", err)
		}
	case <-within(t).Done():
		t.Fatal("the question is never given up")
	}
}
