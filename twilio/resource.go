package twilio

import (
	"encoding/json"
	"time"

	"textme/chat"
)

// ConversationResource is a Conversation with the API's own field names
// (https://www.twilio.com/docs/conversations-classic/api/conversation-resource).
// A nil pointer is null.
type ConversationResource struct {
	SID                 chat.ConversationSID `json:"sid"`
	AccountSID          string               `json:"account_sid"`
	ChatServiceSID      *string              `json:"chat_service_sid"`
	MessagingServiceSID *string              `json:"messaging_service_sid"`
	FriendlyName        *string              `json:"friendly_name"`
	UniqueName          *string              `json:"unique_name"`
	Attributes          string               `json:"attributes"` // a JSON string
	State               string               `json:"state"`      // initializing, inactive, active or closed
	DateCreated         *time.Time           `json:"date_created"`
	DateUpdated         *time.Time           `json:"date_updated"`
	Timers              map[string]any       `json:"timers"`
	Bindings            map[string]any       `json:"bindings"`
	URL                 string               `json:"url"`
	Links               map[string]any       `json:"links"`
}

func (r ConversationResource) remote() chat.RemoteConversation {
	return chat.RemoteConversation{SID: r.SID, UniqueName: clean(deref(r.UniqueName)), Attributes: clean(r.Attributes), State: r.State}
}

// ParticipantResource is a Participant with the API's own field names
// (https://www.twilio.com/docs/conversations-classic/api/conversation-participant-resource).
// A nil pointer is null.
type ParticipantResource struct {
	SID                  chat.ParticipantSID  `json:"sid"`
	AccountSID           string               `json:"account_sid"`
	ConversationSID      chat.ConversationSID `json:"conversation_sid"`
	Identity             *string              `json:"identity"`
	Attributes           string               `json:"attributes"`        // a JSON string
	MessagingBinding     *MessagingBinding    `json:"messaging_binding"` // null for a chat identity
	RoleSID              *string              `json:"role_sid"`
	DateCreated          *time.Time           `json:"date_created"`
	DateUpdated          *time.Time           `json:"date_updated"`
	URL                  string               `json:"url"`
	LastReadMessageIndex *int                 `json:"last_read_message_index"`
	LastReadTimestamp    *string              `json:"last_read_timestamp"`
}

func (r ParticipantResource) remote() chat.RemoteParticipant {
	p := chat.RemoteParticipant{SID: r.SID}
	if b := r.MessagingBinding; b != nil {
		p.Address, p.ProxyAddress = b.Address, b.ProxyAddress
	}
	return p
}

// MessagingBinding is how a participant is reached outside of chat. For SMS,
// Address is the handset and ProxyAddress our sender; group MMS has only one
// of Address and ProjectedAddress.
type MessagingBinding struct {
	Type             string     `json:"type"` // sms, whatsapp, …
	Address          chat.Phone `json:"address,omitempty"`
	ProxyAddress     chat.Phone `json:"proxy_address,omitempty"`
	ProjectedAddress chat.Phone `json:"projected_address,omitempty"`
}

// is reports whether b is the pair of an SMS participant.
func (b *MessagingBinding) is(address, sender chat.Phone) bool {
	return b != nil && b.Address == address && b.ProxyAddress == sender
}

// membership is a ParticipantConversation, as far as we need it
// (https://www.twilio.com/docs/conversations-classic/api/participant-conversation-resource).
type membership struct {
	ParticipantSID chat.ParticipantSID  `json:"participant_sid"`
	Binding        *MessagingBinding    `json:"participant_messaging_binding"`
	SID            chat.ConversationSID `json:"conversation_sid"`
	UniqueName     string               `json:"conversation_unique_name"`
	Attributes     string               `json:"conversation_attributes"`
	State          string               `json:"conversation_state"`
}

func (m membership) remote() chat.Membership {
	return chat.Membership{
		Conversation: chat.RemoteConversation{SID: m.SID, UniqueName: clean(m.UniqueName), Attributes: clean(m.Attributes), State: m.State},
		Participant:  chat.RemoteParticipant{SID: m.ParticipantSID, Address: m.Binding.Address, ProxyAddress: m.Binding.ProxyAddress},
	}
}

// message is a Message, as far as we need it
// (https://www.twilio.com/docs/conversations-classic/api/conversation-message-resource).
type message struct {
	SID             chat.MessageSID      `json:"sid"`
	ConversationSID chat.ConversationSID `json:"conversation_sid"`
	Index           int                  `json:"index"`
	Author          string               `json:"author"`
	Body            string               `json:"body"`
	Media           []any                `json:"media"`
	Attributes      string               `json:"attributes"`
	ParticipantSID  chat.ParticipantSID  `json:"participant_sid"`
	DateCreated     time.Time            `json:"date_created"`
	DateUpdated     time.Time            `json:"date_updated"`
}

func (m message) validIn(sid chat.ConversationSID) bool {
	return m.SID.Valid() && m.ConversationSID == sid && m.Index >= 0 && (m.ParticipantSID == "" || m.ParticipantSID.Valid())
}

// remote is the message in the given Conversation Service, "" where it is not known.
func (m message) remote(service string) chat.RemoteMessage {
	return chat.RemoteMessage{
		SID:         m.SID,
		Index:       m.Index,
		OurID:       chat.ReadMessageAttributes(m.Attributes),
		Author:      clean(m.Author),
		Participant: m.ParticipantSID,
		Body:        clean(m.Body),
		Media:       mediaJSON(m.Media, service),
		At:          m.DateCreated.UTC(),
		UpdatedAt:   m.DateUpdated.UTC(),
	}
}

// convert turns a model of the SDK into a resource of ours. Both carry the
// API's field names, so JSON is the way; a field of another shape than Twilio
// documents is errUnreadable.
func convert[To any](from any) (to To, err error) {
	b, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(b, &to)
	}
	if err != nil {
		return to, errUnreadable
	}
	return to, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
