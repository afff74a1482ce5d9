package chat

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

type admitStore interface {
	// Admission loads what the decisions of a conversation need.
	Admission(ctx context.Context, c Conversation) (Admission, error)
	// Decide records outcomes. With reopen a failed conversation is pending
	// again. If the conversation is active and owes a welcome text, this
	// queues it.
	Decide(ctx context.Context, lease Lease, decisions []Decision, reopen bool) error
}

// Admission is what is known when sign-ups are decided.
type Admission struct {
	Undecided   []UndecidedSignup // oldest first
	OptedOut    bool
	Admitted    bool      // an earlier sign-up of this conversation was admitted
	Wanted      bool      // an earlier sign-up or a text of the person calls for it
	Owed        bool      // an earlier sign-up was admitted, and no welcome text was queued for it here
	Welcomed    bool      // a welcome text was sent here, or given up for a reason of its own
	LastWelcome time.Time // when this person was last welcomed in another conversation; zero: never
}

// UndecidedSignup is an accepted sign-up without an outcome.
type UndecidedSignup struct {
	ID uuid.UUID
	At time.Time
}

// Decision gives a sign-up its outcome.
type Decision struct {
	SignupID uuid.UUID
	Outcome  Outcome
	Reason   string // in plain words; empty for Admitted and Joined
}

// admit decides every undecided sign-up of the conversation, and sees to the
// welcome of those that were admitted before their row was merged into this
// one. A conversation that nothing calls for is closed before Twilio ever hears
// of it, and in a closed one nothing is decided any more.
func (s *Service) admit(ctx context.Context, c *Conversation) error {
	if c.State == Closed {
		return s.wrapUp(ctx, c)
	}
	if c.State == Active && c.Decided { // as nearly always: somebody has texted
		return nil
	}
	a, err := s.store.Admission(ctx, *c)
	if err != nil {
		return err
	}
	if len(a.Undecided) > 0 || a.Owed && c.State == Active {
		reopen := s.reopens(*c)
		decisions := s.decide(*c, a, reopen)
		if slices.ContainsFunc(decisions, func(d Decision) bool { return d.Outcome == Joined }) {
			if err := s.alive(ctx, c); err != nil {
				return err
			}
		}
		if err := s.store.Decide(ctx, c.Lease, decisions, reopen); err != nil {
			return err
		}
		if reopen {
			c.State = Pending
		}
		for _, d := range decisions {
			a.Wanted = a.Wanted || d.Outcome.wantsConversation()
		}
	}
	if c.State == Pending && c.SID == "" && !a.Wanted {
		if err := s.store.CloseConversation(ctx, c.Lease, "no sign-up was admitted", false); err != nil {
			return err
		}
		c.State = Closed
	}
	return nil
}

