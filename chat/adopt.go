package chat

import (
	"cmp"
	"context"
	"errors"
	"time"
)

type adoptStore interface {
	// SenderKnown reports whether sender is one of ours.
	SenderKnown(ctx context.Context, sender Phone) (bool, error)
	// AdoptConversation makes a row for a conversation that Twilio made by
	// itself when a customer texted us, and applies the events parked for it.
	AdoptConversation(ctx context.Context, a Adoption) error
	// Parked sums up what the conversation's parked events tell.
	Parked(ctx context.Context, sid ConversationSID) (Parked, error)
	// DropParked forgets what a foreign conversation's parked events said.
	DropParked(ctx context.Context, sid ConversationSID, reason string) error
	// Unheld reports whether no row has this conversation.
	Unheld(ctx context.Context, sid ConversationSID) (bool, error)
	// Held reports whether an open row has this conversation.
	Held(ctx context.Context, sid ConversationSID) (bool, error)
}

// Adoption is a conversation at Twilio that becomes a row of ours.
type Adoption struct {
	SID         ConversationSID
	Participant RemoteParticipant
	ReplyFrom   int
	// Ended says why the conversation is over already, "" if it is not: then
	// its row is closed and only keeps what was said.
	Ended string
}

// Parked is what the events tell that wait for their conversation to be a row's.
type Parked struct {
	Since    time.Time         // when the first came; zero: there are none
	Customer RemoteParticipant // the one SMS participant; zero if none or several were told of
	Left     bool              // the customer was told to have been taken out
}

// Adopt looks at a conversation that sends us events but is in no row: one
// that nobody has marked as theirs, with a single customer behind a sender of
// ours, becomes a row, also if it has ended or been emptied meanwhile: what was
// said in it, a STOP above all, was said to us. Any other is foreign and its
// parked events are emptied. Calling it again is safe.
func (s *Service) Adopt(ctx context.Context, sid ConversationSID) error {
	unheld, err := s.store.Unheld(ctx, sid)
	if err != nil || !unheld {
		return err
	}
	a := Adoption{SID: sid}
	rc, err := s.twilio.FetchConversation(ctx, string(sid))
	switch {
	case isGone(err):
		a.Ended = deletedAtTwilio
		return s.adoptTold(ctx, a)
	case err != nil:
		return err
	case rc.claimed():
		return s.store.DropParked(ctx, sid, ForeignClaimed)
	case rc.State == string(Closed):
		a.Ended = closedAtTwilio
	}
	people, err := s.twilio.Participants(ctx, sid)
	if err != nil {
		return err
	}
	if len(people) == 0 {
		a.Ended = cmp.Or(a.Ended, emptiedAtTwilio)
		return s.adoptTold(ctx, a)
	}
	var ours bool
	if a.Participant, ours, err = s.ourCustomer(ctx, people); err != nil {
		return err
	}
	if !ours {
		return s.store.DropParked(ctx, sid, ForeignUnclaimed)
	}
	texts, err := s.twilio.MessagesAfter(ctx, sid, -1)
	if err != nil {
		return err
	}
	a.ReplyFrom = replyFrom(texts, s.now())
	if err := s.store.AdoptConversation(ctx, a); err != nil {
		return err
	}
	if unheld, err = s.store.Unheld(ctx, sid); err != nil || unheld { // the pair's own row takes it over, and listens
		return err
	}
	return s.ingest(ctx, sid, texts)
}

const (
	closedAtTwilio  = "closed at Twilio"
	deletedAtTwilio = "deleted at Twilio"
	emptiedAtTwilio = "nobody is in it at Twilio"
)

// Why a conversation is foreign, and for how long it then counts as such: what is said
// in it is dropped without another look, until an event of OwnerTypes tells of a change.
const (
	ForeignClaimed   = "the number is in a conversation of another system with this sender"
	ForeignUnclaimed = "not one of our customers' conversations"
	ForeignFor       = time.Hour
)

