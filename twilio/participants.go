package twilio

import (
	"context"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// AddParticipant implements chat.Twilio.
func (c *Client) AddParticipant(ctx context.Context, sid chat.ConversationSID, address, sender chat.Phone) (chat.RemoteParticipant, error) {
	r, err := c.AddParticipantResource(ctx, sid, address, sender)
	return r.remote(), err
}

// AddParticipantResource is AddParticipant with all that Twilio answers.
func (c *Client) AddParticipantResource(ctx context.Context, sid chat.ConversationSID, address, sender chat.Phone) (ParticipantResource, error) {
	const op = "add participant"
	switch {
	case !sid.Valid():
		return ParticipantResource{}, refused(op, malformedSID)
	case address == "" || sender == "":
		// Without one of them Twilio would take it for group MMS.
		return ParticipantResource{}, refused(op, "address or sender is missing")
	}
	params := (&conversations.CreateConversationParticipantParams{}).
		SetMessagingBindingAddress(string(address)).
		SetMessagingBindingProxyAddress(string(sender))
	var r ParticipantResource
	err := c.call(ctx, op, true, func(api *conversations.ApiService) error {
		answer, err := api.CreateConversationParticipant(string(sid), params)
		if err != nil {
			return err
		}
		if r, err = convert[ParticipantResource](answer); err != nil {
			return err
		}
		if !r.SID.Valid() || r.ConversationSID != sid || !r.MessagingBinding.is(address, sender) {
			return errUnreadable
		}
		return nil
	})
	if err != nil {
		return ParticipantResource{}, err
	}
	return r, nil
}

// Participants implements chat.Twilio.
func (c *Client) Participants(ctx context.Context, sid chat.ConversationSID) ([]chat.RemoteParticipant, error) {
	rs, err := c.ListParticipantResources(ctx, sid)
	if err != nil {
		return nil, err
	}
	all := make([]chat.RemoteParticipant, len(rs))
	for i, r := range rs {
		all[i] = r.remote()
	}
	return all, nil
}

// ListParticipantResources is Participants with all that Twilio answers.
func (c *Client) ListParticipantResources(ctx context.Context, sid chat.ConversationSID) ([]ParticipantResource, error) {
	const op = "list participants"
	if !sid.Valid() {
		return nil, refused(op, malformedSID)
	}
	params := (&conversations.ListConversationParticipantParams{}).SetPageSize(100)
	var all []ParticipantResource
	err := listing[conversations.ListConversationParticipantResponse]{
		op: op, key: "participants",
		first: func(api *conversations.ApiService) (*conversations.ListConversationParticipantResponse, error) {
			return api.PageConversationParticipant(string(sid), params, "", "")
		},
		meta: func(p *conversations.ListConversationParticipantResponse) meta { return p.Meta },
		take: func(p *conversations.ListConversationParticipantResponse) (bool, error) {
			rs, err := convert[[]ParticipantResource](p.Participants)
			for _, r := range rs {
				if !r.SID.Valid() || r.ConversationSID != sid {
					return false, errUnreadable
				}
			}
			all = append(all, rs...)
			return true, err
		},
	}.read(ctx, c)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// ConversationsOf implements chat.Twilio.
func (c *Client) ConversationsOf(ctx context.Context, address, sender chat.Phone) ([]chat.Membership, error) {
	const op = "list conversations of a number"
	if address == "" {
		return nil, refused(op, "address is missing")
	}
	params := (&conversations.ListParticipantConversationParams{}).SetAddress(string(address)).SetPageSize(50)
	var all []chat.Membership
	err := listing[conversations.ListParticipantConversationResponse]{
		op: op, key: "conversations",
		first: func(api *conversations.ApiService) (*conversations.ListParticipantConversationResponse, error) {
			return api.PageParticipantConversation(params, "", "")
		},
		meta: func(p *conversations.ListParticipantConversationResponse) meta { return p.Meta },
		take: func(p *conversations.ListParticipantConversationResponse) (bool, error) {
			ms, err := convert[[]membership](p.Conversations)
			for _, m := range ms {
				if !m.SID.Valid() || !m.ParticipantSID.Valid() || m.State == "" {
					return false, errUnreadable
				}
				if m.State != "closed" && m.Binding != nil && m.Binding.Address == address && (sender == "" || m.Binding.ProxyAddress == sender) {
					all = append(all, m.remote())
				}
			}
			return true, err
		},
	}.read(ctx, c)
	if err != nil {
		return nil, err
	}
	return all, nil
}
