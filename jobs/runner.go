package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"textme/chat"
)

// Options tune a Runner. The zero value is the production setting.
type Options struct {
	Workers int         // interactive jobs at once; 0 means 32
	Timing  chat.Timing // zero means chat.TimingFor(chat.DefaultRescue)
	Observe Observe     // nil: nobody is told
	// Reconcile is how often to look for conversations that are due to be
	// polled; 0: never.
	Reconcile time.Duration
}

// Observe is told of every run that has ended: of a job, by its kind, and of
// what runs regularly, as kind "sweep", "reconcile" or "prune". It must be quick
// and safe for concurrent use.
type Observe func(kind string, result Result, took time.Duration)

// Result is how a run ended.
type Result string

// The results of a run.
const (
	Done      Result = "done"
	Snoozed   Result = "snoozed"   // it has more to do and runs again later
	Cancelled Result = "cancelled" // what it was about is gone
	Errored   Result = "failed"    // it is tried again, or given up
)

// The pace of the queue. The cooldown bounds how many jobs one worker slot
// starts per second; five milliseconds keep an idle queue's latency low. Nobody
// announces a snoozed job when its time has come: it is found when the queue is
// looked at anyway.
const (
	defaultWorkers    = 32
	backgroundWorkers = 4
	fetchCooldown     = 5 * time.Millisecond
	fetchEvery        = 200 * time.Millisecond
	softStop          = 10 * time.Second
)

// How long ended jobs are kept. What a finished one did stands in the rows it
// worked on, so it is kept only for as long as somebody may want to look at
// what is going on: at 1,000 jobs a second, an hour is 3.6 million rows of
// river_job, where River's own 24 hours would be 86 million. Given-up jobs are
// few and wait for somebody to look into them after a weekend.
const (
	keepCompleted = time.Hour
	keepCancelled = 24 * time.Hour
	keepDiscarded = 7 * 24 * time.Hour
)

// Runner runs jobs.
type Runner struct {
	client    *river.Client[pgx.Tx]
	periodics []*periodic
}

// pruneEvery is how often what is past its retention is taken out.
const pruneEvery = time.Hour

// NewRunner makes a Runner that works on service. Call Start to begin.
func NewRunner(pool *pgxpool.Pool, service *chat.Service, opts Options, log *slog.Logger) (*Runner, error) {
	if opts.Workers == 0 {
		opts.Workers = defaultWorkers
	}
	if opts.Timing == (chat.Timing{}) {
		opts.Timing = chat.TimingFor(chat.DefaultRescue)
	}
	if opts.Observe == nil {
		opts.Observe = func(string, Result, time.Duration) {}
	}
	workers := river.NewWorkers()
	for _, err := range []error{
		add(workers, opts.Observe, func(ctx context.Context, j chat.AdvanceJob) error { return service.Advance(ctx, j.ConversationID) }),
		add(workers, opts.Observe, func(ctx context.Context, j chat.AdoptJob) error { return service.Adopt(ctx, j.ConversationSID) }),
		add(workers, opts.Observe, func(ctx context.Context, j chat.DiscardJob) error { return service.Discard(ctx, j.Conversation) }),
		add(workers, opts.Observe, func(ctx context.Context, j chat.LookUpJob) error { return service.LookUp(ctx, j.EventID) }),
	} {
		if err != nil {
			return nil, fmt.Errorf("runner: %w", err)
		}
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues: map[string]river.QueueConfig{
			interactive: {MaxWorkers: opts.Workers, FetchCooldown: fetchCooldown, FetchPollInterval: fetchEvery},
			background:  {MaxWorkers: backgroundWorkers},
		},
		Workers:              workers,
		MaxAttempts:          maxAttempts,
		RetryPolicy:          retry{time.Now},
		JobTimeout:           opts.Timing.Job,
		RescueStuckJobsAfter: opts.Timing.Rescue,
		SoftStopTimeout:      softStop,
		JobStuckHandler:      errorLog{log}.stuck,
		JobStuckThreshold:    opts.Timing.Rescue - opts.Timing.Job, // then it is run again
		ErrorHandler:         errorLog{log},
		Logger:               log.With("component", "river"),

		CompletedJobRetentionPeriod: keepCompleted,
		CancelledJobRetentionPeriod: keepCancelled,
		DiscardedJobRetentionPeriod: keepDiscarded,
	})
	if err != nil {
		return nil, fmt.Errorf("runner: %w", err)
	}
	r := &Runner{client: client}
	for _, p := range []*periodic{
		{name: "sweep", every: opts.Timing.Rescue / 3, run: service.Sweep},
		{name: "reconcile", every: opts.Reconcile, run: service.Reconcile},
		{name: "prune", every: pruneEvery, run: service.Prune},
	} {
		if p.every > 0 {
			p.observe, p.log = opts.Observe, log
			r.periodics = append(r.periodics, p)
		}
	}
	return r, nil
}

