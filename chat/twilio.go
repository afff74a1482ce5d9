package chat

import (
	"context"
	"fmt"
	"time"
)

// Twilio is what the use cases need of Twilio's Conversations API. Every call
// is one HTTP request (or one after another for lists), bounded by its
// context and by the client's own limit per call, and waits for Spend before
// it. All return a *TwilioError when Twilio refuses or cannot be reached.
type Twilio interface {
	conversationAPI
	participantAPI
	messageAPI
	discoveryAPI
	capacityAPI
}

type capacityAPI interface {
	// Reserve waits until one call may begin, as every call does first, and
	// returns a context with which the next one begins at once. release gives
	// the right back if that call was not made.
	Reserve(ctx context.Context) (reserved context.Context, release func(), err error)
}

type conversationAPI interface {
	// CreateConversation makes a conversation under uniqueName. Calling it
	// twice with one name fails with code 50353 the second time.
	CreateConversation(ctx context.Context, uniqueName string) (RemoteConversation, error)
	// FetchConversation reads one by its SID or unique name. An error of class
	// Gone tells that there is none.
	FetchConversation(ctx context.Context, sidOrUniqueName string) (RemoteConversation, error)
	// DeleteConversation removes one with all it holds; one that is gone
	// already is no error.
	DeleteConversation(ctx context.Context, sid ConversationSID) error
}

type participantAPI interface {
	// AddParticipant joins address to the conversation as an SMS participant
	// behind sender. The pair may be in one open conversation only: 50437
	// when it is in this one, 50416 when in another.
	AddParticipant(ctx context.Context, sid ConversationSID, address, sender Phone) (RemoteParticipant, error)
	// Participants lists everybody in the conversation.
	Participants(ctx context.Context, sid ConversationSID) ([]RemoteParticipant, error)
	// ConversationsOf lists the conversations address takes part in through
	// sender, or through any with "", closed ones left out.
	ConversationsOf(ctx context.Context, address, sender Phone) ([]Membership, error)
	// HeldElsewhere reports whether sid is an open conversation of another
	// Conversation Service of the account, which no other call sees. It makes a call
	// for each.
	HeldElsewhere(ctx context.Context, sid ConversationSID) (bool, error)
}

type messageAPI interface {
	// CreateMessage posts a text; every SMS participant receives it. Twilio
	// has no idempotent create: after an unknown outcome, look first. The
	// message's ID travels in the attributes so that it can be found.
	CreateMessage(ctx context.Context, sid ConversationSID, m Outgoing) (RemoteMessage, error)
	// MessagesAfter lists the messages with an index above after, oldest
	// first; -1 lists all.
	MessagesAfter(ctx context.Context, sid ConversationSID, after int) ([]RemoteMessage, error)
	// FetchMessage reads one. An error of class Gone tells that there is none.
	FetchMessage(ctx context.Context, sid ConversationSID, message MessageSID) (RemoteMessage, error)
	// Receipts lists what the carrier has said of a message so far, one
	// receipt for each participant it was sent to.
	Receipts(ctx context.Context, sid ConversationSID, message MessageSID) ([]Receipt, error)
}

type discoveryAPI interface {
	// ConversationsSince lists the conversations that were created at since
	// or later, closed ones too.
	ConversationsSince(ctx context.Context, since time.Time) ([]RemoteConversation, error)
}

// Membership is one conversation that an address takes part in.
type Membership struct {
	Conversation RemoteConversation
	Participant  RemoteParticipant
}

// TwilioError is a call that Twilio refused, or whose fate is unknown.
type TwilioError struct {
	Op         string          // the call, such as "create conversation"
	Code       int             // Twilio's error code; 0 when there was none to read
	Status     int             // HTTP status; 0 when there was no answer
	Holder     ConversationSID // of 50416: the conversation named as holding the pair
	RetryAfter time.Duration   // when Twilio named one
	// Alone: RetryAfter is for calls about the same thing (Concern), and others
	// may go on.
	Alone bool
	// Unknown: the call may have been carried out although no answer said
	// so. Look before repeating it.
	Unknown bool
	Err     error // what the SDK or the network said; holds no phone number
}

// Error names the call, the code, what it means and what to do about it.
func (e *TwilioError) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("twilio: %s: %v", e.Op, e.Err)
	}
	c := ExplainCode(e.Code)
	if e.Holder != "" {
		return fmt.Sprintf("twilio: %s: %d %s, %s (%s)", e.Op, e.Code, c.Meaning, e.Holder, c.Advice)
	}
	return fmt.Sprintf("twilio: %s: %d %s (%s)", e.Op, e.Code, c.Meaning, c.Advice)
}

// Unwrap returns the cause.
func (e *TwilioError) Unwrap() error { return e.Err }

// heldBack reports whether our client made no call, for nobody is to call Twilio now.
// It says nothing of what the call would have been about.
func (e *TwilioError) heldBack() bool { return e.Status == 0 && e.RetryAfter > 0 && !e.Alone }

// Class is what the error calls for.
func (e *TwilioError) Class() ErrorClass {
	switch {
	case e.Unknown:
		return Transient
	case e.Code != 0 && knownCode(e.Code):
		return ExplainCode(e.Code).Class
	case e.Status == 404:
		return Gone
	case e.Status == 401 || e.Status == 403:
		return OperatorError
	case e.Status == 0 || e.Status == 429 || e.Status >= 500:
		return Transient
	default:
		return Bug
	}
}