// AdoptPatience is how long webhooks that tell who was in a conversation may
// come after the first of its others. Twilio promises no order. As long as one is so
// new, nobody relies on its being foreign because of who is in it: lists lag behind.
const AdoptPatience = time.Minute

// adoptTold goes by what webhooks have told of an ended conversation: Twilio does
// not know any more who was in it. One that only seems to be empty may be so new
// that its list of participants lags behind.
func (s *Service) adoptTold(ctx context.Context, a Adoption) error {
	told, err := s.store.Parked(ctx, a.SID)
	if err != nil {
		return err
	}
	unclear := told.Customer.SID == "" || a.Ended == emptiedAtTwilio && !told.Left
	if age := s.now().Sub(told.Since); unclear && age < AdoptPatience {
		return Snooze{After: max(2*time.Second, age/2), Why: "who was in it has not been told yet"}
	}
	p, ours, err := s.ourCustomer(ctx, []RemoteParticipant{told.Customer})
	if err != nil {
		return err
	}
	if !ours {
		return s.store.DropParked(ctx, a.SID, a.Ended)
	}
	a.Participant = p
	return s.store.AdoptConversation(ctx, a)
}

// ourCustomer finds the one SMS participant of a conversation and reports
// whether it sits behind a sender of ours. Several are a group, not ours; a short code
// or a name is a program, and nobody's phone.
func (s *Service) ourCustomer(ctx context.Context, people []RemoteParticipant) (RemoteParticipant, bool, error) {
	var customer RemoteParticipant
	for _, p := range people {
		switch {
		case p.Address == "":
		case customer.SID != "":
			return RemoteParticipant{}, false, nil
		default:
			customer = p
		}
	}
	if customer.SID == "" || PhoneOf(string(customer.Address)) == "" || customer.ProxyAddress == "" {
		return RemoteParticipant{}, false, nil
	}
	known, err := s.store.SenderKnown(ctx, customer.ProxyAddress)
	return customer, known, err
}

// ingest stores messages found by asking as events, exactly as if a webhook
// had brought them.
func (s *Service) ingest(ctx context.Context, sid ConversationSID, texts []RemoteMessage) error {
	events := make([]Event, len(texts))
	for i, m := range texts {
		events[i] = PolledMessage(sid, m)
	}
	return s.tell(ctx, events...)
}

// tell stores what was found by asking.
func (s *Service) tell(ctx context.Context, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	results, err := s.store.ApplyEvents(ctx, events)
	for _, r := range results {
		LogPaused(ctx, s.log, r)
	}
	return err
}

// Discard deletes a conversation that we made at Twilio and then did not use, but
// only if no open row has it and nobody and nothing is in it.
func (s *Service) Discard(ctx context.Context, made ConversationRef) error {
	rc, err := s.twilio.FetchConversation(ctx, string(made))
	if err != nil {
		return ignoreGone(err)
	}
	sid := rc.SID
	held, err := s.store.Held(ctx, sid)
	if err != nil || held {
		return err
	}
	people, err := s.twilio.Participants(ctx, sid)
	if err != nil {
		return ignoreGone(err)
	}
	texts, err := s.twilio.MessagesAfter(ctx, sid, -1)
	if err != nil {
		return ignoreGone(err)
	}
	if len(people) > 0 || len(texts) > 0 {
		return nil
	}
	return s.twilio.DeleteConversation(ctx, sid)
}

// ReplyAge is how old a text may be for the bot to answer it: an answer to
// something said an hour ago confuses more than silence.
const ReplyAge = 15 * time.Minute

// replyFrom is the first index of a taken-over conversation that the bot may
// answer: what was said just now, but nothing from before.
func replyFrom(texts []RemoteMessage, now time.Time) int {
	from := 0
	for _, m := range texts {
		if now.Sub(m.At) > ReplyAge {
			from = m.Index + 1
		}
	}
	return from
}

func isGone(err error) bool {
	var te *TwilioError
	return errors.As(err, &te) && te.Class() == Gone
}

func ignoreGone(err error) error {
	if isGone(err) {
		return nil
	}
	return err
}
