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
	// One look-up per state and queue in River's index for fetching jobs.
	const oldest = `/* jobs.Depth */
		SELECT greatest(coalesce(max(now() - first.scheduled_at), interval '0'), interval '0')
		FROM unnest($1::text[]) AS q (queue), unnest(ARRAY['available', 'retryable', 'scheduled']::river_job_state[]) AS s (state),
			LATERAL (SELECT scheduled_at FROM river_job j
				WHERE j.state = s.state AND j.queue = q.queue AND j.priority = $2
				ORDER BY scheduled_at LIMIT 1) first`
	err = q.pool.QueryRow(ctx, oldest, []string{interactive, background}, river.PriorityDefault).Scan(&d.OldestDue)
	if err != nil {
		return d, fmt.Errorf("oldest due job: %w", err)
	}
	return d, nil
}
