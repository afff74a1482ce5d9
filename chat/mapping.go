package chat

import (
	"time"

	"github.com/google/uuid"
)

// Mapping is one line of the admin page: who is mapped to which conversation
// and participant.
type Mapping struct {
	ID             uuid.UUID // the conversation's
	Phone          Phone     // "" once erased
	Name           string    // as typed at the latest sign-up; may be empty
	Sender         Phone
	SID            ConversationSID
	ParticipantSID ParticipantSID
	State          State
	Reason         string // why it failed or closed; empty otherwise
	LastActivity   time.Time
	OptedOut       bool
}

// MappingQuery asks for one page of mappings, newest activity first. At most
// one of Phone and SID is set; neither lists everything.
type MappingQuery struct {
	Phone  Phone
	SID    string // a CH… or MB…
	After  Cursor // continue below this one (older); zero: from the top
	Before Cursor // or continue above this one (newer)
	Limit  int    // 1 to 200
}

// Cursor is a place in the list of mappings. The zero value is no place.
type Cursor struct {
	At time.Time
	ID uuid.UUID
}

// IsZero reports whether c is no place.
func (c Cursor) IsZero() bool { return c.ID == uuid.Nil }

// MappingPage is one page of mappings, newest activity first.
type MappingPage struct {
	Mappings     []Mapping
	Newer, Older bool // there are more in that direction
}

// Dossier is everything the admin page shows of one conversation.
type Dossier struct {
	Mapping
	UniqueName    string
	Source        string // its key
	Handler       Handler
	Adopted       bool
	FailureCode   int
	OptedOutSince time.Time // zero unless opted out
	CreatedAt     time.Time
	Signups       []SignupRecord // oldest first
	Messages      []Message      // in the order of the conversation
	Changes       []Change       // oldest first, the last of very many
}

// Change is what Twilio told of a conversation or its participant, beside what
// was said.
type Change struct {
	At      time.Time // when we heard of it
	Type    string    // of the event
	StateTo string    // of ConversationStateUpdated; "" if that is not known any more
}

// SignupRecord is one accepted sign-up and what it came to.
type SignupRecord struct {
	ID        uuid.UUID
	Source    string // its key
	Name      string
	At        time.Time
	Outcome   Outcome // "" while undecided
	Reason    string
	DecidedAt time.Time
}

// Message is one text of a transcript.
type Message struct {
	ID        uuid.UUID
	SID       MessageSID // "" until Twilio has it
	Index     int        // -1 until Twilio has it
	Incoming  bool
	Purpose   Purpose
	Author    string
	Body      string
	Files     []File // that came with it
	Status    Status
	ErrorCode int
	Reason    string // why it was cancelled or refused
	At        time.Time
	Edited    bool
	Removed   bool
}
