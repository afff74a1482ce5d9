package chat

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

type leaseStore interface {
	// Lease takes the right to work on a conversation for d. It returns
	// ErrLeaseBusy while somebody else holds it, and work = false, without a
	// lease, when nothing is left to do.
	Lease(ctx context.Context, conversation uuid.UUID, d time.Duration) (lease Lease, work bool, err error)
	// Load reads the conversation as it is now, its work_seq into the Lease.
	Load(ctx context.Context, lease Lease) (Conversation, error)
	// Finish gives the lease back if no fact came since Load; otherwise it
	// keeps it and returns done = false. A conversation at Twilio is to be
	// polled after poll at the latest; 0: not because of this.
	Finish(ctx context.Context, lease Lease, poll time.Duration) (done bool, err error)
	// GiveBack gives the lease back with work left, which a job is going to
	// do after a while, or at once if facts have come since Load. poll is as
	// for Finish.
	GiveBack(ctx context.Context, lease Lease, after, poll time.Duration) (news bool, err error)
}

// Advance brings one conversation forward until nothing is left to do: it
// decides sign-ups, makes the conversation real at Twilio, lets the bot answer
// and sends what is queued. Calling it again is always safe; a surplus call
// ends at once. It returns a Snooze when it has to wait, and any other error
// when the same call should be tried again later.
func (s *Service) Advance(ctx context.Context, conversation uuid.UUID) error {
	lease, work, err := s.store.Lease(ctx, conversation, s.opts.Timing.Lease)
	switch {
	case errors.Is(err, ErrLeaseBusy):
		return Snooze{After: time.Second, Why: "another worker has the conversation"}
	case err != nil || !work:
		return err
	}
	for {
		c, err := s.store.Load(ctx, lease)
		if err == nil {
			err = s.admit(ctx, &c)
		}
		before := c // what was decided is nothing that Twilio did
		if err == nil {
			err = s.step(ctx, &c)
		}
		ended, progress := err, c.furtherThan(before)
		if err != nil {
			err = s.settle(ctx, &c, err, progress)
		}
		if perr := s.probed(ctx, &c, ended, err, progress); perr != nil {
			err = errors.Join(err, perr)
		}
		if err != nil {
			return s.giveBack(ctx, c.Lease, err)
		}
		lease.WorkSeq = c.Lease.WorkSeq
		done, err := s.store.Finish(ctx, lease, s.opts.ReconcileEvery)
		if err != nil || done {
			return err
		}
	}
}

// step does everything that can be done now for a conversation whose sign-ups are
// decided, in this order: nobody is texted before Twilio was asked what they have said,
// if that is due, and nothing is answered past a hole. An answer that has to wait keeps
// nothing else from being sent.
func (s *Service) step(ctx context.Context, c *Conversation) error {
	for _, do := range []func(context.Context, *Conversation) error{s.provision, s.listen} {
		if err := do(ctx, c); err != nil {
			return err
		}
	}
	answered := s.reply(ctx, c)
	if waits := (Snooze{}); answered != nil && !errors.As(answered, &waits) {
		return answered
	}
	if err := s.send(ctx, c); err != nil {
		return sooner(answered, err)
	}
	return answered
}

// LongestRetry is the longest that the queue waits before it tries a failed job
// again. Until then nobody else needs to wake the conversation.
const LongestRetry = time.Hour

// giveBack frees the lease with work left, also when ctx has ended: otherwise
// the next job would wait for the lease to run out. It returns what the job
// comes to because of cause. Whoever brought a fact meanwhile relied on this
// worker to see it, so a wait, which may be for the whole night, ends at once.
func (s *Service) giveBack(ctx context.Context, lease Lease, cause error) error {
	ctx, cancel := s.lastWords(ctx)
	defer cancel()
	var snooze Snooze
	waits := errors.As(cause, &snooze)
	after := snooze.After
	if !waits {
		after = LongestRetry
	}
	news, err := s.store.GiveBack(ctx, lease, after, s.opts.ReconcileEvery)
	switch {
	case errors.Is(err, ErrLeaseLost): // whoever has it will do the work
		return cause
	case err != nil:
		return errors.Join(err, cause)
	case waits && news:
		return Snooze{Why: "something has come meanwhile", Afresh: snooze.Afresh}
	}
	return cause
}

// misunderstood sets a conversation aside that Twilio refuses to make for a
// reason we do not know: asking again and again would not change it. Staff see
// it as failed and can have it tried again. In one that lives already it is
// only the question that was wrong, and the queue asks again.
func (s *Service) misunderstood(ctx context.Context, c *Conversation, te *TwilioError) error {
	if c.State != Pending {
		return te
	}
	s.log.ErrorContext(ctx, "twilio refused a request", "conversation_id", c.ID, "err", te)
	return s.fail(ctx, c, te.Code, "Twilio refused a request: "+ExplainCode(te.Code).Meaning)
}

