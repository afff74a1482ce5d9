package twilio

import (
	"cmp"
	"context"
	"slices"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// CreateMessage implements chat.Twilio.
func (c *Client) CreateMessage(ctx context.Context, sid chat.ConversationSID, m chat.Outgoing) (chat.RemoteMessage, error) {
	const op = "create message"
	if !sid.Valid() {
		return chat.RemoteMessage{}, refused(op, malformedSID)
	}
	params := (&conversations.CreateConversationMessageParams{}).
		SetAuthor(m.Author).
		SetBody(m.Body).
		SetAttributes(chat.MessageAttributes(m.ID))
	var r message
	err := c.call(ctx, op, true, func(api *conversations.ApiService) error {
		answer, err := api.CreateConversationMessage(string(sid), params)
		if err != nil {
			return err
		}
		if r, err = convert[message](answer); err != nil {
			return err
		}
		if !r.validIn(sid) || chat.ReadMessageAttributes(r.Attributes) != m.ID {
			return errUnreadable
		}
		return nil
	})
	if err != nil {
		return chat.RemoteMessage{}, err
	}
	return r.remote(""), nil
}

// FetchMessage implements chat.Twilio.
func (c *Client) FetchMessage(ctx context.Context, sid chat.ConversationSID, id chat.MessageSID) (chat.RemoteMessage, error) {
	const op = "fetch message"
	if err := validMessage(op, sid, id); err != nil {
		return chat.RemoteMessage{}, err
	}
	var r message
	err := c.call(ctx, op, false, func(api *conversations.ApiService) error {
		answer, err := api.FetchConversationMessage(string(sid), string(id))
		if err != nil {
			return err
		}
		if r, err = convert[message](answer); err != nil {
			return err
		}
		if !r.validIn(sid) || r.SID != id {
			return errUnreadable
		}
		return nil
	})
	if err != nil {
		return chat.RemoteMessage{}, err
	}
	service, err := c.keeperOf(ctx, sid, r)
	if err != nil {
		return chat.RemoteMessage{}, err
	}
	return r.remote(service), nil
}

// validMessage refuses SIDs that are none before they become part of a URL.
func validMessage(op string, sid chat.ConversationSID, id chat.MessageSID) error {
	switch {
	case !sid.Valid():
		return refused(op, malformedSID)
	case !id.Valid():
		return refused(op, "the message SID is malformed")
	}
	return nil
}

// MessagesAfter implements chat.Twilio. It asks for the newest first, so that a
// long conversation costs one call when little is new.
func (c *Client) MessagesAfter(ctx context.Context, sid chat.ConversationSID, after int) ([]chat.RemoteMessage, error) {
	const op = "list messages"
	if !sid.Valid() {
		return nil, refused(op, malformedSID)
	}
	params := (&conversations.ListConversationMessageParams{}).SetOrder("desc").SetPageSize(100)
	var found []message
	err := listing[conversations.ListConversationMessageResponse]{
		op: op, key: "messages",
		first: func(api *conversations.ApiService) (*conversations.ListConversationMessageResponse, error) {
			return api.PageConversationMessage(string(sid), params, "", "")
		},
		meta: func(p *conversations.ListConversationMessageResponse) meta { return p.Meta },
		take: func(p *conversations.ListConversationMessageResponse) (bool, error) {
			ms, err := convert[[]message](p.Messages)
			for _, m := range ms {
				if !m.validIn(sid) {
					return false, errUnreadable
				}
				if m.Index <= after {
					return false, nil
				}
				found = append(found, m)
			}
			return true, err
		},
	}.read(ctx, c)
	if err != nil {
		return nil, err
	}
	service, err := c.keeperOf(ctx, sid, found...)
	if err != nil {
		return nil, err
	}
	var all []chat.RemoteMessage
	for _, m := range found {
		all = append(all, m.remote(service))
	}
	// A message that arrives between two pages may show another one twice.
	slices.SortFunc(all, func(a, b chat.RemoteMessage) int { return cmp.Compare(a.Index, b.Index) })
	return slices.CompactFunc(all, func(a, b chat.RemoteMessage) bool { return a.SID == b.SID }), nil
}
