package twilio

import (
	"regexp"
	"strings"

	"textme/chat"
)

var numberPattern = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// isClassic reports whether the parameters are those of the classic Messaging
// webhook, which says of no event what type it is
// (https://www.twilio.com/docs/messaging/guides/webhook-request).
func (r *reader) isClassic() bool {
	return r.text("EventType") == "" && r.text("SmsMessageSid") != "" && r.text("From") != ""
}

// classic reads the text that somebody sent to one of our numbers.
func (r *reader) classic() chat.Event {
	e := chat.Event{Via: chat.ViaWebhook, Type: chat.ClassicMessage, Payload: r.params.payload()}
	e.Classic = chat.ClassicText{
		SID:    string(needSID[channelSID](r, "MessageSid")),
		From:   r.number164("From"),
		To:     r.number164("To"),
		Body:   r.text("Body"),
		OptOut: r.optOutType(),
	}
	if r.problem != "" {
		return r.unapplied(e)
	}
	e.Key = chat.EventKey(e.Type, e.Classic.SID)
	return e
}

// number164 reads a phone number that must come. Those of other channels, such
// as whatsapp:+1…, are not read yet.
func (r *reader) number164(name string) chat.Phone {
	s := r.text(name)
	if !numberPattern.MatchString(s) {
		r.fail(name, "is not a phone number")
		return ""
	}
	return chat.Phone(s)
}

// optOutType reads what Twilio took the text for, which it tells only with
// Advanced Opt-Out (https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out).
// A value that is new to us says nothing: what the text itself says still counts.
func (r *reader) optOutType() chat.Keyword {
	switch s := r.text("OptOutType"); s {
	case "STOP", "START", "HELP":
		return chat.Keyword(strings.ToLower(s))
	default:
		return chat.NoKeyword
	}
}
