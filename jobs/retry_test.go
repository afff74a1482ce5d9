package jobs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"

	"textme/chat"
)

// ceiling is the longest wait after so many earlier failures.
func ceiling(failures int) time.Duration {
	d := 2 * time.Second
	for range failures {
		d = min(d+d/2, time.Hour)
	}
	return d
}

// The wait is drawn evenly from nothing up to a ceiling that grows by half with
// every failure until it reaches an hour.
func TestDelayIsExponentialWithFullJitter(t *testing.T) {
	t.Parallel()
	const draws = 1000
	for failures := range maxAttempts {
		t.Run(fmt.Sprint(failures), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, uint64(failures)))
			top := ceiling(failures)
			var low, high int
			var sum time.Duration
			for range draws {
				d := delay(failures, random.Int64N)
				if d < time.Second || d > top {
					t.Fatalf("waits %v, want 1s to %v", d, top)
				}
				if d <= max(time.Second, top/10) {
					low++
				}
				if d >= top-top/10 {
					high++
				}
				sum += d
			}
			// Below half of 4.5 s the floor of a second takes its share.
			if mean := sum / draws; mean < top*45/100 || failures > 2 && mean > top*55/100 {
				t.Errorf("waits %v on average, want about half of %v", mean, top)
			}
			if low < draws/20 || high < draws/20 {
				t.Errorf("%d of %d waits are in the lowest tenth and %d in the highest, want full jitter", low, draws, high)
			}
		})
	}
}

// However the dice fall, a job that fails every time is tried for more than a
// day and never more than once a second.
func TestRetriesLastMoreThanADay(t *testing.T) {
	t.Parallel()
	for run := range 1000 {
		random := rand.New(rand.NewPCG(2, uint64(run)))
		var horizon time.Duration
		for failures := range maxAttempts - 1 { // no wait follows the last attempt
			d := delay(failures, random.Int64N)
			if d < time.Second {
				t.Fatalf("run %d waits %v after failure %d", run, d, failures+1)
			}
			horizon += d
		}
		if horizon < 24*time.Hour {
			t.Fatalf("run %d gives up after %v", run, horizon)
		}
	}
}

// The next attempt is reckoned from now and not from when the job was due, so
// that a queue that stood still does not catch up in a burst.
func TestNextRetryIsAheadOfNow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := retry{func() time.Time { return now }}
	for failures := range 1000 {
		job := &rivertype.JobRow{
			Attempt: failures + 1, ScheduledAt: now.Add(-72 * time.Hour), AttemptedAt: new(now.Add(-time.Hour)),
			Errors: make([]rivertype.AttemptError, failures),
		}
		if next := r.NextRetry(job); next.Before(now.Add(time.Second)) || next.After(now.Add(ceiling(failures))) {
			t.Fatalf("after %d failures the next attempt is %v away, want 1s to %v", failures, next.Sub(now), ceiling(failures))
		}
	}
}

// After something was reached, earlier failures do not count any more: the work
// goes on in a job that has not failed yet.
func TestProgressStartsAfresh(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	id := uuid.New()
	enqueue(t, q, pool, chat.AdvanceJob{ConversationID: id})
	var runs atomic.Int32
	work(t, pool, nil, func(uuid.UUID) error {
		switch runs.Add(1) {
		case 1:
			return errors.New("broken")
		case 2:
			return chat.Snooze{Why: "a step further", Afresh: true}
		}
		return nil
	})
	until(t, "the second job is done", func() bool { return count(t, pool, `state = 'completed'`) == 2 })
	const same = `args->>'conversation_id' = (SELECT args->>'conversation_id' FROM river_job ORDER BY id LIMIT 1)`
	if n := count(t, pool, `errors IS NULL AND attempt = 1 AND `+same); n != 1 || runs.Load() != 3 {
		t.Errorf("%d jobs without a failure after %d runs, want 1 after 3", n, runs.Load())
	}
}
