package twiliosim

import (
	"slices"
	"time"
)

// Entry is one line of the ledger: something that happened for good.
type Entry struct {
	Seq  int       // from 1, without gaps
	At   time.Time // by the Server's clock
	Fact Fact      // a value, not a pointer, of one of the types below; switch on it
}

// Fact is what an Entry tells.
type Fact interface{ fact() }

// Facts that carry a record carry it as it was just then.

// ConversationCreated is a new conversation, by a call or by autocreation.
type ConversationCreated struct{ Conversation Conversation }

// ConversationUpdated is a conversation changed by a call; if its state is among
// the changes, ConversationMoved follows.
type ConversationUpdated struct{ Conversation Conversation }

// ConversationMoved is a change of state. Reason is API, TIMER or EVENT.
type ConversationMoved struct{ ConversationSID, From, To, Reason string }

// ConversationDeleted ends a conversation with everything in it.
type ConversationDeleted struct{ ConversationSID string }

// ParticipantAdded is a new participant, by a call or by autocreation.
type ParticipantAdded struct{ Participant Participant }

// ParticipantUpdated is a participant changed by a call.
type ParticipantUpdated struct{ Participant Participant }

// ParticipantRemoved is the end of a participant, but for one whose conversation
// is deleted.
type ParticipantRemoved struct{ Participant Participant }

// MessageCreated is a message by the API or, with Source SMS, from a handset.
// Recipients are the pairs it is sent to.
type MessageCreated struct {
	Message    Message
	Recipients []Pair
}

// MessageUpdated is a message changed by a call.
type MessageUpdated struct{ Message Message }

// MessageDeleted takes a message out of its conversation, not off a handset.
type MessageDeleted struct{ ConversationSID, MessageSID string }

// HandsetTexted is a text from a handset. ConversationSID is empty if no
// conversation took it.
type HandsetTexted struct {
	Text            Text
	ConversationSID string
}

// TextDelivered is a text that a handset shows from now on. Twilio's own answers
// to keywords are in no conversation.
type TextDelivered struct {
	Text            Text
	ConversationSID string
}

// TextLost is a text that never reached its handset; Text says why.
type TextLost struct {
	Text            Text
	ConversationSID string
}

// ReceiptUpdated is one more word of the carrier.
type ReceiptUpdated struct{ Receipt Receipt }

// OptedOut is a STOP that had an effect.
type OptedOut struct{ OptOut OptOut }

// OptedIn is a START that ended what OptedOut began.
type OptedIn struct{ OptOut OptOut }

// WebhookAttempt is one delivery of a webhook, answered or given up, or one
// that a fault has lost, with nothing in Status and Err.
type WebhookAttempt struct {
	ID, EventType, Scope        string
	ConversationSID, MessageSID string
	Status                      int
	Err                         string
	Faults                      []string
}

// APICall is one call at its end: answered, broken off, or with Status 0 left
// without an answer. Phone and Sender are whom it is about, as far as that is
// known, Conversation the UniqueName, else SID, it names. Code is the error code
// of the answer. What a call that is committed late does to the world comes
// after it.
type APICall struct {
	Route                       string
	Phone, Sender, Conversation string
	Status, Code                int
	Fault                       string
	Started                     time.Time
}

func (ConversationCreated) fact() {}
func (ConversationMoved) fact()   {}
func (ConversationUpdated) fact() {}
func (ConversationDeleted) fact() {}
func (ParticipantAdded) fact()    {}
func (ParticipantUpdated) fact()  {}
func (ParticipantRemoved) fact()  {}
func (MessageCreated) fact()      {}
func (MessageUpdated) fact()      {}
func (MessageDeleted) fact()      {}
func (HandsetTexted) fact()       {}
func (TextDelivered) fact()       {}
func (TextLost) fact()            {}
func (ReceiptUpdated) fact()      {}
func (OptedOut) fact()            {}
func (OptedIn) fact()             {}
func (WebhookAttempt) fact()      {}
func (APICall) fact()             {}

// Ledger returns everything that has happened to the account since New, in the
// order in which it did: nothing is ever taken out or changed. It is nil without
// Options.Ledger.
func (s *Server) Ledger() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger)
}

// note adds to the ledger. The Server's lock must be held.
func (s *Server) note(at time.Time, f Fact) {
	if s.opts.Ledger {
		s.ledger = append(s.ledger, Entry{Seq: len(s.ledger) + 1, At: at, Fact: f})
	}
}

func (c *change) note(f Fact) { c.s.note(c.now, f) }
