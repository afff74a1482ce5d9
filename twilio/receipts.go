package twilio

import (
	"cmp"
	"context"
	"slices"
	"time"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// receipt is a delivery receipt, as far as we need it
// (https://www.twilio.com/docs/conversations-classic/api/receipt-resource).
type receipt struct {
	SID             receiptSID           `json:"sid"`
	ConversationSID chat.ConversationSID `json:"conversation_sid"`
	MessageSID      chat.MessageSID      `json:"message_sid"`
	ParticipantSID  chat.ParticipantSID  `json:"participant_sid"`
	ChannelSID      channelSID           `json:"channel_message_sid"`
	Status          string               `json:"status"`
	ErrorCode       int                  `json:"error_code"`
	DateCreated     time.Time            `json:"date_created"`
	DateUpdated     time.Time            `json:"date_updated"`
}

func (r receipt) validFor(sid chat.ConversationSID, message chat.MessageSID) bool {
	return r.SID.Valid() && r.ConversationSID == sid && r.MessageSID == message &&
		(r.ParticipantSID == "" || r.ParticipantSID.Valid()) && (r.ChannelSID == "" || r.ChannelSID.Valid())
}

func (r receipt) remote() chat.Receipt {
	at := r.DateUpdated
	if at.IsZero() {
		at = r.DateCreated
	}
	return chat.Receipt{
		SID:         string(r.SID),
		Message:     r.MessageSID,
		Participant: r.ParticipantSID,
		Channel:     string(r.ChannelSID),
		Status:      chat.Status(r.Status),
		ErrorCode:   r.ErrorCode,
		At:          at.UTC(),
	}
}

// Receipts implements chat.Twilio. A receipt with a status that Twilio does not
// document is left out: it tells nothing that could be acted on.
func (c *Client) Receipts(ctx context.Context, sid chat.ConversationSID, message chat.MessageSID) ([]chat.Receipt, error) {
	const op = "list receipts"
	if err := validMessage(op, sid, message); err != nil {
		return nil, err
	}
	params := (&conversations.ListConversationMessageReceiptParams{}).SetPageSize(50) // Twilio's most
	var all []chat.Receipt
	err := listing[conversations.ListConversationMessageReceiptResponse]{
		op: op, key: "delivery_receipts",
		first: func(api *conversations.ApiService) (*conversations.ListConversationMessageReceiptResponse, error) {
			return api.PageConversationMessageReceipt(string(sid), string(message), params, "", "")
		},
		meta: func(p *conversations.ListConversationMessageReceiptResponse) meta { return p.Meta },
		take: func(p *conversations.ListConversationMessageReceiptResponse) (bool, error) {
			rs, err := convert[[]receipt](p.DeliveryReceipts)
			for _, r := range rs {
				if !r.validFor(sid, message) {
					return false, errUnreadable
				}
				if slices.Contains(receiptStatuses, r.Status) {
					all = append(all, r.remote())
				}
			}
			return true, err
		},
	}.read(ctx, c)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b chat.Receipt) int { return cmp.Compare(a.SID, b.SID) })
	return slices.CompactFunc(all, func(a, b chat.Receipt) bool { return a.SID == b.SID }), nil
}