// alive makes sure that a conversation at Twilio still is, before somebody who has
// just signed up is told nothing because they are in it: webhooks that would have
// told of its end may be lost. One that has ended is an error as of any call in
// it; a vanished participant makes it pending. While the account is paused nothing can
// be asked, and the decision waits for the probe: once it stands, nobody looks again. An
// answer ends such a pause only where no call was taken: credentials that may read are
// perhaps still not to write.
// What is wrong with the sender alone keeps nobody from asking.
func (s *Service) alive(ctx context.Context, c *Conversation) error {
	if c.SID == "" || c.State != Active && c.State != Pending {
		return nil
	}
	if c.AccountPaused {
		if err := s.blocked(ctx, c); err != nil {
			return err
		}
	}
	if err := s.room(ctx); err != nil {
		return err
	}
	rc, err := s.twilio.FetchConversation(ctx, string(c.SID))
	if err != nil {
		return err
	}
	if c.CredentialsRefused { // an answer ends that; there may be nothing else to call for
		if err := s.answered(ctx, c); err != nil {
			return err
		}
	}
	if rc.State == string(Closed) {
		return &TwilioError{Op: "fetch conversation", Code: 50377, Err: errClosed}
	}
	if c.State == Pending { // whoever is missing is about to be added
		return nil
	}
	if err := s.room(ctx); err != nil {
		return err
	}
	people, err := s.twilio.Participants(ctx, c.SID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(people, func(p RemoteParticipant) bool { return p.SID == c.ParticipantSID }) {
		return nil
	}
	if err := s.tell(ctx, PolledParticipantRemoved(c.SID, c.ParticipantSID, s.now())); err != nil {
		return err
	}
	c.State, c.ParticipantSID = Pending, ""
	return nil
}

// wrapUp sees to what a conversation owed when it was closed. A text that was
// being sent then is looked for first, so that nobody is welcomed twice. A row
// that was closed while its conversation went on, because the person was added to
// it again at that moment or later, is opened again.
func (s *Service) wrapUp(ctx context.Context, c *Conversation) error {
	if err := s.lookForAll(ctx, c); err != nil {
		return err
	}
	lives, err := s.lives(ctx, c)
	if err != nil {
		return err
	}
	if lives {
		reopened, err := s.store.Reopen(ctx, c.Lease)
		if err != nil {
			return err
		}
		if reopened {
			return Snooze{Why: "the conversation lives", Afresh: true}
		}
	}
	return s.store.WrapUp(ctx, c.Lease)
}

// lives reports whether a closed row's conversation is open at Twilio, nobody
// else's, and has the person in it. While everything is paused nobody asks: the
// person's next text wakes the row again.
func (s *Service) lives(ctx context.Context, c *Conversation) (bool, error) {
	if c.SID == "" || c.Phone == "" || c.Paused != "" {
		return false, nil
	}
	if err := s.room(ctx); err != nil {
		return false, err
	}
	rc, err := s.twilio.FetchConversation(ctx, string(c.SID))
	if err != nil || rc.State == string(Closed) || rc.claimed() {
		return false, ignoreGone(err)
	}
	if err := s.room(ctx); err != nil {
		return false, err
	}
	people, err := s.twilio.Participants(ctx, c.SID)
	in := slices.ContainsFunc(people, func(p RemoteParticipant) bool { return p.Address == c.Phone && p.ProxyAddress == c.Sender })
	return in, ignoreGone(err)
}

// reopens reports whether a failed conversation may be tried again by now.
func (s *Service) reopens(c Conversation) bool {
	return c.State == Failed && s.now().Sub(c.FailedAt) >= s.opts.RetryFailedAfter
}

// afresh is a failed conversation as it counts when it is tried again: new, unless
// it has had its welcome text, for there is no second.
func afresh(c Conversation, a Admission) (Conversation, Admission) {
	c.State, a.Admitted = Pending, a.Welcomed
	return c, a
}

// decide applies the rules of admission to every undecided sign-up.
func (s *Service) decide(c Conversation, a Admission, reopen bool) []Decision {
	if reopen {
		c, a = afresh(c, a)
	}
	decisions := make([]Decision, 0, len(a.Undecided))
	for _, u := range a.Undecided {
		d := Decision{SignupID: u.ID, Outcome: Admitted}
		for _, rule := range admissionRules {
			if reason, objects := rule.ask(s, c, a, u.At); objects {
				d.Outcome, d.Reason = rule.outcome, reason
				break
			}
		}
		a.Admitted = a.Admitted || d.Outcome == Admitted
		decisions = append(decisions, d)
	}
	return decisions
}

// admissionRules in their order; the first that objects to a sign-up of that
// time names its outcome.
var admissionRules = []struct {
	name    string
	outcome Outcome
	ask     func(s *Service, c Conversation, a Admission, at time.Time) (reason string, objects bool)
	fine    string // what there is to say when it does not object
}{
	{"policy", Refused, func(s *Service, c Conversation, _ Admission, _ time.Time) (string, bool) {
		reason := s.refuse(c)
		return reason, reason != ""
	}, "a mobile number of a region that is served"},
	{"earlier failure", SignupFailed, func(_ *Service, c Conversation, _ Admission, _ time.Time) (string, bool) {
		return "the number failed before and is not tried again yet", c.State == Failed
	}, "the number has not failed, or may be tried again"},
	{"opt-out", OptedOut, func(_ *Service, _ Conversation, a Admission, _ time.Time) (string, bool) {
		return "the person replied STOP; only their START lifts it", a.OptedOut
	}, "the person has not opted out"},
	{"first sign-up", Joined, func(_ *Service, _ Conversation, a Admission, _ time.Time) (string, bool) {
		return "", a.Admitted
	}, "no sign-up of this conversation was admitted before"},
	{"welcome cap", Capped, func(s *Service, _ Conversation, a Admission, at time.Time) (string, bool) {
		capped := s.opts.WelcomeEvery > 0 && !a.LastWelcome.IsZero() && at.Sub(a.LastWelcome) < s.opts.WelcomeEvery
		return "the number was welcomed a short while ago", capped
	}, "no other conversation welcomed the number lately"},
}

// wantsConversation reports whether a sign-up with this outcome needs the
// conversation at Twilio. An opted-out person's is made too, without a text,
// so that their START can reach us.
func (o Outcome) wantsConversation() bool {
	return o == Admitted || o == Joined || o == OptedOut
}
