package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"textme/chat"
)

// State is where a job stands.
type State = rivertype.JobState

// Failed lists the states of jobs that went wrong: waiting to be tried again,
// and given up after the last attempt.
func Failed() []State {
	return []State{rivertype.JobStateRetryable, rivertype.JobStateDiscarded}
}

// States lists every state a job may be in.
func States() []State { return rivertype.JobStates() }

// Row is one job as operators see it. Like the job itself it holds ids and
// never a phone number or a text.
type Row struct {
	ID          int64           `json:"id"`
	Kind        string          `json:"kind"`
	Queue       string          `json:"queue"`
	State       State           `json:"state"`
	Args        json.RawMessage `json:"args"`
	Attempt     int             `json:"attempt"`
	MaxAttempts int             `json:"max_attempts"`
	CreatedAt   time.Time       `json:"created_at"`
	ScheduledAt time.Time       `json:"scheduled_at"` // when it runs next, or last became due
	FinalizedAt *time.Time      `json:"finalized_at,omitempty"`
	LastError   string          `json:"last_error,omitempty"`
	LastErrorAt *time.Time      `json:"last_error_at,omitempty"`
}

// MostListed is how many jobs List returns at the most.
const MostListed = 10_000

// List returns the newest jobs in the given states, newest first, at most
// limit of them; limit is 1 to MostListed.
func (q *Queue) List(ctx context.Context, states []State, limit int) ([]Row, error) {
	params := river.NewJobListParams().States(states...).OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(limit)
	found, err := q.client.JobList(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	rows := make([]Row, 0, len(found.Jobs))
	for _, job := range found.Jobs {
		rows = append(rows, rowOf(job))
	}
	return rows, nil
}

// Retry makes a job due now and returns it as it is afterwards. One that is
// running is left alone, one that has finished runs once more. It returns
// chat.ErrNotFound for a job that is not there (any more).
func (q *Queue) Retry(ctx context.Context, id int64) (Row, error) {
	job, err := q.client.JobRetry(ctx, id)
	if errors.Is(err, river.ErrNotFound) {
		err = chat.ErrNotFound
	}
	if err != nil {
		return Row{}, fmt.Errorf("retry job %d: %w", id, err)
	}
	return rowOf(job), nil
}

// retryBatch bounds what RetryFailed reads at once.
const retryBatch = 500

// RetryFailed makes every job due now that had failed when it was called, and
// counts them. A job that fails again meanwhile is not tried twice.
func (q *Queue) RetryFailed(ctx context.Context) (retried int, err error) {
	params := river.NewJobListParams().States(Failed()...).OrderBy(river.JobListOrderByID, river.SortOrderAsc).First(retryBatch)
	for {
		found, err := q.client.JobList(ctx, params)
		if err != nil {
			return retried, fmt.Errorf("list failed jobs: %w", err)
		}
		for _, job := range found.Jobs {
			if _, err := q.Retry(ctx, job.ID); err != nil && !errors.Is(err, chat.ErrNotFound) {
				return retried, err
			}
			retried++
		}
		if len(found.Jobs) < retryBatch {
			return retried, nil
		}
		params = params.After(found.LastCursor)
	}
}

func rowOf(job *rivertype.JobRow) Row {
	row := Row{
		ID: job.ID, Kind: job.Kind, Queue: job.Queue, State: job.State, Args: json.RawMessage(job.EncodedArgs),
		Attempt: job.Attempt, MaxAttempts: job.MaxAttempts,
		CreatedAt: job.CreatedAt, ScheduledAt: job.ScheduledAt, FinalizedAt: job.FinalizedAt,
	}
	if len(job.Errors) > 0 {
		last := slices.MaxFunc(job.Errors, func(a, b rivertype.AttemptError) int { return a.At.Compare(b.At) })
		row.LastError, row.LastErrorAt = last.Error, &last.At
	}
	return row
}
