package twilio

import (
	"context"
	"errors"
	"regexp"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// uniqueNamePattern is what may stand in a path: the SDK puts it there as it is.
var uniqueNamePattern = regexp.MustCompile(`^[A-Za-z0-9:_-]{1,191}$`)

// CreateConversation implements chat.Twilio.
func (c *Client) CreateConversation(ctx context.Context, uniqueName string) (chat.RemoteConversation, error) {
	r, err := c.CreateConversationResource(ctx, uniqueName)
	return r.remote(), err
}

// CreateConversationResource is CreateConversation with all that Twilio
// answers. An empty uniqueName makes a conversation without one; calling that
// twice makes two.
func (c *Client) CreateConversationResource(ctx context.Context, uniqueName string) (ConversationResource, error) {
	const op = "create conversation"
	params := &conversations.CreateConversationParams{}
	if uniqueName != "" {
		if !uniqueNamePattern.MatchString(uniqueName) {
			return ConversationResource{}, refused(op, "the unique name may not stand in a path")
		}
		params.SetUniqueName(uniqueName)
	}
	if c.messagingServiceSID != "" {
		params.SetMessagingServiceSid(c.messagingServiceSID)
	}
	return c.conversation(ctx, op, true, func(api *conversations.ApiService) (*conversations.ConversationsV1Conversation, error) {
		return api.CreateConversation(params)
	}, func(r ConversationResource) bool { return deref(r.UniqueName) == uniqueName })
}

// FetchConversation implements chat.Twilio.
func (c *Client) FetchConversation(ctx context.Context, sidOrUniqueName string) (chat.RemoteConversation, error) {
	r, err := c.FetchConversationResource(ctx, sidOrUniqueName)
	return r.remote(), err
}

// FetchConversationResource is FetchConversation with all that Twilio answers.
func (c *Client) FetchConversationResource(ctx context.Context, sidOrUniqueName string) (ConversationResource, error) {
	const op = "fetch conversation"
	if !uniqueNamePattern.MatchString(sidOrUniqueName) {
		return ConversationResource{}, refused(op, "neither a SID nor a unique name")
	}
	return c.conversation(ctx, op, false, func(api *conversations.ApiService) (*conversations.ConversationsV1Conversation, error) {
		return api.FetchConversation(sidOrUniqueName)
	}, func(r ConversationResource) bool {
		return string(r.SID) == sidOrUniqueName || deref(r.UniqueName) == sidOrUniqueName
	})
}

// UpdateConversationState makes a conversation active, inactive or closed.
// Closed is final: any further update is refused with code 50377.
func (c *Client) UpdateConversationState(ctx context.Context, sid chat.ConversationSID, state string) (ConversationResource, error) {
	const op = "update conversation"
	if !sid.Valid() {
		return ConversationResource{}, refused(op, malformedSID)
	}
	params := (&conversations.UpdateConversationParams{}).SetState(state)
	return c.conversation(ctx, op, true, func(api *conversations.ApiService) (*conversations.ConversationsV1Conversation, error) {
		return api.UpdateConversation(string(sid), params)
	}, func(r ConversationResource) bool { return r.SID == sid && r.State == state })
}

// DeleteConversation implements chat.Twilio.
func (c *Client) DeleteConversation(ctx context.Context, sid chat.ConversationSID) error {
	const op = "delete conversation"
	if !sid.Valid() {
		return refused(op, malformedSID)
	}
	err := c.call(ctx, op, true, func(api *conversations.ApiService) error {
		return api.DeleteConversation(string(sid), nil)
	})
	if te := (*chat.TwilioError)(nil); errors.As(err, &te) && te.Class() == chat.Gone {
		return nil
	}
	return err
}

const malformedSID = "the conversation SID is malformed"

// conversation makes a call that answers with a conversation, which must be the
// expected one.
func (c *Client) conversation(ctx context.Context, op string, write bool,
	do func(*conversations.ApiService) (*conversations.ConversationsV1Conversation, error), expected func(ConversationResource) bool,
) (r ConversationResource, err error) {
	err = c.call(ctx, op, write, func(api *conversations.ApiService) error {
		answer, err := do(api)
		if err != nil {
			return err
		}
		if r, err = convert[ConversationResource](answer); err != nil {
			return err
		}
		if !r.SID.Valid() || r.State == "" || !expected(r) {
			return errUnreadable
		}
		return nil
	})
	if err != nil {
		return ConversationResource{}, err
	}
	return r, nil
}
