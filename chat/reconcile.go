package chat

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

type reconcileStore interface {
	// ClaimPolls picks conversations that are due, those with texts waiting
	// to be sent first, quiet ones last, and keeps them from other replicas
	// for hold. None are due while Twilio has asked to wait.
	ClaimPolls(ctx context.Context, most int, hold time.Duration) ([]Poll, error)
	// Undelivered lists the texts of a conversation whose delivery is not
	// settled and worth asking about, oldest first, at the most so many.
	Undelivered(ctx context.Context, conversation uuid.UUID, most int) ([]MessageSID, error)
	// FinishPoll saves what was asked and when to ask again.
	FinishPoll(ctx context.Context, done PollDone) error
}

// Poll is a conversation whose turn it is to be polled.
type Poll struct {
	ConversationID   uuid.UUID
	SID              ConversationSID
	Participant      ParticipantSID // "" while it is missing
	State            State
	GapsChecked      int
	DueAt            time.Time // when it should have been polled
	LastActivity     time.Time
	MappingCheckedAt time.Time
}

// PollDone is what a poll came to.
type PollDone struct {
	Poll
	HeardAt time.Time     // when it was asked for all that was said; zero: it was not
	Asked   []MessageSID  // messages whose receipts were asked for
	Mapping bool          // the mapping was checked
	Next    time.Duration // until the next poll; 0: never
	// IfActive is the same for a conversation in which something has
	// happened since it was claimed.
	IfActive time.Duration
}

// The pace of polling.
const (
	pollBatch    = 10
	pollHold     = 2 * time.Minute // a claim that a dead replica leaves behind
	mostReceipts = 50              // asked for in one poll; the next takes the rest
	liveFor      = 24 * time.Hour
	rarest       = 7 * 24 * time.Hour
	mappingCheck = 24 * time.Hour
)

// Reconcile asks Twilio what webhooks should have told: texts above the last
// index known to be complete, receipts that are not final, whether each
// conversation and its participant still stand, and conversations that texts
// began while nobody listened. What it finds becomes events, and only what
// they call for is done: a conversation that was closed or deleted at Twilio
// is recorded as such, a vanished participant is added again.
//
// It works until nothing is due, or until Twilio asks to wait. Any number of
// replicas may run it at once; each conversation is polled by one. What was not
// polled because of an error stays due.
func (s *Service) Reconcile(ctx context.Context) error {
	if s.opts.ReconcileEvery <= 0 {
		return nil
	}
	err := s.reconcile(ctx)
	var snooze Snooze
	if errors.As(err, &snooze) {
		s.log.InfoContext(ctx, "reconcile waits", "after", snooze.After, "why", snooze.Why)
		return nil
	}
	return err
}

func (s *Service) reconcile(ctx context.Context) error {
	for {
		if err := s.discover(ctx); err != nil {
			return err
		}
		polls, err := s.store.ClaimPolls(ctx, pollBatch, pollHold)
		if err != nil || len(polls) == 0 {
			return err
		}
		for _, p := range polls {
			if err := s.poll(ctx, p); err != nil {
				return err
			}
		}
	}
}

// poll asks about one conversation and sets when it is next.
func (s *Service) poll(ctx context.Context, p Poll) error {
	done := PollDone{Poll: p, Next: s.nextPoll(p), IfActive: s.opts.ReconcileEvery}
	err := s.ask(ctx, &done)
	var te *TwilioError
	switch {
	case err == nil:
	case isGone(err) && errors.As(err, &te):
		if err := s.serviceStands(ctx, te); err != nil {
			return err
		}
		done.Next, done.IfActive = 0, 0
		if err := s.tell(ctx, PolledRemoved(p.SID, s.now())); err != nil {
			return err
		}
	case errors.As(err, &te) && te.Class() == Bug:
		// Twilio does not like the question: the others are not to suffer.
		s.log.ErrorContext(ctx, "poll refused", "conversation_id", p.ConversationID, "err", err)
	case errors.As(err, &te) && te.Class() == Transient:
		return te.putOff()
	default:
		return err
	}
	return s.store.FinishPoll(ctx, done)
}

// ask makes the calls of one poll. What they find is stored at once.
func (s *Service) ask(ctx context.Context, done *PollDone) error {
	if err := s.afford(ctx); err != nil {
		return err
	}
	asked := s.now()
	texts, err := s.twilio.MessagesAfter(ctx, done.SID, done.GapsChecked)
	if err != nil {
		return err
	}
	if err := s.ingest(ctx, done.SID, texts); err != nil {
		return err
	}
	done.HeardAt = asked
	if len(texts) > 0 {
		done.GapsChecked = max(done.GapsChecked, texts[len(texts)-1].Index)
	}
	if err := s.askReceipts(ctx, done); err != nil {
		return err
	}
	if done.State == Closed || !s.mappingDue(done.Poll) {
		return nil
	}
	done.Mapping = true
	return s.askMapping(ctx, done.Poll)
}

// askReceipts asks for the receipts that the messages of ours are waiting for.
func (s *Service) askReceipts(ctx context.Context, done *PollDone) error {
	unsettled, err := s.store.Undelivered(ctx, done.ConversationID, mostReceipts)
	if err != nil {
		return err
	}
	for _, m := range unsettled {
		if err := s.afford(ctx); err != nil {
			return err
		}
		receipts, err := s.twilio.Receipts(ctx, done.SID, m)
		if err != nil && !isGone(err) { // a single message may be deleted
			return err
		}
		events := make([]Event, len(receipts))
		for i, r := range receipts {
			events[i] = PolledReceipt(done.SID, r)
		}
		if err := s.tell(ctx, events...); err != nil {
			return err
		}
		done.Asked = append(done.Asked, m)
	}
	return nil
}

// askMapping checks that conversation and participant still stand. A
// participant who was added again by somebody else has another SID: the worker
// then finds that one.
func (s *Service) askMapping(ctx context.Context, p Poll) error {
	if err := s.afford(ctx); err != nil {
		return err
	}
	rc, err := s.twilio.FetchConversation(ctx, string(p.SID))
	switch {
	case err != nil:
		return err
	case rc.State == string(Closed):
		return s.tell(ctx, PolledClosed(p.SID, s.now()))
	case p.Participant == "":
		return nil
	}
	if err := s.afford(ctx); err != nil {
		return err
	}
	people, err := s.twilio.Participants(ctx, p.SID)
	if err != nil {
		return err
	}
	for _, person := range people {
		if person.SID == p.Participant {
			return nil
		}
	}
	return s.tell(ctx, PolledParticipantRemoved(p.SID, p.Participant, s.now()))
}

// mappingDue reports whether the mapping is to be checked in this poll: at most
// once a day, and whenever the poll is so late that we must have been away.
func (s *Service) mappingDue(p Poll) bool {
	away := s.now().Sub(p.DueAt) > 6*s.opts.ReconcileEvery
	return away || s.now().Sub(p.MappingCheckedAt) >= mappingCheck
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
