package twilio

import (
	"regexp"
	"slices"

	"textme/chat"
)

// kind is how the webhooks of one type are read.
type kind struct {
	// at names the parameter with Twilio's word on when.
	at string
	// read fills the event's part and returns what names the fact.
	read func(*reader, *chat.Event) []string
	// apart: it is about no conversation.
	apart bool
	// again: the same names come back with other contents, so that the
	// contents belong to the key.
	again bool
}

var kinds = map[string]kind{
	chat.ConversationAdded:        {at: "DateCreated", read: readConversation},
	chat.ConversationUpdated:      {at: "DateUpdated", read: readConversation, again: true},
	chat.ConversationRemoved:      {at: "DateRemoved", read: readConversation},
	chat.ConversationStateUpdated: {at: "StateUpdated", read: readState, again: true},
	chat.ParticipantAdded:         {at: "DateCreated", read: readParticipant},
	chat.ParticipantUpdated:       {at: "DateUpdated", read: readParticipant, again: true},
	chat.ParticipantRemoved:       {at: "DateRemoved", read: readParticipant},
	chat.MessageAdded:             {at: "DateCreated", read: readMessage},
	chat.MessageUpdated:           {at: "DateUpdated", read: readMessage, again: true},
	chat.MessageRemoved:           {at: "DateRemoved", read: readMessage},
	chat.DeliveryUpdated:          {at: "DateUpdated", read: readReceipt},
	chat.UserAdded:                {at: "DateCreated", read: readUser, apart: true},
	chat.UserUpdated:              {at: "DateUpdated", read: readUser, apart: true, again: true},
}

var eventTypePattern = regexp.MustCompile(`^on[A-Za-z]{1,62}$`)

// event reads the event that the parameters describe.
func (r *reader) event() chat.Event {
	if r.isClassic() {
		return r.classic()
	}
	e := chat.Event{Via: chat.ViaWebhook, Type: r.text("EventType"), Payload: r.params.payload()}
	if !eventTypePattern.MatchString(e.Type) {
		r.fail("EventType", "is missing or malformed")
		e.Type = UnknownEvent
	}
	k, known := kinds[e.Type]
	if !known {
		e.SID = readSID[chat.ConversationSID](r, "ConversationSid")
		return r.unapplied(e)
	}
	if !k.apart {
		e.SID = needSID[chat.ConversationSID](r, "ConversationSid")
	}
	e.At = r.time(k.at)
	name := k.read(r, &e)
	if r.problem != "" {
		return r.unapplied(e)
	}
	if k.again {
		name = append(name, r.params.digest())
	}
	e.Key = chat.EventKey(e.Type, name...)
	return e
}

// unapplied strips e to what is stored of an event that nobody acts on. Its key
// is of the contents, never the fact's own: that must stay free for the sound
// event about the same fact, which polling may still bring, or a delivery that differs
// only in what the digest leaves out.
func (r *reader) unapplied(e chat.Event) chat.Event {
	name := []string{string(e.SID), r.params.digest()}
	if r.problem != "" {
		name = append(name, r.problem)
	}
	return chat.Event{
		Key:     chat.EventKey(e.Type, name...),
		Via:     e.Via,
		Type:    e.Type,
		SID:     e.SID,
		At:      e.At,
		Payload: e.Payload,
		Problem: r.problem,
	}
}

func readConversation(_ *reader, e *chat.Event) []string { return []string{string(e.SID)} }

func readState(r *reader, e *chat.Event) []string {
	e.StateTo = r.oneOf("StateTo", "active", "inactive", "closed")
	return []string{string(e.SID)}
}

func readParticipant(r *reader, e *chat.Event) []string {
	e.Participant = chat.RemoteParticipant{
		SID:          needSID[chat.ParticipantSID](r, "ParticipantSid"),
		Address:      chat.Phone(r.text("MessagingBinding.Address")),
		ProxyAddress: chat.Phone(r.text("MessagingBinding.ProxyAddress")),
	}
	return []string{string(e.Participant.SID)}
}

func readMessage(r *reader, e *chat.Event) []string {
	e.Message = chat.RemoteMessage{
		SID:         needSID[chat.MessageSID](r, "MessageSid"),
		Index:       r.needNumber("Index"),
		OurID:       chat.ReadMessageAttributes(r.text("Attributes")),
		Author:      r.text("Author"),
		Participant: readSID[chat.ParticipantSID](r, "ParticipantSid"),
		Body:        r.text("Body"),
		Media:       r.media("Media"),
		At:          r.time("DateCreated"),
		UpdatedAt:   r.time("DateUpdated"),
		ByProgram:   slices.Contains(programs, r.text("Source")),
	}
	return []string{string(e.Message.SID)}
}

// programs are the sources of what no person has sent from a phone
// (https://www.twilio.com/docs/conversations-classic/conversations-webhooks).
var programs = []string{"API", "SDK"}

func readReceipt(r *reader, e *chat.Event) []string {
	status := r.oneOf("Status", receiptStatuses...)
	e.Receipt = chat.Receipt{
		SID:         string(needSID[receiptSID](r, "DeliveryReceiptSid")),
		Message:     needSID[chat.MessageSID](r, "MessageSid"),
		Participant: readSID[chat.ParticipantSID](r, "ParticipantSid"),
		Channel:     string(readSID[channelSID](r, "ChannelMessageSid")),
		Status:      chat.Status(status),
		ErrorCode:   r.number("ErrorCode"),
		At:          e.At,
	}
	return []string{e.Receipt.SID, status}
}

func readUser(r *reader, e *chat.Event) []string {
	e.User = chat.RemoteUser{
		SID:          string(needSID[userSID](r, "UserSid")),
		Identity:     r.text("Identity"),
		FriendlyName: r.text("FriendlyName"),
	}
	return []string{e.User.SID}
}

// receiptStatuses are the words of Twilio's receipts, which chat.Status shares
// (https://www.twilio.com/docs/conversations-classic/api/receipt-resource).
var receiptStatuses = []string{
	string(chat.Sent), string(chat.Delivered), string(chat.Read),
	string(chat.Undelivered), string(chat.FailedSend),
}

// oneOf reads a parameter that must be one of words.
func (r *reader) oneOf(name string, words ...string) string {
	s := r.text(name)
	if !slices.Contains(words, s) {
		r.fail(name, "is missing or unknown")
		return ""
	}
	return s
}
