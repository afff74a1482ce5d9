package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"textme/chat"
	"textme/store/storetest"
)

// patience is for one thing to happen, on a busy machine.
const patience = 30 * time.Second

// until asks again and again until cond holds.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rows is a chat.Store that decides how each Advance goes by the lease it
// gives. Any other method of it panics.
type rows struct {
	chat.Store
	lease func(conversation uuid.UUID) error
}

// Lease implements chat.Store: without an error nothing is left to do.
func (r rows) Lease(_ context.Context, conversation uuid.UUID, _ time.Duration) (chat.Lease, bool, error) {
	return chat.Lease{}, false, r.lease(conversation)
}

// WakeForgotten implements chat.Store: nothing is forgotten.
func (rows) WakeForgotten(context.Context, time.Duration) (int, error) { return 0, nil }

// PruneEvents implements chat.Store: nothing is old.
func (rows) PruneEvents(context.Context, time.Time, time.Time, int) (int, error) { return 0, nil }

// PruneSubmissions implements chat.Store: nothing is old.
func (rows) PruneSubmissions(context.Context, time.Time, int) (int, error) { return 0, nil }

func newTestQueue(t *testing.T) (*Queue, *pgxpool.Pool) {
	t.Helper()
	pool := storetest.Pool(t)
	q, err := NewQueue(pool)
	must(t, err)
	return q, pool
}

// enqueue commits the jobs.
func enqueue(t *testing.T, q *Queue, pool *pgxpool.Pool, jobs ...chat.Job) {
	t.Helper()
	var b pgx.Batch
	q.Enqueue(&b, jobs)
	must(t, pool.SendBatch(t.Context(), &b).Close())
	q.Announce()
}

// work runs jobs until the test ends.
func work(t *testing.T, pool *pgxpool.Pool, observe Observe, lease func(uuid.UUID) error) {
	t.Helper()
	workWith(t, pool, Options{Observe: observe}, lease)
}

func workWith(t *testing.T, pool *pgxpool.Pool, opts Options, lease func(uuid.UUID) error) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	service := chat.New(rows{lease: lease}, nil, chat.Options{}, time.Now, log)
	runner, err := NewRunner(pool, service, opts, log)
	must(t, err)
	must(t, runner.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		must(t, runner.Stop(ctx))
	})
}

// Every way a run can end is told apart, a panic included, and what runs
// regularly is told of as well.
func TestObserve(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	ends := map[uuid.UUID]error{
		uuid.New(): nil,
		uuid.New(): chat.ErrLeaseBusy, // snoozes
		uuid.New(): chat.ErrNotFound,
		uuid.New(): errors.New("broken"),
		uuid.New(): errPanic,
	}
	var jobs []chat.Job
	for id := range ends {
		jobs = append(jobs, chat.AdvanceJob{ConversationID: id})
	}
	enqueue(t, q, pool, jobs...)
	var mu sync.Mutex
	got := map[string]bool{}
	failed := 0
	work(t, pool, func(kind string, result Result, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		got[kind+" "+string(result)] = true
		if result == Errored {
			failed++
		}
		if took < 0 {
			t.Errorf("a run took %v", took)
		}
	}, func(id uuid.UUID) error {
		if errors.Is(ends[id], errPanic) {
			panic(errPanic)
		}
		return ends[id]
	})
	want := map[string]bool{"advance done": true, "advance snoozed": true, "advance cancelled": true, "advance failed": true, "sweep done": true, "prune done": true}
	until(t, "every end was observed", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= len(want) && failed >= 2
	})
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

var errPanic = errors.New("panics")

// Whoever has to wait, by a use case's word or by Twilio's, as while it does not answer,
// runs again as if for the first time: nothing of it counts as an attempt or a failure,
// however often, and so nobody is given up for it.
func TestWaitsAreNoAttempts(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	const waits = 3
	why := map[uuid.UUID]error{
		uuid.New(): chat.Snooze{After: 10 * time.Millisecond, Why: "the rate is used up"},
		uuid.New(): &chat.TwilioError{Op: "fetch conversation", RetryAfter: 10 * time.Millisecond, Err: errors.New("no answer")},
		uuid.New(): fmt.Errorf("look up: %w", &chat.TwilioError{Op: "list messages", Status: 429, RetryAfter: 10 * time.Millisecond, Err: errors.New("busy")}),
	}
	for id := range why {
		enqueue(t, q, pool, chat.AdvanceJob{ConversationID: id})
	}
	const counted = `cardinality(errors) > 0 OR attempt > CASE WHEN state IN ('running', 'completed') THEN 1 ELSE 0 END`
	var mu sync.Mutex
	runs := map[uuid.UUID]int{}
	work(t, pool, nil, func(id uuid.UUID) error {
		mu.Lock()
		defer mu.Unlock()
		if runs[id]++; runs[id] <= waits {
			return why[id]
		}
		return nil
	})
	until(t, "all are done", func() bool {
		if n := count(t, pool, counted); n > 0 {
			t.Fatalf("something counts against %d jobs", n)
		}
		return count(t, pool, `state = 'completed'`) == len(why)
	})
	mu.Lock()
	defer mu.Unlock()
	for id, n := range runs {
		if n != waits+1 {
			t.Errorf("%v ran %d times, want %d", why[id], n, waits+1)
		}
	}
}

