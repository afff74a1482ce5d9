package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

type reconcileStore interface {
	// ClaimPolls picks conversations that are due, and after an outage every open one,
	// and keeps them from other replicas for hold. Some come before others, and none so
	// many that these never have a turn. None are picked while Twilio has asked to wait.
	ClaimPolls(ctx context.Context, most int, hold time.Duration) ([]Poll, error)
	// UnclaimPolls makes conversations that were claimed and not polled due
	// again, since their turn had come.
	UnclaimPolls(ctx context.Context, polls []Poll) error
	// Undelivered lists the texts of a conversation whose delivery is not
	// settled and worth asking about, oldest first, at the most so many.
	Undelivered(ctx context.Context, conversation uuid.UUID, most int) ([]MessageSID, error)
	// Transcript lists the messages of a conversation that are not known to be
	// deleted, with an index above after and up to through.
	Transcript(ctx context.Context, conversation uuid.UUID, after, through int) ([]TranscriptMessage, error)
	// FinishPoll saves what was asked and when to ask again.
	FinishPoll(ctx context.Context, done PollDone) error
	// Restored ends the restoring after an outage if nothing is left to be asked, and
	// reports that it did.
	Restored(ctx context.Context) (bool, error)
}

// Poll is a conversation whose turn it is to be polled.
type Poll struct {
	ConversationID   uuid.UUID
	SID              ConversationSID
	Participant      ParticipantSID // "" while it is missing
	State            State
	GapsChecked      int
	DueAt            time.Time // when it should have been polled
	TurnAt           time.Time // the same, but of one that was tried in vain since then: when it was to be again
	LastActivity     time.Time
	MappingCheckedAt time.Time
	Uncompared       bool // it was not compared with Twilio's since the latest outage
}

// TranscriptMessage is a message at Twilio that is in a transcript.
type TranscriptMessage struct {
	SID   MessageSID
	Index int
}

// PollDone is what a poll came to.
type PollDone struct {
	Poll
	HeardAt time.Time     // when it was asked for all that was said; zero: it was not
	Asked   []MessageSID  // messages whose receipts were asked for
	Mapping bool          // the mapping was checked
	Owed    bool          // it could not be asked, and not because of itself alone: it still is to be
	LetOff  bool          // it could not be asked, because of itself alone: an outage does not wait for it
	Next    time.Duration // until the next poll; 0: never
	// IfActive is the same for a conversation in which something has
	// happened since it was claimed.
	IfActive time.Duration
}

// The pace of polling.
const (
	pollBatch    = 10
	pollHold     = 2 * time.Minute // a claim that a dead replica leaves behind
	liveFor      = 24 * time.Hour
	rarest       = 7 * 24 * time.Hour
	mappingCheck = 24 * time.Hour
)

// Reconcile asks Twilio what webhooks should have told: texts above the last
// index known to be complete, receipts that are not final, whether each
// conversation and its participant still stand and its newest messages read as
// they did, and conversations that texts began while nobody listened. What it
// finds becomes events, and only what they call for is done: a conversation that
// was closed or deleted at Twilio is recorded as such, a vanished participant is
// added again.
//
// It works until nothing is due, or until Twilio asks to wait. Any number of
// replicas may run it at once; each conversation is polled by one. One about which
// Twilio cannot be asked keeps no other from its turn: it is tried again later, and
// the error says how many there were.
func (s *Service) Reconcile(ctx context.Context) error {
	if s.opts.ReconcileEvery <= 0 {
		return nil
	}
	err := s.reconcile(Budgeted(ctx, s.afford))
	if te := (*TwilioError)(nil); errors.As(err, &te) && te.Code == CodeCredentials {
		err = s.pause(ctx, AccountScope, te) // in a quiet hour nobody else would notice
	}
	if snooze := (Snooze{}); errors.As(err, &snooze) {
		s.log.InfoContext(ctx, "reconcile waits", "after", snooze.After, "why", snooze.Why)
		return nil
	}
	return err
}

