package chat

import (
	"time"

	"github.com/google/uuid"
)

// Past is all that is on record of how one person's sign-ups fared, oldest
// first throughout. It names no phone, name or text.
type Past struct {
	CustomerID    uuid.UUID          `json:"-"`     // Nil when nobody with that phone is known
	Since         *time.Time         `json:"since"` // when the person first signed up or texted
	Signups       []PastSignup       `json:"signups"`
	Conversations []PastConversation `json:"conversations"`
	OptOuts       []PastOptOut       `json:"opt_outs"`
	Pauses        []PastPause        `json:"pauses"` // of the account or the person's senders, since the first sign-up
}

// PastSignup is one accepted sign-up and what was decided about it.
type PastSignup struct {
	ID                uuid.UUID  `json:"id"`
	At                time.Time  `json:"at"`
	Source            string     `json:"source"` // its key
	Consent           ConsentAct `json:"consent"`
	DisclosureVersion int64      `json:"disclosure_version"`
	VerifiedBy        VerifiedBy `json:"verified_by"`
	Outcome           Outcome    `json:"outcome"` // "" while undecided
	Reason            string     `json:"reason"`
	Meaning           string     `json:"meaning"` // the outcome in plain words
	DecidedAt         *time.Time `json:"decided_at"`
	ConversationID    uuid.UUID  `json:"conversation_id"`
}

// PastConversation is one conversation of the person, closed ones included.
type PastConversation struct {
	ID             uuid.UUID       `json:"id"`
	Sender         Phone           `json:"sender"`
	Source         string          `json:"source"`
	CreatedAt      time.Time       `json:"created_at"`
	State          State           `json:"state"`
	StateAt        time.Time       `json:"state_at"`
	Reason         string          `json:"reason"` // why it failed or closed
	Failure        *Failure        `json:"failure"`
	FailedAt       *time.Time      `json:"failed_at"`
	SID            ConversationSID `json:"conversation_sid"`
	ParticipantSID ParticipantSID  `json:"participant_sid"`
	Adopted        bool            `json:"adopted"`
	MergedInto     uuid.UUID       `json:"merged_into"` // Nil unless another row took over
	Handler        Handler         `json:"handler"`
	HandlerAt      time.Time       `json:"handler_at"`
	WorkLeft       bool            `json:"work_left"` // a worker still has something to do
	NextTry        *time.Time      `json:"next_try"`  // when it goes on, if it waits
	Texts          []PastText      `json:"texts"`     // the welcome, and others that did not arrive
}

// PastText is a text of ours on its way.
type PastText struct {
	ID        uuid.UUID     `json:"id"`
	SID       MessageSID    `json:"message_sid"`
	Purpose   Purpose       `json:"purpose"`
	Status    Status        `json:"status"`
	Failure   *Failure      `json:"failure"`
	Reason    string        `json:"reason"` // why it was cancelled or refused
	Attempts  int           `json:"attempts"`
	QueuedAt  time.Time     `json:"queued_at"`
	SendingAt *time.Time    `json:"sending_at"` // when its last call began
	HeldAt    *time.Time    `json:"held_at"`    // since when the gate let it wait; nil: it did not
	HeldFor   string        `json:"held_for"`
	NotBefore *time.Time    `json:"not_before"` // when the gate is asked again
	Receipts  []PastReceipt `json:"receipts"`
}

// PastReceipt is one word of Twilio's on a delivery.
type PastReceipt struct {
	At      time.Time `json:"at"`
	Status  Status    `json:"status"`
	Failure *Failure  `json:"failure"`
}

// PastOptOut is one STOP and, if there was one, the START that lifted it.
type PastOptOut struct {
	Scope      string     `json:"scope"`
	Since      time.Time  `json:"since"`
	Via        string     `json:"via"`
	HeardBy    string     `json:"heard_by"` // the message that said so; may be empty
	ClearedAt  *time.Time `json:"cleared_at"`
	ClearedVia string     `json:"cleared_via"`
}

// PastPause is a time in which nothing was sent because of an operator's
// error.
type PastPause struct {
	Scope   string     `json:"scope"`
	Since   time.Time  `json:"since"`
	EndedAt *time.Time `json:"ended_at"`
	Reason  string     `json:"reason"`
	Failure *Failure   `json:"failure"`
}

// Failure is an error code of Twilio's, explained.
type Failure struct {
	Code    int    `json:"code"`
	Meaning string `json:"meaning"`
	Advice  string `json:"advice"`
}

// NewFailure explains the code; nil for 0, which is none.
func NewFailure(code int) *Failure {
	if code == 0 {
		return nil
	}
	c := ExplainCode(code)
	return &Failure{Code: code, Meaning: c.Meaning, Advice: c.Advice}
}