// The queue drains faster than any sender can text, and each job runs once.
func TestDrain(t *testing.T) {
	t.Parallel()
	const n, perSecond = 2000, 50
	q, pool := newTestQueue(t)
	jobs := make([]chat.Job, n)
	for i := range jobs {
		jobs[i] = chat.AdvanceJob{ConversationID: uuid.New()}
	}
	enqueue(t, q, pool, jobs...)
	var mu sync.Mutex
	runs := map[uuid.UUID]int{}
	start := time.Now()
	work(t, pool, nil, func(id uuid.UUID) error {
		mu.Lock()
		defer mu.Unlock()
		runs[id]++
		return nil
	})
	until(t, "all jobs have run", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(runs) == n
	})
	took := time.Since(start)
	t.Logf("%d jobs in %v, %.0f a second", n, took.Round(time.Millisecond), n/took.Seconds())
	if took > n/perSecond*time.Second {
		t.Errorf("%d jobs took %v, want at least %d a second", n, took, perSecond)
	}
	until(t, "all jobs are completed", func() bool { return count(t, pool, `state = 'completed'`) == n })
	for id, times := range runs {
		if times != 1 {
			t.Errorf("job of %v ran %d times", id, times)
		}
	}
}

// Row Q2: a job that always panics, one that always fails and one that never returns,
// whatever its context says, keep no other from being done, and come to their end when
// what was wrong with them is.
func TestPoisonedJobs(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	const others = 500
	panics, fails, hangs := uuid.New(), uuid.New(), uuid.New()
	poisoned := []chat.Job{chat.AdvanceJob{ConversationID: panics}, chat.AdvanceJob{ConversationID: fails}, chat.AdvanceJob{ConversationID: hangs}}
	var mended atomic.Bool
	release := make(chan struct{})
	var mu sync.Mutex
	runs := map[uuid.UUID]int{}
	ran := func(id uuid.UUID) int {
		mu.Lock()
		defer mu.Unlock()
		return runs[id]
	}
	work(t, pool, nil, func(id uuid.UUID) error {
		mu.Lock()
		runs[id]++
		mu.Unlock()
		switch {
		case id == hangs:
			<-release
		case id == panics && !mended.Load():
			panic(errPanic)
		case id == fails && !mended.Load():
			return errPanic
		}
		return nil
	})
	enqueue(t, q, pool, poisoned...)
	until(t, "each poisoned job has run", func() bool { return ran(panics) > 0 && ran(fails) > 0 && ran(hangs) > 0 })

	jobs := make([]chat.Job, others)
	for i := range jobs {
		jobs[i] = chat.AdvanceJob{ConversationID: uuid.New()}
	}
	enqueue(t, q, pool, jobs...)
	until(t, "all others are done", func() bool { return count(t, pool, `state = 'completed'`) == others })
	mended.Store(true)
	until(t, "those that failed are done", func() bool { return count(t, pool, `state = 'completed'`) == others+2 })
	close(release)
	until(t, "the one that hung is done", func() bool { return count(t, pool, `state = 'completed'`) == others+3 })
}

// A job that never returns is run again after a while, and again: it must not take a
// slot each time. With two of them, others are done beside three that hang.
func TestJobsThatNeverReturn(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	good, release := uuid.New(), make(chan struct{})
	var hung, done atomic.Int32
	workWith(t, pool, Options{Workers: 2, Timing: chat.TimingFor(1500 * time.Millisecond)}, func(id uuid.UUID) error {
		if id == good {
			done.Add(1)
			return nil
		}
		hung.Add(1)
		<-release
		return nil
	})
	t.Cleanup(func() { close(release) }) // before work ends
	for range 3 {
		enqueue(t, q, pool, chat.AdvanceJob{ConversationID: uuid.New()})
	}
	until(t, "all three hang", func() bool { return hung.Load() == 3 })
	enqueue(t, q, pool, chat.AdvanceJob{ConversationID: good})
	until(t, "another is done", func() bool { return done.Load() == 1 })
}

// Ended jobs go when they are older than they need be.
func TestEndedJobsArePruned(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	for range 6 {
		enqueue(t, q, pool, chat.AdvanceJob{ConversationID: uuid.New()})
	}
	const end = `UPDATE river_job SET state = ends.state::river_job_state, finalized_at = now() - ends.age
		FROM (VALUES (1, 'completed', interval '50 minutes'), (2, 'completed', interval '61 minutes'),
			(3, 'cancelled', interval '23 hours'), (4, 'cancelled', interval '25 hours'),
			(5, 'discarded', interval '6 days'), (6, 'discarded', interval '8 days')) AS ends (id, state, age)
		WHERE river_job.id = ends.id`
	_, err := pool.Exec(t.Context(), end)
	must(t, err)
	work(t, pool, nil, func(uuid.UUID) error { return nil })
	until(t, "old jobs are gone", func() bool { return count(t, pool, `id IN (2, 4, 6)`) == 0 })
	if n := count(t, pool, `id IN (1, 3, 5)`); n != 3 {
		t.Errorf("%d of 3 younger jobs are left", n)
	}
}

func count(t *testing.T, pool *pgxpool.Pool, where string) (n int) {
	t.Helper()
	must(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE `+where).Scan(&n))
	return n
}