func (s *Service) reconcile(ctx context.Context) error {
	for failed := 0; ; {
		if err := s.discover(ctx); err != nil {
			return err
		}
		if err := s.restored(ctx); err != nil {
			return err
		}
		polls, err := s.store.ClaimPolls(ctx, pollBatch, pollHold)
		switch {
		case err != nil:
			return err
		case len(polls) == 0 && failed > 0:
			return fmt.Errorf("%d polls failed", failed)
		case len(polls) == 0:
			return nil
		}
		for i, p := range polls {
			asked, err := s.poll(ctx, p)
			if err == nil && i+1 < len(polls) { // a batch may take long, and who does not look seems to be away
				err = s.discover(ctx)
			}
			if err != nil {
				return errors.Join(err, s.unclaim(ctx, polls[i+1:]))
			}
			if !asked {
				failed++
			}
		}
	}
}

// unclaim lets others have the polls that this run does not reach.
func (s *Service) unclaim(ctx context.Context, polls []Poll) error {
	ctx, cancel := s.lastWords(ctx)
	defer cancel()
	return s.store.UnclaimPolls(ctx, polls)
}

// poll asks about one conversation and sets when it is next. It reports whether
// Twilio could be asked; an error is one that all others would meet as well.
func (s *Service) poll(ctx context.Context, p Poll) (asked bool, err error) {
	done := PollDone{Poll: p, Next: s.nextPoll(p), IfActive: s.opts.ReconcileEvery}
	err = s.ask(Concerning(ctx, AdvanceJob{p.ConversationID}), &done)
	var te *TwilioError
	switch {
	case err == nil:
		s.failedPolls.wentWell(p.ConversationID)
		if err := s.credentialsWork(ctx); err != nil {
			return false, err
		}
	case isGone(err) && errors.As(err, &te):
		if err := s.serviceStands(ctx, te); err != nil {
			return false, err
		}
		done.Next, done.IfActive, done.Mapping = 0, 0, true
		if err := s.tell(ctx, PolledRemoved(p.SID, s.now())); err != nil {
			return false, err
		}
	case errors.As(err, &te) && te.Class() != Transient && te.Class() != OperatorError:
		// Twilio does not like the question: the others are not to suffer, and it is
		// not asked more often than if there were an answer.
		done.Mapping = done.Mapping || s.mappingDue(p)
		s.log.ErrorContext(ctx, "poll refused", "conversation_id", p.ConversationID, "err", err)
	case te != nil && te.Class() == OperatorError, errors.Is(err, ErrUnavailable), ctx.Err() != nil:
		return false, err
	default:
		return false, s.pollAgain(ctx, done, err)
	}
	return true, s.store.FinishPoll(ctx, done)
}

// credentialsWork ends the account's pause if Twilio took no call at all: it has just
// taken one.
func (s *Service) credentialsWork(ctx context.Context) error {
	ended, err := s.store.ResumeCredentials(ctx)
	if ended {
		s.log.InfoContext(ctx, sendingResumed)
	}
	return err
}

// mappingDue reports whether the mapping is to be checked in this poll: at most
// once a day, after an outage, and whenever the poll is so late that we must have been away.
func (s *Service) mappingDue(p Poll) bool {
	return p.Uncompared || s.now().Sub(p.DueAt) > s.away() || s.now().Sub(p.MappingCheckedAt) >= mappingCheck
}

// nextPoll is how long after this poll the next one is: ReconcileEvery while
// something happened within a day, then ever longer up to a week. Nobody is
// forgotten: they may refuse after years. A closed conversation can only bring
// late receipts.
func (s *Service) nextPoll(p Poll) time.Duration {
	quiet := s.now().Sub(p.LastActivity)
	switch {
	case quiet < liveFor:
		return s.opts.ReconcileEvery
	case p.State == Closed:
		return 0
	default:
		return max(s.opts.ReconcileEvery, min(rarest, quiet/24))
	}
}

// pollScope is the rate of polling calls that all replicas share.
const pollScope = "poll"

// afford waits until one more call is within the budget of polling.
func (s *Service) afford(ctx context.Context) error {
	for {
		err := s.pace.take(ctx, pollScope, uuid.Nil, s.opts.PollCallEvery)
		var snooze Snooze
		if !errors.As(err, &snooze) {
			return err
		}
		t := time.NewTimer(snooze.After)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}
