package chat

// ErrorClass is what an error from Twilio calls for
// (https://www.twilio.com/docs/api/errors has a page per code).
type ErrorClass string

// The classes.
const (
	Transient      ErrorClass = "transient" // wait and try again
	Conflict       ErrorClass = "conflict"  // there already: look and adopt
	Gone           ErrorClass = "gone"      // the object is deleted
	ClosedForGood  ErrorClass = "closed"    // the conversation is closed, which is final
	RecipientError ErrorClass = "recipient" // this number will not work
	SenderError    ErrorClass = "sender"    // our sender is not fit: stop it until repaired
	OperatorError  ErrorClass = "operator"  // the account is not fit: stop everything until repaired
	Bug            ErrorClass = "bug"       // a request we should not have made
)

// Code explains one of Twilio's error codes in plain words.
type Code struct {
	Class   ErrorClass
	Meaning string
	Advice  string // what the person who reads it can do
}

// ExplainCode returns what is known of a code. An unknown code is a Bug whose
// advice names Twilio's page about it; 0 is "no error".
func ExplainCode(code int) Code {
	if c, ok := codes[code]; ok {
		return c
	}
	return Code{Class: Bug, Meaning: "an error textme does not know", Advice: "see https://www.twilio.com/docs/api/errors"}
}

func knownCode(code int) bool {
	_, ok := codes[code]
	return ok
}

const (
	retryAdvice     = "nothing to do: textme tries again"
	adoptAdvice     = "the service looks it up and takes it over by itself"
	numberAdvice    = "ask the person for another number"
	accountAdvice   = "check the account and its credentials in Twilio's console, then restart textme"
	senderAdvice    = "repair the sender in Twilio's console; textme resumes by itself"
	reportAdvice    = "please report it with the log line"
	recipientAdvice = "nothing to do: the number cannot be texted from this sender"
)

// CodeCredentials is Twilio's word for credentials that are good for no call.
const CodeCredentials = 20003

// codes is the one table of what each code calls for.
var codes = map[int]Code{
	20001: {Bug, "unknown parameter", reportAdvice},
	20003: {OperatorError, "wrong credentials, or the account is suspended", accountAdvice},
	20004: {Bug, "method not allowed", reportAdvice},
	20403: {OperatorError, "forbidden for these credentials", accountAdvice},
	20404: {Gone, "not found", "check the SID; it may have been deleted"},
	20409: {Transient, "conflict with the current state", retryAdvice},
	20429: {Transient, "too many requests at once", retryAdvice},
	20500: {Transient, "Twilio had an internal error", retryAdvice},
	20503: {Transient, "Twilio is unavailable", retryAdvice},
	50063: {Transient, "too many actions per second for the service", retryAdvice},
	50074: {Transient, "too many actions per second for the conversation", retryAdvice},
	50391: {Transient, "the conversation is being changed at the same time", retryAdvice},
	50419: {Transient, "the participant is being changed at the same time", retryAdvice},

	50353: {Conflict, "a conversation with this unique name exists", adoptAdvice},
	50416: {Conflict, "the number is in another open conversation with this sender", adoptAdvice},
	50437: {Conflict, "the number is in this conversation already", adoptAdvice},

	50350: {Gone, "conversation not found", "it was deleted; the next sign-up makes a new one"},
	50432: {Gone, "participant not found", "it was removed; textme adds it again"},
	50377: {ClosedForGood, "the conversation is closed, which is final", "the next sign-up makes a new one"},

	21211: {RecipientError, "not a valid number", numberAdvice},
	21408: {RecipientError, "texting this country is switched off (geo permissions)", "allow the country under Messaging > Geo permissions, or leave it off to keep fraud out"},
	21606: {RecipientError, "this sender cannot text this number", "check the sender's capabilities and, on a trial account, the verified numbers"},
	21608: {RecipientError, "a trial account texts verified numbers only", "verify the number in Twilio's console, or upgrade the account"},
	21610: {RecipientError, "the person replied STOP", "only their START lifts it"},
	21611: {Transient, "the sender's queue is full", retryAdvice},
	21612: {RecipientError, "the number cannot be reached from this sender", recipientAdvice},
	21614: {RecipientError, "not a mobile number", numberAdvice},
	21617: {Bug, "the text is longer than 1,600 characters", "shorten it"},
	21703: {SenderError, "the messaging service has no usable number", senderAdvice},
	21704: {SenderError, "the messaging service has no number", senderAdvice},
	21705: {SenderError, "the messaging service SID is invalid", "check TWILIO_MESSAGING_SERVICE_SID"},
	30001: {Transient, "the sender's queue overflowed", retryAdvice},
	30002: {OperatorError, "the account is suspended", "see the account's state in Twilio's console; once the suspension is lifted, sending goes on by itself"},
	30003: {RecipientError, "the phone is off or out of reach", "try again later"},
	30004: {RecipientError, "the carrier blocks this number", recipientAdvice},
	30005: {RecipientError, "the number does not exist any more", numberAdvice},
	30006: {RecipientError, "a landline, or a carrier that cannot be reached", numberAdvice},
	30007: {RecipientError, "filtered as unwanted by the carrier", "review the text and the campaign registration"},
	30008: {RecipientError, "unknown delivery error", "try again later"},
	30017: {Transient, "the carrier is congested", retryAdvice},
	30022: {Transient, "more texts than the registration allows per time", "raise the campaign's throughput, or lower SENDER_RATE"},
	30023: {Transient, "more texts than the registration allows per day", "it can be sent tomorrow"},
	30024: {SenderError, "the sender is not provisioned", senderAdvice},
	30027: {Transient, "more texts than T-Mobile allows the brand per day", "it can be sent tomorrow"},
	30032: {SenderError, "the toll-free sender is not verified", senderAdvice},
	30033: {SenderError, "the campaign is suspended", senderAdvice},
	30034: {SenderError, "the sender is not registered for A2P 10DLC", senderAdvice},
	30035: {SenderError, "the sender is still being set up", senderAdvice},
	30410: {Transient, "the carrier did not answer in time; the text may have arrived", "nothing to do"},
	30450: {RecipientError, "blocked as possible SMS pumping", "look at where the sign-ups come from"},
	30610: {RecipientError, "held back by quiet hours", "it can be sent after 08:00 at the recipient's"},
	50373: {SenderError, "the conversation has no messaging service", "set TWILIO_MESSAGING_SERVICE_SID, or a default one under Conversations > Defaults"},
	50384: {Bug, "a conversation cannot be created closed", reportAdvice},
	50385: {OperatorError, "Conversations is not available in this region", accountAdvice},
	50390: {Bug, "the unique name looks like a SID", reportAdvice},
	50407: {RecipientError, "Twilio does not accept the number", numberAdvice},
	50408: {SenderError, "Twilio does not accept the sender", "check TWILIO_SENDER and the source's sender"},
	50409: {RecipientError, "the number is the sender itself", numberAdvice},
	50411: {Bug, "the number is empty", reportAdvice},
	50412: {Bug, "the sender is empty", reportAdvice},
	50413: {SenderError, "the account does not own the sender", "check TWILIO_SENDER and the account"},
	50414: {SenderError, "number and sender are of different channels", "check the sender"},
	50415: {SenderError, "the sender is not a WhatsApp sender", "check the sender"},
	50418: {Bug, "the conversation is full", reportAdvice},
	50452: {SenderError, "group MMS is not enabled, or the sender is missing", "check the sender"},
	50503: {Bug, "the text is empty", reportAdvice},
	50504: {Bug, "the text is longer than 1,600 characters", "shorten it"},
}
