package chat

import (
	"context"
	"errors"
	"time"
)

type provisionStore interface {
	// MarkCreating remembers that a create call is about to begin.
	MarkCreating(ctx context.Context, lease Lease) error
	// SaveSID records the conversation at Twilio and applies events parked
	// for it. It returns ErrHeld when another row of ours has it, and ErrMoved
	// when this row has texts in another one.
	SaveSID(ctx context.Context, lease Lease, found Found) error
	// Merge gives this conversation's sign-ups to the row of the pair that has
	// sid: that row is opened again, this one closes. It returns ErrNotFound,
	// and changes nothing, if the row that has it is another pair's, and
	// ErrInTheDark while a text may have left of this row or of one that had
	// taken the other's sign-ups over.
	Merge(ctx context.Context, lease Lease, sid ConversationSID) error
	// Activate records the participant; from now on texts flow. The welcome
	// text, that of the source where the person signed up first, is queued in
	// the same transaction if a sign-up was admitted and none was queued here
	// before. A conversation that is not pending any more, and one whose
	// participant was told to be gone since the given time, stays as it is
	// (active = false).
	Activate(ctx context.Context, lease Lease, j Joining) (active bool, err error)
	// FailConversation ends the attempts for a reason that time does not mend.
	// Its sign-ups become failed, unless they were welcomed; its queued texts
	// are cancelled.
	FailConversation(ctx context.Context, lease Lease, code int, reason string) error
	// CloseConversation records that the conversation is over. If it owes a
	// sign-up its outcome or its welcome text, the pair's open row, if need be
	// a new one, takes over and is woken. A row that is closed already keeps
	// its reason. A text that was being sent keeps the row's worker awake until
	// it has been looked for; with looked that was done, or cannot be, and it
	// becomes failed. What a create call may have made for a row without a SID
	// is discarded.
	CloseConversation(ctx context.Context, lease Lease, reason string, looked bool) error
	// WrapUp does as CloseConversation for a row that is closed, with what was
	// being sent looked for. One that has been opened again since stays open.
	WrapUp(ctx context.Context, lease Lease) error
	// Reopen brings a closed row back whose conversation lives, with the pair in
	// it. An open row of the pair closes then, and this one takes over what it
	// owes, unless that row's worker is going to meet the conversation (reopened
	// = false). It returns ErrInTheDark while a text may have left of a row that
	// had taken this one's sign-ups over.
	Reopen(ctx context.Context, lease Lease) (reopened bool, err error)
}

// ErrHeld: another row of ours has this conversation at Twilio.
var ErrHeld = errors.New("conversation SID belongs to another row")

// ErrMoved: the row has texts in a conversation at Twilio that the pair has left.
var ErrMoved = errors.New("the pair is in a newer conversation than the row's texts")

// ErrInTheDark: a text of the row, or of another that is to be merged with it, may
// have left, and has not been looked for.
var ErrInTheDark = errors.New("a text of unknown outcome has not been looked for")

// Joining is a participant that a conversation is to become active with.
type Joining struct {
	SID         ConversationSID // the row's
	Participant ParticipantSID
	Since       time.Time // when Twilio was asked to add it, by the database's clock
}

// Found is a conversation at Twilio that becomes a row's.
type Found struct {
	SID       ConversationSID
	Made      bool // just now, by us: nothing has been said in it
	Adopted   bool
	ReplyFrom int             // first index the bot may answer
	Discard   ConversationRef // one we made and do not use; "" for none
}

var errClosed = errors.New("closed")

// errForeign: the pair is taken by a conversation of another system.
var errForeign = errors.New(ForeignClaimed)

