package chat

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// What polling finds becomes events as if a webhook had brought it: under the
// same key, where Twilio gives the fact a name of its own and it can happen only
// once, so that whichever comes second changes nothing, and with a payload of the
// same shape, so that both are read back alike.

// PolledMessage is the event for a message that was found by asking. One that has
// been edited has a key of its own, for only the webhook tells what it said before.
func PolledMessage(sid ConversationSID, m RemoteMessage) Event {
	fields := map[string]string{
		"MessageSid":     string(m.SID),
		"Index":          strconv.Itoa(m.Index),
		"Author":         m.Author,
		"ParticipantSid": string(m.Participant),
		"Body":           m.Body,
		"DateCreated":    webhookTime(m.At),
		"DateUpdated":    webhookTime(m.UpdatedAt),
	}
	if m.Media != nil {
		fields["Media"] = string(m.Media)
	}
	if m.OurID != uuid.Nil {
		fields["Attributes"] = MessageAttributes(m.OurID)
	}
	key := []string{string(m.SID)}
	if m.Edited() {
		key = append(key, "edited", webhookTime(m.UpdatedAt))
	}
	e := polled(MessageAdded, sid, m.At, fields, key...)
	e.Message = m
	return e
}

// PolledMessageRemoved is the event for a message of the transcript that is not at
// Twilio any more; at is when that was noticed. What it said is not known from it.
func PolledMessageRemoved(sid ConversationSID, m TranscriptMessage, at time.Time) Event {
	e := polled(MessageRemoved, sid, at, map[string]string{
		"MessageSid":  string(m.SID),
		"Index":       strconv.Itoa(m.Index),
		"DateRemoved": webhookTime(at),
	}, string(m.SID), "found gone")
	e.Message = RemoteMessage{SID: m.SID, Index: m.Index}
	return e
}

// PolledReceipt is the event for a receipt that was found by asking.
func PolledReceipt(sid ConversationSID, r Receipt) Event {
	e := polled(DeliveryUpdated, sid, r.At, map[string]string{
		"MessageSid":         string(r.Message),
		"DeliveryReceiptSid": r.SID,
		"ChannelMessageSid":  r.Channel,
		"ParticipantSid":     string(r.Participant),
		"Status":             string(r.Status),
		"ErrorCode":          strconv.Itoa(r.ErrorCode),
		"DateUpdated":        webhookTime(r.At),
	}, r.SID, string(r.Status))
	e.Receipt = r
	return e
}

// PolledParticipantAdded is the event for a participant that Twilio's answer to our
// call named: a call of ours raises no webhook. Its key is the webhook's, which another
// program's call may have raised, unless the participant is back that was told to be
// gone: then it is told of once more.
func PolledParticipantAdded(sid ConversationSID, participant ParticipantSID, back bool, at time.Time) Event {
	key := []string{string(participant)}
	if back {
		key = append(key, "found again", webhookTime(at))
	}
	e := polled(ParticipantAdded, sid, at, map[string]string{
		"ParticipantSid": string(participant),
		"DateCreated":    webhookTime(at),
	}, key...)
	e.Participant.SID = participant
	return e
}

// PolledParticipantRemoved is the event for a participant that was there and
// is not any more; at is when that was noticed. Its key is its own: the webhook may
// have come before the row had the participant, and a list that lags behind may
// have been wrong.
func PolledParticipantRemoved(sid ConversationSID, participant ParticipantSID, at time.Time) Event {
	e := polled(ParticipantRemoved, sid, at, map[string]string{
		"ParticipantSid": string(participant),
		"DateRemoved":    webhookTime(at),
	}, string(participant), "found missing", webhookTime(at))
	e.Participant.SID = participant
	return e
}

// PolledClosed is the event for a conversation found closed at that time. Its
// key is its own: that of the webhook holds what only the webhook says. With the
// time in it, one that was opened and closed again is told of again.
func PolledClosed(sid ConversationSID, at time.Time) Event {
	e := polled(ConversationStateUpdated, sid, at, map[string]string{
		"StateTo":      string(Closed),
		"StateUpdated": webhookTime(at),
	}, string(sid), "found closed", webhookTime(at))
	e.StateTo = string(Closed)
	return e
}

// PolledRemoved is the event for a conversation that is not at Twilio any
// more; at is when that was noticed. Its key is its own: one that was only
// thought to be gone, and was opened again, may be found gone for good.
func PolledRemoved(sid ConversationSID, at time.Time) Event {
	return polled(ConversationRemoved, sid, at, map[string]string{"DateRemoved": webhookTime(at)}, string(sid), "found gone", webhookTime(at))
}

// polled makes the part that all of them have. Fields without a value are as
// good as missing ones and are left out.
func polled(eventType string, sid ConversationSID, at time.Time, fields map[string]string, key ...string) Event {
	fields["EventType"], fields["ConversationSid"] = eventType, string(sid)
	for name, value := range fields {
		if value == "" && name != "Body" {
			delete(fields, name)
		}
	}
	payload, _ := json.Marshal(fields) // strings cannot fail
	return Event{Key: EventKey(eventType, key...), Via: ViaPoll, Type: eventType, SID: sid, At: at, Payload: payload}
}

// webhookTime is a time as webhooks write it, "" for none.
func webhookTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
