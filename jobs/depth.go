package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// MostCounted is where counting stops, so that a look at the queue costs
// little however long it is.
const MostCounted = 10_000

// Depth is how much stands in the queue.
type Depth struct {
	// Jobs counts the jobs that have not come to a good end, by state, each
	// up to MostCounted.
	Jobs map[State]int
	// OldestDue is how long the oldest job that could run has been waiting
	// for a worker; 0 when none is.
	OldestDue time.Duration
}

// Depth looks at the queue. Every part of it reads a bounded piece of an index
// of River's.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	d := Depth{Jobs: map[State]int{}}
	const count = `/* jobs.Depth */
		SELECT s.state::text, (SELECT count(*) FROM (SELECT FROM river_job j WHERE j.state = s.state LIMIT $2) few)
		FROM unnest($1::text[]::river_job_state[]) AS s (state)`
	open := []State{rivertype.JobStateAvailable, rivertype.JobStateRunning, rivertype.JobStateScheduled, rivertype.JobStateRetryable, rivertype.JobStateDiscarded}
	rows, err := q.pool.Query(ctx, count, open, MostCounted)
	if err != nil {
		return d, fmt.Errorf("count jobs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var state State
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return d, fmt.Errorf("count jobs: %w", err)
		}
		d.Jobs[state] = n
	}
	if err := rows.Err(); err != nil {
		return d, fmt.Errorf("count jobs: %w", err)
	}
	d.OldestDue, err = q.oldestDue(ctx, []string{interactive, background}, []State{rivertype.JobStateAvailable, rivertype.JobStateRetryable, rivertype.JobStateScheduled})
	return d, err
}

// Behind implements store.Queue. A job that snoozes or is tried again counts when River
// has made it available.
func (q *Queue) Behind(ctx context.Context) (time.Duration, error) {
	return q.oldestDue(ctx, []string{interactive}, []State{rivertype.JobStateAvailable})
}

// Untried implements store.Queue. One that snoozed is as it was before; one that failed
// once may have done so because nobody could be asked.
func (q *Queue) Untried(ctx context.Context, kind string, by time.Time) (untried bool, err error) {
	const some = `/* jobs.Untried */
		SELECT EXISTS (SELECT FROM river_job WHERE kind = $1 AND created_at <= $2 AND attempt <= 1 AND finalized_at IS NULL)`
	if err := q.pool.QueryRow(ctx, some, kind, by).Scan(&untried); err != nil {
		return false, fmt.Errorf("untried jobs: %w", err)
	}
	return untried, nil
}

// oldestDue is how long the oldest due job has been waiting: one look-up per state and
// queue in River's index for fetching jobs.
func (q *Queue) oldestDue(ctx context.Context, queues []string, states []State) (waits time.Duration, err error) {
	const oldest = `/* jobs.oldestDue */
		SELECT greatest(coalesce(max(now() - first.scheduled_at), interval '0'), interval '0')
		FROM unnest($1::text[]) AS q (queue), unnest($2::text[]::river_job_state[]) AS s (state),
			LATERAL (SELECT scheduled_at FROM river_job j
				WHERE j.state = s.state AND j.queue = q.queue AND j.priority = $3
				ORDER BY scheduled_at LIMIT 1) first`
	if err = q.pool.QueryRow(ctx, oldest, queues, states, river.PriorityDefault).Scan(&waits); err != nil {
		return 0, fmt.Errorf("oldest due job: %w", err)
	}
	return waits, nil
}
