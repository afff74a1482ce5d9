package jobs

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"textme/chat"
)

// ended makes job id look as if its last attempt had failed.
func ended(t *testing.T, pool *pgxpool.Pool, id int64, state string) {
	t.Helper()
	const q = `UPDATE river_job SET state = $2::text::river_job_state, attempt = max_attempts, scheduled_at = now() + interval '1 hour',
			finalized_at = CASE WHEN $2 IN ('discarded', 'completed', 'cancelled') THEN now() END,
			errors = ARRAY['{"at": "2026-11-22T12:00:00Z", "attempt": 1, "error": "first", "trace": ""}',
				'{"at": "2026-11-22T13:00:00Z", "attempt": 2, "error": "second", "trace": ""}']::jsonb[]
		WHERE id = $1`
	tag, err := pool.Exec(t.Context(), q, id, state)
	must(t, err)
	if tag.RowsAffected() != 1 {
		t.Fatalf("there is no job %d", id)
	}
}

func ids(rows []Row) (ids []int64) {
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestListAndRetry(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	conversation := uuid.New()
	for range 5 {
		enqueue(t, q, pool, chat.AdvanceJob{ConversationID: conversation})
	}
	ended(t, pool, 2, "discarded")
	ended(t, pool, 3, "retryable")
	ended(t, pool, 4, "completed")
	ended(t, pool, 5, "running")
	list := func(limit int, states ...State) []Row {
		t.Helper()
		rows, err := q.List(t.Context(), states, limit)
		must(t, err)
		return rows
	}

	if diff := cmp.Diff([]int64{3, 2}, ids(list(10, Failed()...))); diff != "" {
		t.Errorf("failed jobs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{5, 4}, ids(list(2, States()...))); diff != "" {
		t.Errorf("the newest two jobs (-want +got):\n%s", diff)
	}
	got := list(1, "discarded")[0]
	want := Row{
		ID: 2, Kind: "advance", Queue: "default", State: "discarded", Attempt: maxAttempts, MaxAttempts: maxAttempts,
		LastError: "second", LastErrorAt: new(time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)),
		CreatedAt: got.CreatedAt, ScheduledAt: got.ScheduledAt, FinalizedAt: got.FinalizedAt, Args: got.Args,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the given-up job (-want +got):\n%s", diff)
	}
	if args := fmt.Sprintf(`{"conversation_id": %q}`, conversation); string(got.Args) != args {
		t.Errorf("args are %s, want %s", got.Args, args)
	}

	row, err := q.Retry(t.Context(), 2)
	must(t, err)
	if row.State != "available" || row.MaxAttempts != maxAttempts+1 || time.Until(row.ScheduledAt) > 0 {
		t.Errorf("after the retry the job is %+v, want one more attempt, now", row)
	}
	if row, err = q.Retry(t.Context(), 5); err != nil || row.State != "running" {
		t.Errorf("retrying a running job gives %s, %v; want it left alone", row.State, err)
	}
	if _, err := q.Retry(t.Context(), 99); !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("retrying a job that is not there gives %v, want chat.ErrNotFound", err)
	}
}

// All failed jobs are retried, however many batches they fill, and no other.
func TestRetryFailed(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	const failed = retryBatch + 7
	enqueue(t, q, pool, slices.Repeat([]chat.Job{chat.AdvanceJob{ConversationID: uuid.New()}}, failed+1)...)
	_, err := pool.Exec(t.Context(), `UPDATE river_job SET scheduled_at = now() + interval '1 hour',
		state = CASE WHEN id % 2 = 0 THEN 'discarded' ELSE 'retryable' END::river_job_state, finalized_at = CASE WHEN id % 2 = 0 THEN now() END
		WHERE id > 1`)
	must(t, err)
	ended(t, pool, 1, "cancelled")
	n, err := q.RetryFailed(t.Context())
	must(t, err)
	if n != failed || count(t, pool, `state = 'available' AND scheduled_at <= now()`) != failed {
		t.Errorf("%d jobs were retried, want %d", n, failed)
	}
	if n, err = q.RetryFailed(t.Context()); n != 0 || err != nil {
		t.Errorf("retrying again retries %d jobs, %v", n, err)
	}
}

