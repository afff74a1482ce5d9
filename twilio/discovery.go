package twilio

import (
	"context"
	"time"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// ConversationsSince implements chat.Twilio. Twilio filters by day, so a late
// hour costs as many pages as the day has hundreds of conversations.
func (c *Client) ConversationsSince(ctx context.Context, since time.Time) ([]chat.RemoteConversation, error) {
	const op = "list conversations"
	params := (&conversations.ListConversationParams{}).SetStartDate(since.UTC().Format(time.DateOnly)).SetPageSize(100)
	var all []chat.RemoteConversation
	err := listing[conversations.ListConversationResponse]{
		op: op, key: "conversations",
		first: func(api *conversations.ApiService) (*conversations.ListConversationResponse, error) {
			return api.PageConversation(params, "", "")
		},
		meta: func(p *conversations.ListConversationResponse) meta { return p.Meta },
		take: func(p *conversations.ListConversationResponse) (bool, error) {
			rs, err := convert[[]ConversationResource](p.Conversations)
			for _, r := range rs {
				if !r.SID.Valid() || r.State == "" {
					return false, errUnreadable
				}
				// The API gives whole seconds, rounded down.
				if r.DateCreated == nil || !r.DateCreated.Before(since.Truncate(time.Second)) {
					all = append(all, r.remote())
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