// furtherThan reports whether something was reached at Twilio since before.
func (c Conversation) furtherThan(before Conversation) bool {
	return c.SID != before.SID || c.ParticipantSID != before.ParticipantSID || c.State != before.State || c.Sent != before.Sent
}

// settle turns a step's error into what it means for the conversation. Nil
// means that it has been dealt with for good. An error after some progress is
// no reason to back off as long as after the ones before.
func (s *Service) settle(ctx context.Context, c *Conversation, err error, progress bool) error {
	var te *TwilioError
	switch {
	case errors.Is(err, ErrLeaseLost):
		return Snooze{After: time.Second, Why: "lease lost"}
	case progress && errors.Is(err, ErrUnavailable):
		return Snooze{After: jittered(s.opts.Timing.Look), Why: "the database is not available", Afresh: true}
	case errors.Is(err, ErrInTheDark): // whoever posted it looks for it
		return Snooze{After: jittered(s.opts.Timing.Look), Why: "it is not known whether a text has left"}
	case !errors.As(err, &te):
		return err
	}
	switch te.Class() {
	case RecipientError:
		return s.fail(ctx, c, te.Code, ExplainCode(te.Code).Meaning)
	case Bug:
		return s.misunderstood(ctx, c, te)
	case Gone:
		if err := s.serviceStands(ctx, te); err != nil {
			return err
		}
		if c.SID == "" { // deleted between two of our calls: the next attempt makes it anew
			return te
		}
		return s.over(ctx, c, te)
	case ClosedForGood:
		return s.over(ctx, c, te)
	case OperatorError:
		return s.pause(ctx, AccountScope, te)
	case SenderError:
		return s.pause(ctx, string(c.Sender), te)
	case Transient:
		if progress && te.RetryAfter <= 0 {
			return Snooze{After: jittered(s.opts.Timing.Look), Why: te.Op, Afresh: true}
		}
		if te.Alone {
			return te.putOff()
		}
		return s.inTurn(*c, te.putOff())
	}
	return err
}

// putOff is a wait for as long as Twilio, or the client that found it not
// answering, named; without a time it is the error, and the queue backs off.
func (e *TwilioError) putOff() error {
	if e.RetryAfter <= 0 {
		return e
	}
	return Snooze{After: jittered(e.RetryAfter), Why: e.Op}
}

// inTurn lets those who wait for their conversation at Twilio come back one
// after the other: in an outage there are more of them than the rate of creating
// allows for, and they would only keep the workers busy with asking.
func (s *Service) inTurn(c Conversation, err error) error {
	var snooze Snooze
	if c.State != Pending || c.SID != "" || !errors.As(err, &snooze) {
		return err
	}
	snooze.After = s.pace.putOff(createScope, c.ID, max(s.opts.CreateEvery, closestTurns), snooze.After)
	return snooze
}

// closestTurns is how far apart those who wait come back at least, also where no
// rate is set: looking after thousands in vain is work too. It is the rate that
// Twilio documents, 30 conversations a second
// (https://www.twilio.com/docs/conversations-classic/conversations-limits).
const closestTurns = time.Second / 30

// serviceStands tells a deleted conversation from a Conversations service that
// is not there, as after a mistake in the settings: in that one everything would
// seem to be deleted. It pauses the account then, for gone is the operator's to
// repair.
func (s *Service) serviceStands(ctx context.Context, gone *TwilioError) error {
	if err := s.room(ctx); err != nil {
		return err
	}
	_, err := s.twilio.ConversationsSince(ctx, s.now().AddDate(0, 0, 2)) // an empty list
	if isGone(err) {
		return s.pause(ctx, AccountScope, gone)
	}
	return err
}

// over records what a refused call has told: the conversation is closed or
// deleted at Twilio. If that call probed, the account's pause ends first: the row that
// takes over begins at once, and is not to find it.
func (s *Service) over(ctx context.Context, c *Conversation, te *TwilioError) error {
	if err := s.answered(ctx, c); err != nil {
		return err
	}
	reason, found := closedAtTwilio, PolledClosed(c.SID, s.now())
	if te.Class() == Gone {
		reason, found = deletedAtTwilio, PolledRemoved(c.SID, s.now())
	}
	if c.SID != "" {
		if err := s.tell(ctx, found); err != nil {
			return err
		}
	}
	return s.store.CloseConversation(ctx, c.Lease, reason, te.Class() == Gone || c.State == Closed)
}