// Start begins to run jobs until Stop. ctx only bounds the start itself.
func (r *Runner) Start(ctx context.Context) error {
	if err := r.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	for _, p := range r.periodics {
		p.start() //nolint:contextcheck // it runs until stop, not until the start's context ends
	}
	return nil
}

// Stop takes no more jobs, waits for the running ones and, after ten seconds,
// hands those still running back to the queue. It returns when all have ended
// or ctx has.
func (r *Runner) Stop(ctx context.Context) error {
	for _, p := range r.periodics {
		p.stop()
	}
	if err := r.client.Stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stop jobs: %w", err)
	}
	return nil
}

// worker runs a use case for one kind of job.
type worker[T chat.Job] struct {
	river.WorkerDefaults[T]
	observe Observe
	run     func(context.Context, T) error
}

func add[T chat.Job](workers *river.Workers, observe Observe, run func(context.Context, T) error) error {
	return river.AddWorkerSafely(workers, &worker[T]{observe: observe, run: run})
}

// Work runs the job. A use case that has to wait is snoozed, and so is one that
// Twilio, or the client while Twilio does not answer, has asked to wait: no
// attempt is counted for it.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	result, start := Errored, time.Now() // also if it panics
	defer func() { w.observe(job.Kind, result, time.Since(start)) }()
	err := w.run(chat.Concerning(ctx, job.Args), job.Args)
	var snooze chat.Snooze
	var te *chat.TwilioError
	switch {
	case errors.As(err, &snooze):
		result = Snoozed
		if snooze.Afresh {
			return again(ctx, job, snooze.After)
		}
		return river.JobSnooze(snooze.After)
	case errors.As(err, &te) && te.RetryAfter > 0:
		result = Snoozed
		return river.JobSnooze(te.RetryAfter)
	case errors.Is(err, chat.ErrNotFound):
		result = Cancelled
		return river.JobCancel(err)
	case err == nil:
		result = Done
	}
	return err
}

// again ends the job in favour of a new one like it, which has not failed yet.
// If the process dies between the two there is one wake-up too many.
func again[T chat.Job](ctx context.Context, job *river.Job[T], after time.Duration) error {
	_, err := river.ClientFromContext[pgx.Tx](ctx).Insert(ctx, job.Args, &river.InsertOpts{
		Queue: job.Queue, MaxAttempts: job.MaxAttempts, ScheduledAt: time.Now().Add(after),
	})
	if err != nil {
		return fmt.Errorf("queue again: %w", err)
	}
	return nil
}

// errorLog is the one place where a failed job is logged.
type errorLog struct{ log *slog.Logger }

// HandleError implements river.ErrorHandler.
func (l errorLog) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	l.log.WarnContext(ctx, "job failed", "job_id", job.ID, "job_kind", job.Kind, "attempt", job.Attempt, "err", err)
	return nil
}

// stuck tells of a job that does not return, whatever its context says. It gives its
// slot up: it is run again, and again, and would take one slot after the other.
func (l errorLog) stuck(ctx context.Context, job river.JobStuckHandlerParams) river.JobStuckHandlerResult {
	l.log.ErrorContext(ctx, "job does not return", "job_id", job.ID, "job_kind", job.Kind, "stuck_jobs", job.TotalStuckJobs)
	return river.JobStuckHandlerResult{AddWorkerSlot: true}
}

// HandlePanic implements river.ErrorHandler.
func (l errorLog) HandlePanic(ctx context.Context, job *rivertype.JobRow, _ any, trace string) *river.ErrorHandlerResult {
	l.log.ErrorContext(ctx, "job panicked", "job_id", job.ID, "job_kind", job.Kind, "attempt", job.Attempt, "trace", trace)
	return nil
}
