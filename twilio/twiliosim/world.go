package twiliosim

import (
	"slices"
	"time"
)

// Conversation states.
const (
	stateActive   = "active"
	stateInactive = "inactive"
	stateClosed   = "closed"
)

// Receipt statuses.
const (
	statusSent        = "sent"
	statusDelivered   = "delivered"
	statusRead        = "read"
	statusFailed      = "failed"
	statusUndelivered = "undelivered"
)

// Sources of messages and events.
const (
	sourceAPI = "API"
	sourceSMS = "SMS"
)

// Conversation is one conversation (CH…) as the simulator holds it. Durations
// are 0 when no timer runs; empty names are null in the API.
type Conversation struct {
	SID                 string        `json:"sid"`
	Seq                 uint64        `json:"seq"` // order of creation over all records
	ServiceSID          string        `json:"service_sid"`
	MessagingServiceSID string        `json:"messaging_service_sid,omitempty"`
	FriendlyName        string        `json:"friendly_name,omitempty"`
	UniqueName          string        `json:"unique_name,omitempty"`
	Attributes          string        `json:"attributes"`
	State               string        `json:"state"` // active, inactive or closed
	InactiveAfter       time.Duration `json:"inactive_after,omitempty"`
	ClosedAfter         time.Duration `json:"closed_after,omitempty"`
	LastActivity        time.Time     `json:"last_activity"`
	CreatedBy           string        `json:"created_by"`
	NextIndex           int           `json:"next_index"` // of the next message
	Created             time.Time     `json:"created"`
	Updated             time.Time     `json:"updated"`
}

// Participant is one participant (MB…). Address and ProxyAddress are empty for
// a chat participant, Identity for everybody else.
type Participant struct {
	SID                  string    `json:"sid"`
	Seq                  uint64    `json:"seq"`
	ConversationSID      string    `json:"conversation_sid"`
	Identity             string    `json:"identity,omitempty"`
	Address              string    `json:"address,omitempty"`
	ProxyAddress         string    `json:"proxy_address,omitempty"`
	Attributes           string    `json:"attributes"`
	RoleSID              string    `json:"role_sid,omitempty"`
	LastReadMessageIndex *int      `json:"last_read_message_index,omitempty"`
	LastReadTimestamp    string    `json:"last_read_timestamp,omitempty"`
	Created              time.Time `json:"created"`
	Updated              time.Time `json:"updated"`
}

// Message is one message (IM…) of a conversation. ParticipantSID is empty when
// the author is no participant. Source is SMS for a text from a handset, else API.
type Message struct {
	SID             string    `json:"sid"`
	Seq             uint64    `json:"seq"`
	ConversationSID string    `json:"conversation_sid"`
	ParticipantSID  string    `json:"participant_sid,omitempty"`
	Index           int       `json:"index"`
	Author          string    `json:"author"`
	Body            string    `json:"body"`
	Files           []File    `json:"files,omitempty"`
	Attributes      string    `json:"attributes"`
	Source          string    `json:"source"`
	Created         time.Time `json:"created"`
	Updated         time.Time `json:"updated"`
}

// Receipt is what the carrier said of one message to one participant (DY…).
// An empty Status means that the carrier has not said anything yet; the API
// does not show such a receipt.
type Receipt struct {
	SID               string    `json:"sid"`
	Seq               uint64    `json:"seq"`
	ConversationSID   string    `json:"conversation_sid"`
	MessageSID        string    `json:"message_sid"`
	ParticipantSID    string    `json:"participant_sid"`
	ChannelMessageSID string    `json:"channel_message_sid"` // SM…
	From              string    `json:"from"`                // the sender
	To                string    `json:"to"`                  // the handset
	Status            string    `json:"status,omitempty"`
	ErrorCode         int       `json:"error_code,omitempty"`
	Plan              []Outcome `json:"plan,omitempty"` // steps still to come
	Created           time.Time `json:"created"`
	Updated           time.Time `json:"updated"`
}

// conversation is a Conversation with all that hangs on it, in order of creation.
type conversation struct {
	Conversation
	participants []*Participant
	messages     []*message
	webhooks     []*ScopedWebhook
}

type message struct {
	Message
	receipts []*Receipt
}

// seat is one participant's place in one conversation.
type seat struct {
	conv *conversation
	part *Participant
}

