package chat

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Via is how an event reached us.
type Via string

// The ways.
const (
	ViaWebhook Via = "webhook"
	ViaPoll    Via = "poll"
)

// The event types we act on, as Twilio names them
// (https://www.twilio.com/docs/conversations-classic/conversations-webhooks).
// Any other type is stored and not acted on.
const (
	ConversationAdded        = "onConversationAdded"
	ConversationUpdated      = "onConversationUpdated"
	ConversationRemoved      = "onConversationRemoved"
	ConversationStateUpdated = "onConversationStateUpdated"
	ParticipantAdded         = "onParticipantAdded"
	ParticipantUpdated       = "onParticipantUpdated"
	ParticipantRemoved       = "onParticipantRemoved"
	MessageAdded             = "onMessageAdded"
	MessageUpdated           = "onMessageUpdated"
	MessageRemoved           = "onMessageRemoved"
	DeliveryUpdated          = "onDeliveryUpdated"
)

// The event types about users, who are no customers but staff and programs of others
// that take part by an identity: nothing of ours depends on them. They come where
// somebody has set their filters.
const (
	UserAdded   = "onUserAdded"
	UserUpdated = "onUserUpdated"
)

// ClassicMessage is our name for what the classic Messaging webhook of a number
// tells, which names no type: somebody has texted it
// (https://www.twilio.com/docs/messaging/guides/webhook-request).
const ClassicMessage = "classicMessage"

// EventTypes lists the types about conversations: the filters that webhooks are asked for.
func EventTypes() []string {
	return []string{
		ConversationAdded, ConversationUpdated, ConversationRemoved, ConversationStateUpdated,
		ParticipantAdded, ParticipantUpdated, ParticipantRemoved,
		MessageAdded, MessageUpdated, MessageRemoved, DeliveryUpdated,
	}
}

// OwnerTypes lists the types that may tell what makes a foreign conversation ours.
// ParticipantUpdated is not one of them: it comes as often as texts do, whenever
// somebody has read on.
func OwnerTypes() []string {
	return []string{ConversationAdded, ConversationUpdated, ConversationStateUpdated, ParticipantAdded, ParticipantRemoved}
}

// Event is one fact from Twilio. Exactly the part that belongs to its type is
// set beside the SIDs.
type Event struct {
	Key         [sha256.Size]byte // equal for the same fact however it reaches us
	Via         Via
	Type        string
	SID         ConversationSID // the conversation it is about; "" for facts about none
	Participant RemoteParticipant
	Message     RemoteMessage
	Receipt     Receipt
	User        RemoteUser
	Classic     ClassicText
	StateTo     string    // of ConversationStateUpdated: active, inactive or closed
	At          time.Time // Twilio's word on when; zero when it gave none
	ID          uuid.UUID // of its row; the store sets it
	ReceivedAt  time.Time // when it reached us; the store sets it
	AppliedAt   time.Time // when it was applied before; zero for never; the store sets it
	Payload     json.RawMessage
	// ByUs: a call of ours has done it, so that no webhook is due. It is not stored.
	ByUs bool
	// Problem says why the event cannot be acted on, such as "MessageSid is
	// missing"; it is then stored and nothing else. Empty for a sound event.
	// It quotes no value, so that it may be logged.
	Problem string
}

// TellsKeyword reports whether the event tells of a text that reads like a STOP or a
// START.
func (e Event) TellsKeyword() bool {
	word := ReadKeyword(e.Message.Body, true)
	return e.TellsMessage() && (word == Stop || word == Start)
}

// TellsMessage reports whether the event says what a message reads. That one is
// gone, a poll finds without having seen it.
func (e Event) TellsMessage() bool {
	return e.Message.SID != "" && (e.Type != MessageRemoved || e.Via != ViaPoll)
}

// EventKey is the natural key of a fact: its type and the parts that tell it
// from every other fact of that type. The same parts give the same key for
// ever, which is what makes a replay harmless.
func EventKey(eventType string, parts ...string) [sha256.Size]byte {
	return sha256.Sum256([]byte(eventType + "\x00" + strings.Join(parts, "\x00")))
}

// Applied says what became of one event.
type Applied string

// What became of an event.
const (
	EventApplied   Applied = "applied"
	EventDuplicate Applied = "duplicate" // known before: nothing changed
	EventParked    Applied = "parked"    // its conversation is not ours yet
	EventForeign   Applied = "foreign"   // its conversation is somebody else's, as was seen a while ago: its payload is not kept
	EventEcho      Applied = "echo"      // a classic webhook for a text that its conversation brings as well
	EventStored    Applied = "stored"    // kept, but nothing to act on, or not applicable (Error says why)
)

// Result says what became of one event given to ApplyEvents.
type Result struct {
	Applied Applied
	Error   string // why a stored event could not be applied; "" otherwise
	Paused  Pause  // what the event has just paused; zero if it has not
}

// RemoteConversation is a Conversation as Twilio has it.
type RemoteConversation struct {
	SID        ConversationSID
	UniqueName string
	Attributes string // a JSON string, "{}" when unset
	State      string // initializing, inactive, active or closed
}

// RemoteParticipant is a Participant as Twilio has it. Address and
// ProxyAddress are empty for a chat identity.
type RemoteParticipant struct {
	SID          ParticipantSID
	Address      Phone
	ProxyAddress Phone
}

// RemoteMessage is a Message as Twilio has it.
type RemoteMessage struct {
	SID         MessageSID
	Index       int
	OurID       uuid.UUID // from the attributes of a message we posted; Nil for others
	Author      string
	Participant ParticipantSID // "" when the author is no participant
	Body        string
	Media       json.RawMessage // Twilio's array of metadata; nil without media
	At          time.Time
	UpdatedAt   time.Time
	ByProgram   bool // posted or edited through Twilio's API or SDK; only webhooks tell
}

// Edited reports whether the body may be another than it was at first.
func (m RemoteMessage) Edited() bool { return m.UpdatedAt.After(m.At) }

// Receipt is Twilio's word on one message's delivery to one participant.
type Receipt struct {
	SID         string // DY…
	Message     MessageSID
	Participant ParticipantSID
	Channel     string // SM…, MM… of the carrier message
	Status      Status
	ErrorCode   int
	At          time.Time
}

// RemoteUser is a User as Twilio has it: whoever takes part by an identity instead
// of a phone.
type RemoteUser struct {
	SID          string // US…
	Identity     string
	FriendlyName string
}

// ClassicText is a text as the classic Messaging webhook tells of it. It names
// no conversation and no time.
type ClassicText struct {
	SID      string // SM… or MM…, the carrier message
	From, To Phone
	Body     string
	OptOut   Keyword // as Twilio read it, which it tells only with Advanced Opt-Out
}

// MessageAttributes is what we write into a message's attributes at Twilio, so
// that it can be found when the answer to its creation was lost.
func MessageAttributes(id uuid.UUID) string { return `{"textme":"` + id.String() + `"}` }

// ReadMessageAttributes returns the id that MessageAttributes wrote, uuid.Nil
// for attributes of anybody else.
func ReadMessageAttributes(attributes string) uuid.UUID {
	var ours struct {
		ID uuid.UUID `json:"textme"`
	}
	if err := json.Unmarshal([]byte(attributes), &ours); err != nil {
		return uuid.Nil
	}
	return ours.ID
}
