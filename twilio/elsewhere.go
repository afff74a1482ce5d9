package twilio

import (
	"context"
	"errors"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// HeldElsewhere implements chat.Twilio.
func (c *Client) HeldElsewhere(ctx context.Context, sid chat.ConversationSID) (bool, error) {
	const op = "look for a conversation in another service"
	if !sid.Valid() {
		return false, refused(op, malformedSID)
	}
	services, err := c.services(ctx)
	if err != nil {
		return false, err
	}
	for _, service := range services {
		if service == c.serviceSID {
			continue
		}
		var found ConversationResource
		err := c.call(ctx, op, false, func(api *conversations.ApiService) error {
			r, err := api.FetchServiceConversation(service, string(sid))
			if err != nil {
				return err
			}
			if found, err = convert[ConversationResource](r); err == nil && found.SID != sid {
				err = errUnreadable
			}
			return err
		})
		if te := (*chat.TwilioError)(nil); errors.As(err, &te) && te.Class() == chat.Gone {
			continue
		}
		if err != nil || found.State != "closed" {
			return err == nil, err
		}
	}
	return false, nil
}

// services lists the Conversation Services of the account
// (https://www.twilio.com/docs/conversations-classic/api/service-resource).
func (c *Client) services(ctx context.Context) (sids []string, err error) {
	params := (&conversations.ListServiceParams{}).SetPageSize(100)
	err = listing[conversations.ListServiceResponse]{
		op: "list services", key: "services",
		first: func(api *conversations.ApiService) (*conversations.ListServiceResponse, error) {
			return api.PageService(params, "", "")
		},
		meta: func(p *conversations.ListServiceResponse) meta { return p.Meta },
		take: func(p *conversations.ListServiceResponse) (bool, error) {
			for _, s := range p.Services {
				sids = append(sids, deref(s.Sid))
			}
			return true, nil
		},
	}.read(ctx, c)
	return sids, err
}