// provision makes the conversation real at Twilio, continuing from whatever
// an earlier attempt reached: each SID is saved as soon as it is known.
func (s *Service) provision(ctx context.Context, c *Conversation) error {
	if c.State != Pending {
		return nil
	}
	if err := s.blocked(ctx, c); err != nil {
		return err
	}
	if c.SID == "" {
		if err := s.findOrCreate(ctx, c); err != nil {
			return s.foreign(ctx, c, err)
		}
	}
	if c.State != Pending { // merged into another row
		return nil
	}
	p, err := s.join(ctx, c)
	if err != nil {
		return s.foreign(ctx, c, err)
	}
	if c.State != Pending {
		return nil
	}
	active, err := s.store.Activate(ctx, c.Lease, Joining{SID: c.SID, Participant: p.SID, Since: c.LoadedAt})
	if err != nil {
		return err
	}
	if !active {
		return Snooze{After: jittered(s.opts.Timing.Look), Why: "the conversation or its participant went while it was added", Afresh: true}
	}
	c.ParticipantSID, c.State = p.SID, Active
	s.log.InfoContext(ctx, "conversation active", "conversation_id", c.ID, "conversation_sid", c.SID, "participant_sid", p.SID)
	return s.resume(ctx, c)
}

// foreign records that another system has the pair. Its conversation is left
// as it is.
func (s *Service) foreign(ctx context.Context, c *Conversation, err error) error {
	if !errors.Is(err, errForeign) {
		return err
	}
	const pairTaken = 50416
	return s.fail(ctx, c, pairTaken, errForeign.Error())
}

// fail ends the attempts, when it is known of every text whether it has left: in
// a failed conversation nobody looks any more.
func (s *Service) fail(ctx context.Context, c *Conversation, code int, reason string) error {
	err := s.lookForAll(ctx, c)
	if isGone(err) { // more than failed: over
		var te *TwilioError
		errors.As(err, &te)
		if err := s.serviceStands(ctx, te); err != nil {
			return err
		}
		err := s.over(ctx, c, te)
		c.State = Closed
		return err
	}
	if err != nil {
		return err
	}
	if err := s.store.FailConversation(ctx, c.Lease, code, reason); err != nil {
		return err
	}
	c.State = Failed
	s.log.InfoContext(ctx, "conversation failed", "conversation_id", c.ID, "code", code, "reason", reason)
	return nil
}

// findOrCreate gets c its conversation at Twilio: the one an earlier attempt
// made, one the pair is in already, or a new one.
func (s *Service) findOrCreate(ctx context.Context, c *Conversation) error {
	if c.CreateAttempted {
		rc, err := s.fetchOurs(ctx, *c)
		if err != nil || rc.SID != "" {
			return errors.Join(err, s.take(ctx, c, Found{SID: rc.SID}))
		}
	}
	if err := errors.Join(s.room(ctx), s.pace.ready(createScope, c.ID, s.opts.CreateEvery)); err != nil {
		return err
	}
	members, err := s.twilio.ConversationsOf(ctx, c.Phone, c.Sender)
	if err != nil {
		return err
	}
	if len(members) > 0 {
		var made ConversationRef // by a call that is still under way
		if c.CreateAttempted {
			made = ConversationRef(c.UniqueName)
		}
		return s.adopt(ctx, c, members[0].Conversation, made)
	}
	if err := s.pace.take(ctx, createScope, c.ID, s.opts.CreateEvery); err != nil {
		return err
	}
	if err := s.room(ctx); err != nil {
		return err
	}
	if err := s.store.MarkCreating(ctx, c.Lease); err != nil {
		return err
	}
	c.CreateAttempted = true
	rc, err := s.twilio.CreateConversation(ctx, c.UniqueName)
	made := err == nil
	if code(err) == 50353 { // the unique name is taken, and it is ours
		rc, err = s.twilio.FetchConversation(ctx, c.UniqueName)
	}
	if err != nil {
		return err
	}
	return s.take(ctx, c, Found{SID: rc.SID, Made: made})
}

// fetchOurs looks for what an earlier create call may have made. A zero SID
// means that it made nothing.
func (s *Service) fetchOurs(ctx context.Context, c Conversation) (RemoteConversation, error) {
	if err := s.room(ctx); err != nil {
		return RemoteConversation{}, err
	}
	rc, err := s.twilio.FetchConversation(ctx, c.UniqueName)
	var te *TwilioError
	if errors.As(err, &te) && te.Class() == Gone {
		return RemoteConversation{}, nil
	}
	if err == nil && rc.State == "closed" {
		return rc, &TwilioError{Op: "fetch conversation", Code: 50377, Err: errClosed}
	}
	return rc, err
}