// world is everything the account holds, and the indexes the rules need. The
// Server's lock guards it.
type world struct {
	seq           uint64
	account       *account
	services      []*Service
	addresses     []*AddressConfiguration
	conversations []*conversation
	bySID         map[string]*conversation
	byName        map[[2]string]*conversation // service SID and UniqueName; closed ones too
	seats         map[string][]seat           // by address or identity
	handsets      map[string]*handset
	optOuts       map[[2]string]OptOut // scope and phone
	nextExpiry    time.Time            // no timer runs out before this; zero: none runs
}

func newWorld() *world {
	return &world{
		bySID:    map[string]*conversation{},
		byName:   map[[2]string]*conversation{},
		seats:    map[string][]seat{},
		handsets: map[string]*handset{},
		optOuts:  map[[2]string]OptOut{},
	}
}

func (w *world) nextSeq() uint64 {
	w.seq++
	return w.seq
}

func (w *world) addConversation(c Conversation) *conversation {
	conv := &conversation{Conversation: c}
	w.conversations = append(w.conversations, conv)
	w.bySID[c.SID] = conv
	w.index(conv)
	return conv
}

// index makes the conversation's current name findable and its timers noticed.
func (w *world) index(conv *conversation) {
	if conv.UniqueName != "" {
		w.byName[[2]string{conv.ServiceSID, conv.UniqueName}] = conv
	}
	if at := conv.nextExpiry(); !at.IsZero() && (w.nextExpiry.IsZero() || at.Before(w.nextExpiry)) {
		w.nextExpiry = at
	}
}

func (w *world) dropName(conv *conversation) {
	delete(w.byName, [2]string{conv.ServiceSID, conv.UniqueName})
}

func (w *world) removeConversation(conv *conversation) {
	for _, p := range conv.participants {
		w.leaveSeat(p)
	}
	w.dropName(conv)
	delete(w.bySID, conv.SID)
	w.conversations = slices.DeleteFunc(w.conversations, func(c *conversation) bool { return c == conv })
}

// find looks a conversation up by SID or UniqueName within one service.
func (w *world) find(service, sidOrName string) *conversation {
	if conv := w.bySID[sidOrName]; conv != nil && conv.ServiceSID == service {
		return conv
	}
	return w.byName[[2]string{service, sidOrName}]
}

func (w *world) addParticipant(conv *conversation, p Participant) *Participant {
	part := &p
	conv.participants = append(conv.participants, part)
	w.seats[part.seatKey()] = append(w.seats[part.seatKey()], seat{conv, part})
	return part
}

func (w *world) removeParticipant(conv *conversation, part *Participant) {
	w.leaveSeat(part)
	conv.participants = slices.DeleteFunc(conv.participants, func(p *Participant) bool { return p == part })
}

func (w *world) leaveSeat(part *Participant) {
	key := part.seatKey()
	w.seats[key] = slices.DeleteFunc(w.seats[key], func(s seat) bool { return s.part == part })
	if len(w.seats[key]) == 0 {
		delete(w.seats, key)
	}
}

// seatKey is what ParticipantConversations looks a participant up by.
func (p *Participant) seatKey() string {
	if p.Address != "" {
		return p.Address
	}
	return p.Identity
}

// holder returns the conversation, not closed, in which the pair is bound: the
// account-wide pair rule of
// https://www.twilio.com/docs/conversations-classic/inbound-autocreation.
func (w *world) holder(address, proxy string) (seat, bool) {
	for _, s := range w.seats[address] {
		if s.part.Address == address && s.part.ProxyAddress == proxy && s.conv.State != stateClosed {
			return s, true
		}
	}
	return seat{}, false
}

func (w *world) addService(v *Service) { w.services = append(w.services, v) }

func (w *world) service(sid string) *Service {
	for _, v := range w.services {
		if v.SID == sid {
			return v
		}
	}
	return nil
}

// removeService returns the conversations that went with it.
func (w *world) removeService(v *Service) (gone []*conversation) {
	for _, conv := range w.conversations {
		if conv.ServiceSID == v.SID {
			gone = append(gone, conv)
		}
	}
	for _, conv := range gone {
		w.removeConversation(conv)
	}
	w.services = slices.DeleteFunc(w.services, func(other *Service) bool { return other == v })
	return gone
}

func (conv *conversation) message(sid string) *message {
	for _, m := range conv.messages {
		if m.SID == sid {
			return m
		}
	}
	return nil
}

func (conv *conversation) participant(sid string) *Participant {
	for _, p := range conv.participants {
		if p.SID == sid {
			return p
		}
	}
	return nil
}
