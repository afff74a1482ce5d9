package twilio

import (
	"context"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// SetWebhooks makes the account post the events named in filters to url, and
// replaces the post-event address and filters that were set. It is the
// account's setting even when the client acts in a service: a service's own
// was seen not to hear texts from handsets. Calling it twice is safe.
func (c *Client) SetWebhooks(ctx context.Context, url string, filters []string) error {
	params := (&conversations.UpdateConfigurationWebhookParams{}).
		SetMethod("POST").
		SetPostWebhookUrl(url).
		SetFilters(filters)
	return c.call(ctx, "set webhooks", true, func(api *conversations.ApiService) error {
		answer, err := api.UpdateConfigurationWebhook(params)
		if err == nil && deref(answer.PostWebhookUrl) != url {
			return errUnreadable
		}
		return err
	})
}

// addressConfiguration is what happens to a text to one of our numbers that
// belongs to no conversation
// (https://www.twilio.com/docs/conversations-classic/api/address-configuration-resource).
type addressConfiguration struct {
	SID          string     `json:"sid"`
	Address      chat.Phone `json:"address"`
	AutoCreation struct {
		Enabled    bool   `json:"enabled"`
		Type       string `json:"type"` // webhook, studio or default
		ServiceSID string `json:"conversation_service_sid"`
		WebhookURL string `json:"webhook_url"`
	} `json:"auto_creation"`
}

// creates reports whether such a text makes a conversation in the service; ""
// leaves the choice of the service to Twilio.
func (a addressConfiguration) creates(service string) bool {
	auto := a.AutoCreation
	return auto.Enabled && auto.Type == "default" && (service == "" || service == auto.ServiceSID)
}

// EnableAutocreate makes a text to sender that belongs to no conversation start
// one. Twilio may take a minute to act on it. Calling it twice is safe.
func (c *Client) EnableAutocreate(ctx context.Context, sender chat.Phone) error {
	const op = "enable autocreate"
	have, err := c.addressConfiguration(ctx, sender)
	if err != nil || have.creates(c.serviceSID) {
		return err
	}
	return c.putAddress(ctx, op, have.SID, sender, c.serviceSID)
}

// putAddress makes sender's configuration, or changes the one that sid names,
// so that texts start conversations in the service; "" leaves the choice to Twilio.
func (c *Client) putAddress(ctx context.Context, op, sid string, sender chat.Phone, service string) error {
	return c.call(ctx, op, true, func(api *conversations.ApiService) error {
		var answer *conversations.ConversationsV1ConfigurationAddress
		var err error
		if sid == "" {
			answer, err = api.CreateConfigurationAddress(newAddress(sender, service))
		} else {
			answer, err = api.UpdateConfigurationAddress(sid, changedAddress(service))
		}
		if err != nil {
			return err
		}
		now, err := convert[addressConfiguration](answer)
		if err == nil && (now.Address != sender || !now.creates(service)) {
			return errUnreadable
		}
		return err
	})
}

func newAddress(sender chat.Phone, service string) *conversations.CreateConfigurationAddressParams {
	params := (&conversations.CreateConfigurationAddressParams{}).
		SetType("sms").
		SetAddress(string(sender)).
		SetAutoCreationEnabled(true).
		SetAutoCreationType("default")
	if service != "" {
		params.SetAutoCreationConversationServiceSid(service)
	}
	return params
}

func changedAddress(service string) *conversations.UpdateConfigurationAddressParams {
	params := (&conversations.UpdateConfigurationAddressParams{}).
		SetAutoCreationEnabled(true).
		SetAutoCreationType("default")
	if service != "" {
		params.SetAutoCreationConversationServiceSid(service)
	}
	return params
}

// addressConfiguration looks for sender's; the zero value means there is none.
func (c *Client) addressConfiguration(ctx context.Context, sender chat.Phone) (found addressConfiguration, err error) {
	params := (&conversations.ListConfigurationAddressParams{}).SetType("sms").SetPageSize(50)
	err = listing[conversations.ListConfigurationAddressResponse]{
		op: "list address configurations", key: "address_configurations",
		first: func(api *conversations.ApiService) (*conversations.ListConfigurationAddressResponse, error) {
			return api.PageConfigurationAddress(params, "", "")
		},
		meta: func(p *conversations.ListConfigurationAddressResponse) meta { return p.Meta },
		take: func(p *conversations.ListConfigurationAddressResponse) (bool, error) {
			all, err := convert[[]addressConfiguration](p.AddressConfigurations)
			for _, a := range all {
				switch {
				case !configurationPattern.MatchString(a.SID):
					return false, errUnreadable
				case a.Address == sender:
					found = a
					return false, nil
				}
			}
			return true, err
		},
	}.read(ctx, c)
	return found, err
}
