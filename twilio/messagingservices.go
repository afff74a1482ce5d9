package twilio

import (
	"context"
	"slices"

	"textme/chat"
)

// messagingService is a Messaging Service, as far as we need it. Texts to its numbers
// are posted to URL, unless each number's own webhook is to have them
// (https://www.twilio.com/docs/messaging/api/service-resource).
type messagingService struct {
	SID      string `json:"sid"`
	URL      string `json:"inbound_request_url"`
	OnNumber bool   `json:"use_inbound_webhook_on_number"`
}

type messagingServicePage struct {
	Services []messagingService `json:"services"`
	Meta     meta               `json:"meta"`
}

type serviceNumberPage struct {
	Numbers []struct {
		Number chat.Phone `json:"phone_number"`
	} `json:"phone_numbers"`
	Meta meta `json:"meta"`
}

const (
	messagingServicesURL = "https://" + messagingHost + "/v1/Services"
	messagingPageSize    = "?PageSize=50"
)

// messagingServices warns of a webhook that a sender's Messaging Service has: it fires
// for every text beside the conversation's, as the number's own would.
func (p *planner) messagingServices(ctx context.Context) error {
	if len(p.setup.Senders) == 0 {
		return nil
	}
	var others []messagingService
	err := listing[messagingServicePage]{
		op: "list messaging services", key: "services",
		first: at[messagingServicePage](messagingServicesURL + messagingPageSize),
		meta:  func(p *messagingServicePage) meta { return p.Meta },
		take: func(page *messagingServicePage) (bool, error) {
			for _, s := range page.Services {
				if !messagingPattern.MatchString(s.SID) {
					return false, errUnreadable
				}
				if s.URL != "" && !s.OnNumber && !p.toUs(s.URL) {
					others = append(others, s)
				}
			}
			return true, nil
		},
	}.read(ctx, p.Client)
	for _, s := range others {
		if err != nil {
			return err
		}
		err = p.serviceNumbers(ctx, s)
	}
	return err
}

// serviceNumbers warns of those of our senders whose texts s posts
// (https://www.twilio.com/docs/messaging/api/phonenumber-resource).
func (p *planner) serviceNumbers(ctx context.Context, s messagingService) error {
	return listing[serviceNumberPage]{
		op: "list numbers of messaging service", key: "phone_numbers",
		first: at[serviceNumberPage](messagingServicesURL + "/" + s.SID + "/PhoneNumbers" + messagingPageSize),
		meta:  func(p *serviceNumberPage) meta { return p.Meta },
		take: func(page *serviceNumberPage) (bool, error) {
			for _, n := range page.Numbers {
				if slices.Contains(p.setup.Senders, n.Number) {
					p.warn("texts to " + string(n.Number) + " are also posted to " + displayURL(s.URL) + " by the Messaging Service " + s.SID + hearsToo)
				}
			}
			return true, nil
		},
	}.read(ctx, p.Client)
}