// With nobody to work, the queue's age rises; future work does not count.
func TestDepth(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	depth := func() Depth {
		t.Helper()
		d, err := q.Depth(t.Context())
		must(t, err)
		return d
	}
	empty := map[State]int{"available": 0, "running": 0, "scheduled": 0, "retryable": 0, "discarded": 0}
	if diff := cmp.Diff(Depth{Jobs: empty}, depth()); diff != "" {
		t.Errorf("an empty queue (-want +got):\n%s", diff)
	}
	enqueue(t, q, pool, chat.AdvanceJob{ConversationID: uuid.New()}, chat.DiscardJob{}, chat.AdvanceJob{ConversationID: uuid.New()})
	ended(t, pool, 3, "discarded")
	first := depth()
	want := map[State]int{"available": 1, "running": 0, "scheduled": 1, "retryable": 0, "discarded": 1}
	if diff := cmp.Diff(want, first.Jobs); diff != "" {
		t.Errorf("jobs by state (-want +got):\n%s", diff)
	}
	if later := depth(); first.OldestDue <= 0 || later.OldestDue <= first.OldestDue || later.OldestDue > time.Minute {
		t.Errorf("the oldest due job waits %v and then %v, want it to rise", first.OldestDue, later.OldestDue)
	}
}

// Only what a worker should have taken by now puts the queue behind: not what waits for
// its time, what is tried again, or what is nobody's hurry.
func TestBehind(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	behind := func(want bool, when string) {
		t.Helper()
		got, err := q.Behind(t.Context())
		must(t, err)
		if got > time.Minute != want {
			t.Errorf("%s it is behind by %v", when, got)
		}
	}
	behind(false, "empty,")
	enqueue(t, q, pool, chat.AdvanceJob{ConversationID: uuid.New()}, chat.DiscardJob{})
	behind(false, "with a new job")
	ago := func(state string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), `UPDATE river_job SET scheduled_at = now() - interval '2 minutes', state = $1::text::river_job_state`, state)
		must(t, err)
	}
	ago("retryable")
	behind(false, "with jobs to be tried again")
	ago("available")
	behind(true, "with an old job")
	enqueue(t, q, pool, chat.AdvanceJob{ConversationID: uuid.New()})
	behind(true, "with an old job and a new one")
	_, err := pool.Exec(t.Context(), `DELETE FROM river_job WHERE kind = $1`, chat.AdvanceJob{}.Kind())
	must(t, err)
	behind(false, "with an old job in the background")
}

// A job is untried until it was done or tried twice, however often it has snoozed.
func TestUntried(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	kind := chat.AdoptJob{}.Kind()
	enqueue(t, q, pool, chat.AdoptJob{ConversationSID: "CH1"}, chat.AdvanceJob{ConversationID: uuid.New()})
	var at time.Time
	must(t, pool.QueryRow(t.Context(), `SELECT created_at FROM river_job WHERE kind = $1`, kind).Scan(&at))
	if got, err := q.Untried(t.Context(), kind, at.Add(-time.Microsecond)); err != nil || got {
		t.Errorf("of those from before it: %t, %v", got, err)
	}
	for _, tt := range []struct {
		state   string
		attempt int
		want    bool
	}{
		{"available", 0, true},
		{"running", 1, true},
		{"scheduled", 0, true}, // River takes the attempt of a snooze back
		{"retryable", 1, true},
		{"running", 2, false},
		{"retryable", 2, false},
		{"completed", 1, false},
	} {
		const become = `UPDATE river_job SET state = $1::text::river_job_state, attempt = $2,
			finalized_at = CASE WHEN $1::text = 'completed' THEN now() END WHERE kind = $3`
		_, err := pool.Exec(t.Context(), become, tt.state, tt.attempt, kind)
		must(t, err)
		if got, err := q.Untried(t.Context(), kind, at); err != nil || got != tt.want {
			t.Errorf("%s with attempt %d: %t, %v", tt.state, tt.attempt, got, err)
		}
	}
}
