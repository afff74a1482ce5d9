package twiliosim

import "strconv"

// Kind names a fault; the names are what FaultCounts counts by.
type Kind string

// Calls that are not carried out.
const (
	Busy                 Kind = "429 20429"
	BusyBare             Kind = "429 without a body"
	BusyService          Kind = "429 50063"
	BusyGlobal           Kind = "429 50074"
	ServerError          Kind = "500 20500"
	BadGateway           Kind = "502 with a page"
	Unavailable          Kind = "503 without a body"
	LargeError           Kind = "500 with a large body"
	NullAnswer           Kind = "200 null"
	EmptyAnswer          Kind = "200 {}"
	ConversationConflict Kind = "50391"
	MemberConflict       Kind = "50419"
	PairOfDeleted        Kind = "50416 of a deleted conversation"
	PairUnnamed          Kind = "50416 without a conversation"

	// Refusal answers with Fault.Code.
	Refusal Kind = "refusal"
	// Reset tears the connection down, which tells a caller as little as one that
	// is refused.
	Reset Kind = "connection reset"
	// Hang keeps the caller waiting for Fault.Hang, then resets the connection.
	Hang Kind = "hang"
)

// Calls that are carried out, with the webhooks and texts they cause.
const (
	// LostAnswer resets the connection in place of the answer.
	LostAnswer Kind = "answer lost"
	// CutAnswer ends the connection after half of the body.
	CutAnswer   Kind = "answer cut short"
	LateError   Kind = "500 20500 after commit"
	LateGateway Kind = "502 page after commit"
	LateNull    Kind = "200 null after commit"
	LateEmpty   Kind = "200 {} after commit"
	// SlowAnswer carries the call out at once and answers after Fault.Hang.
	SlowAnswer Kind = "answer slow"
	// LateCommit keeps the caller waiting. One who gives up is gone when the call
	// is carried out, Fault.Delay after; one who waits out Fault.Hang is answered.
	LateCommit Kind = "commit late"
	// TextBefore lets the handset that the call is about write to the sender, and
	// the webhooks of that be answered, before the call goes its way. It does not
	// strike calls about no handset and sender.
	TextBefore Kind = "text before the call"
	// TextAfter does the same between the call and its answer.
	TextAfter Kind = "text before the answer"
)

// Webhooks.
const (
	WebhookLost Kind = "webhook lost"
	// WebhookRepeated delivers the same bytes Fault.Copies more times.
	WebhookRepeated Kind = "webhook repeated"
	// WebhookRetried does it as Twilio retries: the same idempotency token,
	// RetryCount counting up.
	WebhookRetried Kind = "webhook retried"
	// WebhookDelayed delivers at any time within Fault.Delay, every copy at its
	// own and in no order.
	WebhookDelayed Kind = "webhook delayed"
	// WebhookEarly answers the call that caused the webhook only after the webhook
	// has been answered. It has no effect on one that is delayed as well.
	WebhookEarly             Kind = "webhook before the answer"
	WebhookUnknownParameter  Kind = "webhook with a new parameter"
	WebhookRepeatedParameter Kind = "webhook with a repeated parameter"
)

var callKinds = []Kind{
	Busy, BusyBare, BusyService, BusyGlobal, ServerError, BadGateway, Unavailable, LargeError, NullAnswer, EmptyAnswer, Reset, Hang,
	ConversationConflict, MemberConflict, PairOfDeleted, PairUnnamed, Refusal,
	LostAnswer, CutAnswer, LateError, LateGateway, LateNull, LateEmpty, SlowAnswer, LateCommit, TextBefore, TextAfter,
}

var webhookKinds = []Kind{
	WebhookLost, WebhookRepeated, WebhookRetried, WebhookDelayed, WebhookEarly, WebhookUnknownParameter, WebhookRepeatedParameter,
}

// String is the name by which the fault is counted.
func (f Fault) String() string {
	if f.Kind == Refusal {
		return string(f.Kind) + " " + strconv.Itoa(f.Code)
	}
	return string(f.Kind)
}
