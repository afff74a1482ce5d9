package twilio

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// surroundings warns of settings beside the planned ones. None of them is ours
// to change, and a restricted API key may not read them all: one that cannot be
// read is reported and no error.
func (p *planner) surroundings(ctx context.Context) {
	if p.service != "" {
		p.unchecked("webhooks of the service", p.serviceWebhooks(ctx))
	}
	p.unchecked("Conversation Orchestrator", p.bridges(ctx))
	for _, sender := range p.setup.Senders {
		p.unchecked("inbound SMS webhook of "+string(sender), p.classic(ctx, sender))
	}
	p.unchecked("inbound webhooks of Messaging Services", p.messagingServices(ctx))
}

func (p *planner) unchecked(what string, err error) {
	if err == nil {
		return
	}
	why := err.Error()
	if te := (*chat.TwilioError)(nil); errors.As(err, &te) && te.Err != nil {
		why = te.Err.Error()
	}
	p.plan.Unchecked = append(p.plan.Unchecked, what+": "+why)
}

// configuration finds out which service we act in, and warns of conversations that end
// by themselves, after which a text of the customer starts a new one.
func (p *planner) configuration(ctx context.Context) {
	service := p.serviceSID
	p.unchecked("default service and timers", p.call(ctx, "fetch configuration", false, func(api *conversations.ApiService) error {
		answer, err := api.FetchConfiguration()
		if err != nil {
			return err
		}
		if deref(answer.AccountSid) != p.accountSID {
			return errUnreadable
		}
		if service == "" {
			service = deref(answer.DefaultChatServiceSid)
		}
		if after := deref(answer.DefaultClosedTimer); after != "" {
			p.warn("conversations close by themselves after " + after + " (default_closed_timer)")
		}
		if after := deref(answer.DefaultInactiveTimer); after != "" {
			p.warn("conversations become inactive by themselves after " + after + " (default_inactive_timer)")
		}
		return nil
	}))
	if servicePattern.MatchString(service) {
		p.service = service
	}
}

// serviceWebhooks warns of webhooks that make the same events come twice.
func (p *planner) serviceWebhooks(ctx context.Context) error {
	return p.call(ctx, "fetch webhooks of service", false, func(api *conversations.ApiService) error {
		answer, err := api.FetchServiceWebhookConfiguration(p.service)
		if err != nil {
			return err
		}
		have, err := convert[webhookSettings](answer)
		if err != nil {
			return err
		}
		twice := slices.DeleteFunc(have.Filters, func(f string) bool { return !slices.Contains(p.setup.Filters, f) })
		if sameHost(have.PostURL, p.setup.URL) && len(twice) > 0 {
			p.warn("service " + p.service + " posts to us as well, so that these events come twice: " + strings.Join(twice, ", "))
		}
		if have.PreURL != "" {
			p.warn("service " + p.service + " has a pre-event webhook, " + displayURL(have.PreURL) + ": it decides on texts before they reach a conversation and may drop them")
		}
		return nil
	})
}

func sameHost(a, b string) bool {
	ua, ok := splitURL(a)
	ub, _ := splitURL(b)
	return ok && strings.EqualFold(ua.host, ub.host)
}

// toUs tells whether the URL is certainly ours: in the folder of the webhooks that are
// to be set. Another application may live on the same host.
func (p *planner) toUs(address string) bool {
	u, _ := splitURL(address)
	ours, _ := splitURL(p.setup.URL)
	return sameHost(address, p.setup.URL) && path.Dir(u.path) == path.Dir(ours.path) &&
		cmp.Or(u.port, u.defaultPort()) == cmp.Or(ours.port, ours.defaultPort())
}

// bridges warns of Conversations v2 (the Orchestrator) handing the channels'
// texts to the service we act in, where its own rules apply to them too
// (https://www.twilio.com/docs/conversations).
func (p *planner) bridges(ctx context.Context) error {
	var list struct {
		Configurations []struct {
			ID     string `json:"id"`
			Bridge struct {
				ServiceSID string `json:"serviceId"`
			} `json:"conversationsV1Bridge"`
		} `json:"configurations"`
	}
	if err := p.fetch(ctx, "list orchestrator configurations", "https://"+apiHost+"/v2/ControlPlane/Configurations?pageSize=50", &list); err != nil {
		return err
	}
	for _, configuration := range list.Configurations {
		if configuration.Bridge.ServiceSID != "" && configuration.Bridge.ServiceSID == p.service {
			p.warn("Conversation Orchestrator's configuration " + configuration.ID + " bridges to our service: its rules apply to our conversations")
		}
	}
	return nil
}

// hearsToo is what is wrong with a second receiver of texts.
const hearsToo = ", which hears each of them too and may answer"

// classic warns of the number's own webhook, which fires for every text beside
// the conversation's, and may answer it
// (https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource).
func (p *planner) classic(ctx context.Context, sender chat.Phone) error {
	var list struct {
		Numbers []struct {
			Number      chat.Phone `json:"phone_number"`
			URL         string     `json:"sms_url"`
			Application string     `json:"sms_application_sid"`
		} `json:"incoming_phone_numbers"`
	}
	address := "https://" + numbersHost + "/2010-04-01/Accounts/" + p.accountSID + "/IncomingPhoneNumbers.json?PhoneNumber=" + url.QueryEscape(string(sender))
	if err := p.fetch(ctx, "list phone numbers", address, &list); err != nil {
		return err
	}
	for _, n := range list.Numbers {
		if n.Number != sender {
			continue
		}
		if n.Application != "" {
			p.warn("texts to " + string(sender) + " go to the application " + n.Application + hearsToo)
		} else if n.URL != "" && !p.toUs(n.URL) {
			p.warn("texts to " + string(sender) + " are also posted to " + displayURL(n.URL) + hearsToo)
		}
		return nil
	}
	return errors.New("the account has no such number")
}

// fetch reads a resource that the SDK's Conversations package does not know.
func (c *Client) fetch(ctx context.Context, op, address string, into any) error {
	return c.call(ctx, op, false, func(api *conversations.ApiService) error { return get(api, address, into) })
}
