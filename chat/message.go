package chat

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Status is how far a message has come. It only moves forward.
type Status string

// The statuses. An incoming text is Received and stays so.
const (
	Received    Status = "received"
	Queued      Status = "queued"      // ours, waiting to be sent
	Sending     Status = "sending"     // a call was begun: it may be at Twilio
	Accepted    Status = "accepted"    // at Twilio, SID known
	Sent        Status = "sent"        // Twilio gave it to the carrier
	Delivered   Status = "delivered"   // the carrier says it arrived
	Read        Status = "read"        // read, on channels that tell
	Undelivered Status = "undelivered" // final: the carrier could not deliver
	FailedSend  Status = "failed"      // final: Twilio would not send, or refused the call
	Cancelled   Status = "cancelled"   // ours, given up before any call
)

// forward lists the delivery statuses in the order they may overtake each
// other. Failures are final at Twilio
// (https://help.twilio.com/articles/47764698154651), so they stand last.
var forward = []Status{Queued, Sending, Accepted, Sent, Delivered, Read, Undelivered, FailedSend}

// DeliveryOrder lists the delivery statuses in the order in which one replaces
// another.
func DeliveryOrder() []Status { return slices.Clone(forward) }

// Purpose is why we sent a message.
type Purpose string

// The purposes. Messages that are not ours have none.
const (
	Welcome    Purpose = "welcome"
	BotReply   Purpose = "reply"
	AgentReply Purpose = "agent"
)

// Outgoing is a message of ours on its way out.
type Outgoing struct {
	ID        uuid.UUID
	Purpose   Purpose
	Author    string
	Body      string
	Status    Status    // Queued or Sending
	SendingAt time.Time // when its last call began or, without an answer, ended; zero when none has
	Attempts  int       // posts that may have reached Twilio
	CreatedAt time.Time // a welcome text that another row has owed before: when the person signed up
	// CalledForAt is when what called for it came: of any welcome text the sign-up.
	CalledForAt time.Time
}

// MaxBody is the longest text Twilio takes for SMS, in characters
// (https://www.twilio.com/docs/conversations-classic/conversations-limits).
const MaxBody = 1600
