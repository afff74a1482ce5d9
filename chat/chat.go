// Package chat is the domain: what a sign-up, a conversation and a message
// are, and the use cases that move them. It knows no HTTP, SQL, queue or SDK;
// the packages at the edges implement the small interfaces declared beside
// each use case.
//
// Two edges record facts: a form posts a sign-up, Twilio posts an event. Each
// fact is committed together with a wake-up for the conversation it concerns,
// and Advance, the one worker of a conversation, then does all the slow things
// in order: decide the sign-ups (admit.go), make the conversation real at
// Twilio (provision.go), hear what was said in one that was taken over (hear.go),
// let the bot answer (reply.go) and send what is queued (send.go). Only the holder of the conversation's lease does any of it, and
// every save is fenced by the lease, so a worker that was paused too long
// changes nothing.
//
// Business outcomes are values; errors are for breakage.
package chat

import (
	"errors"
	"regexp"
	"time"

	"github.com/google/uuid"
)

// The SIDs of the objects we keep, typed so that they cannot be swapped. The
// zero value means "not known yet". Each is two capitals and 32 hex digits
// (https://www.twilio.com/docs/glossary/what-is-a-sid).
type (
	// ConversationSID is CH…, a Conversation at Twilio.
	ConversationSID string
	// ParticipantSID is MB…, a Participant of a Conversation.
	ParticipantSID string
	// MessageSID is IM…, a Message of a Conversation.
	MessageSID string
)

// ConversationRef is what Twilio takes for a Conversation in a path: its SID, or
// the unique name that we gave it, where the call to make it had no answer.
type ConversationRef string

var sidPattern = regexp.MustCompile(`^(CH|MB|IM)[0-9a-fA-F]{32}$`)

// Valid reports whether s has the shape of a Conversation SID. A SID from
// outside must be valid before it becomes part of a URL.
func (s ConversationSID) Valid() bool { return validSID(string(s), "CH") }

// Valid reports whether s has the shape of a Participant SID.
func (s ParticipantSID) Valid() bool { return validSID(string(s), "MB") }

// Valid reports whether s has the shape of a Message SID.
func (s MessageSID) Valid() bool { return validSID(string(s), "IM") }

func validSID(s, prefix string) bool {
	return len(s) == 34 && s[:2] == prefix && sidPattern.MatchString(s)
}

// State is where a conversation stands. Open means not closed; live means
// active.
type State string

// The states of a conversation.
const (
	Pending State = "pending" // not at Twilio yet, or its participant is missing
	Active  State = "active"  // CH and MB are known: texts flow
	Failed  State = "failed"  // open, but not going on without a new reason to
	Closed  State = "closed"  // final; the pair is free for a new conversation
)

// Handler is who answers the customer.
type Handler string

// The handlers of a conversation.
const (
	BotHandler   Handler = "bot"
	AgentHandler Handler = "agent"
)

// Conversation is our row for one (sender, customer), as its worker needs it.
type Conversation struct {
	ID         uuid.UUID
	CustomerID uuid.UUID
	Phone      Phone  // the customer's
	Sender     Phone  // ours; Twilio's MessagingBinding.ProxyAddress
	UniqueName string // at Twilio: "textme-" and the ID

	SID            ConversationSID // "" until known
	ParticipantSID ParticipantSID  // "" until known, and after it vanished
	State          State
	Adopted        bool // made by somebody else at Twilio and taken over
	// CreateAttempted: a create call was begun, so the conversation may be at
	// Twilio under our unique name although we know no SID.
	CreateAttempted bool
	FailedAt        time.Time // zero unless State is Failed
	// Decided: none of its sign-ups waits for an outcome or a welcome text.
	Decided bool
	Handler Handler
	// ReplyFrom is the first index the bot may answer; AnsweredThrough the
	// last it has dealt with (-1: none); GapsChecked the last up to which
	// holes were looked up at Twilio (-1: none).
	ReplyFrom, AnsweredThrough, GapsChecked int
	// HeardAt is when Twilio was last asked for all that was said here, long
	// ago: never; EverywhereAt when this worker asked for all that the person
	// has said to us, wherever, zero: it has not.
	HeardAt, EverywhereAt time.Time
	// Paused says why nothing may be sent, "" when it may; PausedUntil is
	// when one call may probe, and Probing marks the worker that does.
	// AccountPaused: not only the sender is, so that no call is made;
	// CredentialsRefused: that is because Twilio took no call at all.
	Paused             string
	AccountPaused      bool
	CredentialsRefused bool
	PausedUntil        time.Time
	Probing            bool
	Sent               int       // texts this worker got to Twilio
	RestoringSince     time.Time // as in GateFacts
	// Outage: Twilio could not be looked through for long, whoever was out of reach, and
	// has not answered since.
	Outage bool
	// OutageEndedAt is when the latest one ended, long ago: there was none.
	OutageEndedAt time.Time

	LoadedAt time.Time // by the database's clock
	Lease    Lease
}

// Lease is the right to work on one conversation until it runs out. Every
// save of a worker carries it and is refused with ErrLeaseLost when somebody
// else has taken over.
type Lease struct {
	ConversationID uuid.UUID
	Token          uuid.UUID
	WorkSeq        int64 // the facts seen: done when no newer one has come
}

// Errors that callers tell apart.
var (
	// ErrNotFound: no such row.
	ErrNotFound = errors.New("not found")
	// ErrLeaseBusy: another worker has the conversation; try again later.
	ErrLeaseBusy = errors.New("conversation is leased to another worker")
	// ErrLeaseLost: the lease ran out and was taken; nothing was saved.
	ErrLeaseLost = errors.New("lease lost")
	// ErrForged: a webhook whose signature does not match, or of another account.
	ErrForged = errors.New("webhook signature does not match")
	// ErrUnavailable: the database cannot commit now; nothing was recorded.
	ErrUnavailable = errors.New("database unavailable")
)

// Snooze is returned by a use case that has more to do but must wait: not a
// failure, and no attempt is counted.
type Snooze struct { //nolint:errname // a wait, not a failure
	After time.Duration
	Why   string
	// Afresh: something was reached, so that earlier failures no longer count
	// when the next one is to be waited out.
	Afresh bool
}

// Error says why the use case waits.
func (s Snooze) Error() string { return "snooze " + s.After.String() + ": " + s.Why }
