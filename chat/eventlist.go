package chat

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// EventRecord is one stored event as operators see it. Only Payload holds what
// a person wrote and their number.
type EventRecord struct {
	ID          uuid.UUID       `json:"id"`
	Via         Via             `json:"via"`
	Type        string          `json:"type"`
	SID         ConversationSID `json:"conversation_sid,omitempty"`
	Participant ParticipantSID  `json:"participant_sid,omitempty"`
	Message     string          `json:"message_sid,omitempty"`
	ReceivedAt  time.Time       `json:"received_at"`
	AppliedAt   *time.Time      `json:"applied_at,omitempty"`
	Error       string          `json:"error,omitempty"` // why it cannot be applied
	PrunedAt    *time.Time      `json:"pruned_at,omitempty"`
	Payload     json.RawMessage `json:"payload,omitempty"` // set only where it is asked for
}

// Parked reports whether the event waits for its conversation to become ours.
func (e EventRecord) Parked() bool { return e.AppliedAt == nil && e.Error == "" }

// EventQuery asks for stored events, newest first. The zero value of a part
// does not narrow it.
type EventQuery struct {
	SID    ConversationSID
	Type   string
	Parked bool // only those that wait for their conversation
	Failed bool // only those with an error
	Since  time.Time
	Before uuid.UUID // only those that are older than this one
	Limit  int       // 1 to MostEventsListed
}

// MostEventsListed bounds EventQuery.Limit.
const MostEventsListed = 10_000
