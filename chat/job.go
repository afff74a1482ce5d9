package chat

import "github.com/google/uuid"

// Job is a wake-up or a piece of slow work, committed in the transaction of
// the fact that calls for it. Jobs hold IDs only: queues keep arguments and
// errors for days, so neither may carry a phone number or a text.
type Job interface {
	// Kind names the job to the queue.
	Kind() string
}

// AdvanceJob wakes the worker of one conversation. A surplus one ends at once.
type AdvanceJob struct {
	ConversationID uuid.UUID `json:"conversation_id"`
}

// AdoptJob looks at a conversation at Twilio that sent us events but is in no
// row of ours.
type AdoptJob struct {
	ConversationSID ConversationSID `json:"conversation_sid"`
}

// DiscardJob deletes a conversation we made at Twilio and then did not use.
type DiscardJob struct {
	Conversation ConversationRef `json:"conversation_sid"`
}

// LookUpJob finds the conversation of a text that only the classic webhook told
// of.
type LookUpJob struct {
	EventID uuid.UUID `json:"event_id"`
}

// Kind implements Job.
func (AdvanceJob) Kind() string { return "advance" }

// Kind implements Job.
func (AdoptJob) Kind() string { return "adopt" }

// Kind implements Job.
func (DiscardJob) Kind() string { return "discard" }

// Kind implements Job.
func (LookUpJob) Kind() string { return "look_up" }
