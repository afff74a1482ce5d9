package chat

import (
	"context"
	"log/slog"
	"time"

	"textme/bot"
)

// Store is what the use cases need of the database. Each method is one
// transaction; those that take a Lease return ErrLeaseLost, and change
// nothing, once another worker has taken it.
type Store interface {
	leaseStore
	admitStore
	provisionStore
	adoptStore
	replyStore
	sendStore
	pauseStore
	paceStore
	eventStore
	sweepStore
	reconcileStore
	discoveryStore
	retentionStore
	lookUpStore
	hearStore
}

// eventStore takes facts from Twilio, however they reached us.
type eventStore interface {
	// ApplyEvents stores and applies events in order and returns one Result
	// for each. An event that was applied before changes nothing.
	ApplyEvents(ctx context.Context, events []Event) ([]Result, error)
}

// Options tune the use cases. The zero value of a limit switches it off.
type Options struct {
	Script *bot.Script // nil: the bot is silent
	// Regions are the two-letter codes of the numbers we text; empty means
	// the sender's own region, "*" any.
	Regions []string
	// WelcomeEvery caps welcome texts at one per number in this time.
	WelcomeEvery time.Duration
	// RetryFailedAfter is how long a number stays failed before a new
	// sign-up tries it again.
	RetryFailedAfter time.Duration
	// AdoptUnclaimed lets a sign-up take over the conversation at Twilio that
	// has the pair and that nobody has marked as theirs; without it the
	// sign-up fails. Adopt does not ask.
	AdoptUnclaimed bool
	// CreateEvery and SendEvery are the least time between two creates of
	// conversations, and between two texts of one sender, of all replicas.
	CreateEvery, SendEvery time.Duration
	// ReconcileEvery is how often Twilio is asked about a conversation in
	// which something happened within a day; 0 asks about none.
	ReconcileEvery time.Duration
	// PollCallEvery is the least time between two calls of the reconciler,
	// of all replicas; 0 sets no bound.
	PollCallEvery time.Duration
	// Timing is how long things may take; zero means TimingFor(DefaultRescue).
	Timing Timing
	// Quiet are the hours in which only answers to a person's own act go out.
	Quiet QuietHours
}

// Service runs the use cases of the workers. It is safe for concurrent use;
// what must not happen twice is guarded by leases in the Store.
type Service struct {
	store  Store
	twilio Twilio
	pace   *pacer
	vain   *inVain
	opts   Options
	now    func() time.Time
	log    *slog.Logger

	failedPolls failedPolls
}

// New wires the use cases. now is the clock, UTC.
func New(store Store, twilio Twilio, opts Options, now func() time.Time, log *slog.Logger) *Service {
	if opts.Timing == (Timing{}) {
		opts.Timing = TimingFor(DefaultRescue)
	}
	return &Service{store: store, twilio: twilio, pace: newPacer(store), vain: newInVain(), opts: opts, now: now, log: log}
}

// Timing is how long things may take; each is longer than the one before, so
// that a live worker keeps its lease and a dead one's is free when it is
// looked for.
type Timing struct {
	Look   time.Duration // after a post without an answer, before looking for it
	Call   time.Duration // one call to Twilio
	Job    time.Duration // one run of a job
	Lease  time.Duration // the right to work on a conversation
	Rescue time.Duration // until a dead worker's work is taken up again
}

// DefaultRescue is the Rescue that the other times are made for.
const DefaultRescue = 30 * time.Second

// TimingFor derives all times from the last: 30 s gives 2 s, 4 s, 20 s and
// 25 s. Tests that kill workers use less.
func TimingFor(rescue time.Duration) Timing {
	return Timing{Look: rescue / 15, Call: rescue * 2 / 15, Job: rescue * 2 / 3, Lease: rescue * 5 / 6, Rescue: rescue}
}

// lastWords is a context for what is to be written at the end also when ctx has ended, as
// when the service stops: what one leaves behind keeps others waiting.
func (s *Service) lastWords(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.opts.Timing.Call)
}

// room returns a Snooze when the job's time no longer allows another call: a
// step that needs one starts only while there is time for it, so that a job is
// never cut off inside a call whose fate it would not learn.
func (s *Service) room(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < s.opts.Timing.Call {
		return Snooze{Why: "job time is used up"}
	}
	return nil
}
