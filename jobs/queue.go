// Package jobs is the queue edge: it carries the wake-ups that the store
// commits to the workers that run the use cases of chat. River keeps the queue
// in the same Postgres, so a fact and its wake-up commit together or not at
// all.
//
// A job is only a wake-up. What is to be done stands in the rows, guarded by
// leases; a job may therefore be lost, repeated or rescued while still running
// without any harm. River's unique jobs are not used, because an insert would
// be dropped while its twin is running and its fact would go unseen.
//
// Interactive jobs, which somebody is waiting for, have a queue of their own,
// so that slow background work never delays a text.
package jobs

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"textme/chat"
)

// The queues.
const (
	interactive = river.QueueDefault
	background  = "background"
)

// discardAfter is how long a conversation that we made in vain is kept: long
// enough for every call about it that was under way to end.
const discardAfter = 5 * time.Minute

// lookUpAfter is how long the webhook of a conversation may be behind the
// classic one of the same text.
const lookUpAfter = 10 * time.Second

// Queue inserts jobs and runs none.
type Queue struct {
	client *river.Client[pgx.Tx]
	pool   *pgxpool.Pool
	*announcer
}

// NewQueue makes a Queue for a migrated database.
func NewQueue(pool *pgxpool.Pool) (*Queue, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{MaxAttempts: maxAttempts})
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Queue{client, pool, &announcer{pool: pool}}, nil
}

// Enqueue adds to a batch what inserts the jobs: they come to be when its
// transaction commits, and Announce then wakes the workers. No jobs add nothing.
//
// It is one plain statement for all, as River's other languages insert theirs
// (https://riverqueue.com/docs/alternative-languages), because River's own way
// takes round trips of its own within the transaction.
func (q *Queue) Enqueue(b *pgx.Batch, jobs []chat.Job) {
	if len(jobs) == 0 {
		return
	}
	const insert = `/* jobs.Enqueue */
		INSERT INTO river_job (args, kind, queue, max_attempts, state, scheduled_at)
		SELECT args::jsonb, kind, queue, $5,
			CASE WHEN delay > interval '0' THEN 'scheduled' ELSE 'available' END::river_job_state, now() + delay
		FROM unnest($1::text[], $2::text[], $3::text[], $4::interval[]) AS j(args, kind, queue, delay)`
	n := len(jobs)
	args, kinds, queues, delays := make([]string, n), make([]string, n), make([]string, n), make([]time.Duration, n)
	for i, j := range jobs {
		text, _ := json.Marshal(j) // ids cannot fail
		args[i], kinds[i] = string(text), j.Kind()
		queues[i], delays[i] = placeOf(j)
	}
	b.Queue(insert, args, kinds, queues, delays, maxAttempts)
}

// Hasten adds to a batch what makes the job due now that is waiting for its time, as
// one that snoozes does. If several are, one is left, since a job is only a wake-up;
// if none is, one is inserted. One that is running may be about to wait: it stays.
// River is not waited for: what it is just taking is about to run.
func (q *Queue) Hasten(b *pgx.Batch, job chat.AdvanceJob) {
	const hasten = `/* jobs.Hasten */
		WITH waiting AS MATERIALIZED (
			SELECT id, scheduled_at FROM river_job
			WHERE kind = $1 AND args @> $2::jsonb AND state IN ('available', 'scheduled', 'retryable')
			FOR UPDATE SKIP LOCKED),
		first AS MATERIALIZED (SELECT id FROM waiting ORDER BY scheduled_at, id LIMIT 1),
		surplus AS (DELETE FROM river_job WHERE id IN (SELECT id FROM waiting EXCEPT SELECT id FROM first)),
		due AS (
			UPDATE river_job SET state = 'available', scheduled_at = least(scheduled_at, now())
			WHERE id = (SELECT id FROM first))
		INSERT INTO river_job (args, kind, queue, max_attempts, state, scheduled_at)
		SELECT $2::jsonb, $1, $3, $4, 'available', now() WHERE NOT EXISTS (SELECT FROM waiting)`
	args, _ := json.Marshal(job) // ids cannot fail
	b.Queue(hasten, job.Kind(), string(args), interactive, maxAttempts)
}

// placeOf is the queue that a job goes to, and for how long it waits there.
func placeOf(j chat.Job) (queue string, delay time.Duration) {
	switch j.(type) {
	case chat.DiscardJob:
		return background, discardAfter
	case chat.LookUpJob:
		return background, lookUpAfter
	default:
		return interactive, 0
	}
}
