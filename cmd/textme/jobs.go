package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"textme/chat"
	"textme/jobs"
	"textme/store"
)

type jobsCommand struct {
	List  jobsList  `cmd:"" help:"List jobs, newest first: those that failed, or those in the given states."`
	Retry jobsRetry `cmd:"" help:"Make a job due now, or all that failed."`
}

// withQueue runs f on the queue of the settings, or of a running dev.
func (s databaseSettings) withQueue(ctx context.Context, f func(*jobs.Queue) error) error {
	d, _, err := s.orDev(keySettings{})
	if err != nil {
		return err
	}
	pool, err := store.Open(ctx, d.DatabaseURL, d.DatabaseConns)
	if err != nil {
		return usageError{err}
	}
	defer pool.Close()
	queue, err := jobs.NewQueue(pool)
	if err != nil {
		return err
	}
	return f(queue)
}

type jobsList struct {
	databaseSettings
	State []string `help:"failed (retryable and discarded), all, or any of available, scheduled, running, retryable, discarded, cancelled, completed, pending." default:"failed"`
	Limit int      `help:"How many at the most." default:"100"`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// Run lists the jobs.
func (c *jobsList) Run(ctx context.Context, w world) error {
	states, err := c.states()
	if err != nil {
		return usageError{err}
	}
	if c.Limit < 1 || c.Limit > jobs.MostListed {
		return usageError{fmt.Errorf("--limit: 1 to %d", jobs.MostListed)}
	}
	return c.withQueue(ctx, func(q *jobs.Queue) error {
		rows, err := q.List(ctx, states, c.Limit)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return printJSON(w, rows)
		case len(rows) == 0:
			_, err := fmt.Fprintf(w.out, "No %s jobs.\n", strings.Join(c.State, " or "))
			return err
		}
		return printJobs(w, rows)
	})
}

func (c *jobsList) states() (states []jobs.State, err error) {
	for _, name := range c.State {
		switch {
		case name == "failed":
			states = append(states, jobs.Failed()...)
		case name == "all":
			states = append(states, jobs.States()...)
		case slices.Contains(jobs.States(), jobs.State(name)):
			states = append(states, jobs.State(name))
		default:
			return nil, fmt.Errorf("--state: %q is no state of a job; see textme jobs list --help", name)
		}
	}
	return states, nil
}

func printJobs(w world, rows []jobs.Row) error {
	t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tKIND\tSTATE\tATTEMPTS\tDUE OR ENDED\tABOUT\tLAST ERROR")
	for _, r := range rows {
		at := r.ScheduledAt
		if r.FinalizedAt != nil {
			at = *r.FinalizedAt
		}
		message, _, _ := strings.Cut(r.LastError, "\n")
		fmt.Fprintf(t, "%d\t%s\t%s\t%d of %d\t%s\t%s\t%s\n",
			r.ID, r.Kind, r.State, r.Attempt, r.MaxAttempts, at.UTC().Format(time.RFC3339), about(r.Args), message)
	}
	return t.Flush()
}

// about is the id that a job's arguments consist of.
func about(args json.RawMessage) string {
	var fields map[string]string
	if json.Unmarshal(args, &fields) != nil || len(fields) != 1 {
		return string(args)
	}
	for _, id := range fields {
		return id
	}
	return ""
}

type jobsRetry struct {
	databaseSettings
	ID        int64 `arg:"" optional:"" help:"The job, as textme jobs list shows it."`
	AllFailed bool  `help:"Every job that failed: those waiting for another attempt, and those given up."`
}

// Run makes jobs due now.
func (c *jobsRetry) Run(ctx context.Context, w world) error {
	if (c.ID != 0) == c.AllFailed {
		return usageError{errors.New("name one job, or --all-failed")}
	}
	return c.withQueue(ctx, func(q *jobs.Queue) error {
		if c.AllFailed {
			n, err := q.RetryFailed(ctx)
			fmt.Fprintf(w.out, "made due: %d\n", n)
			return err
		}
		row, err := q.Retry(ctx, c.ID)
		switch {
		case errors.Is(err, chat.ErrNotFound):
			return fmt.Errorf("there is no job %d; ended jobs are kept for a while only", c.ID)
		case err != nil:
			return err
		}
		_, err = fmt.Fprintf(w.out, "job %d (%s %s) is %s\n", row.ID, row.Kind, about(row.Args), row.State)
		return err
	})
}
