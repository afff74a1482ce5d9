package twilio

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// WebhookSetup is what an account needs so that its events reach us.
type WebhookSetup struct {
	URL     string       // where events are posted
	Filters []string     // which events
	Senders []chat.Phone // a text to one of them that belongs to no conversation starts one
	Replace bool         // also where somebody else's setting is in the way
}

// WebhookPlan is the difference between an account's settings and a setup.
type WebhookPlan struct {
	// Changes are the calls to make, in order; none when all is as it should be.
	Changes []SettingChange `json:"changes"`
	// Conflicts are settings of somebody else that stand in the way. With one
	// of them nothing is changed.
	Conflicts []string `json:"conflicts"`
	// Warnings are settings that stay and that somebody should look at.
	Warnings []string `json:"warnings"`
	// Unchecked is what could not be read and may hide a warning.
	Unchecked []string `json:"unchecked"`
}

// SettingChange is one POST to the API's path, with the parameters it sends.
type SettingChange struct {
	Path   string        `json:"path"`
	Fields []FieldChange `json:"fields"`
	apply  func(context.Context) error
}

// FieldChange is one parameter. From and To are equal for one that is sent
// along with another; From is nil for what is not set, and shows a URL without
// its query.
type FieldChange struct {
	Name string   `json:"name"`
	From []string `json:"from"`
	To   []string `json:"to"`
}

// ErrForeignSettings means that settings of somebody else stand in the way.
var ErrForeignSettings = errors.New("settings at Twilio belong to somebody else")

const webhooksPath = "/v1/Configuration/Webhooks"

// PlanWebhooks reads what is set and compares it with s. It changes nothing.
// Foreign settings are merged with ours: filters are added to those present, a
// pre-event webhook stays. Only where both cannot be (another post-event
// address, another method for a present pre-event one, a sender's texts bound
// for a Studio flow or another service, be it switched off) there is a conflict,
// or with s.Replace a change.
//
// It also looks at what makes events come twice, conversations close by
// themselves, or somebody else answer our customers.
func (c *Client) PlanWebhooks(ctx context.Context, s WebhookSetup) (WebhookPlan, error) {
	p := planner{Client: c, setup: s, plan: WebhookPlan{
		Changes: []SettingChange{}, Conflicts: []string{}, Warnings: []string{}, Unchecked: []string{}, // no null in JSON
	}}
	if err := p.account(ctx); err != nil {
		return WebhookPlan{}, err
	}
	p.configuration(ctx)
	for _, sender := range s.Senders {
		if err := p.sender(ctx, sender); err != nil {
			return WebhookPlan{}, err
		}
	}
	p.surroundings(ctx)
	return p.plan, nil
}

// ApplyWebhooks makes the changes of a fresh plan and returns that plan. With
// conflicts it changes nothing and returns ErrForeignSettings. When a change
// fails, those before it stay; calling it again does the rest, and once all is
// done, nothing.
func (c *Client) ApplyWebhooks(ctx context.Context, s WebhookSetup) (WebhookPlan, error) {
	plan, err := c.PlanWebhooks(ctx, s)
	if err != nil {
		return WebhookPlan{}, err
	}
	if len(plan.Conflicts) > 0 {
		return plan, ErrForeignSettings
	}
	for _, change := range plan.Changes {
		if err := change.apply(ctx); err != nil {
			return plan, err
		}
	}
	return plan, nil
}

// planner is a plan in the making.
type planner struct {
	*Client
	setup      WebhookSetup
	plan       WebhookPlan
	accountSID string
	service    string // that we act in; "" if that could not be read
}

func (p *planner) warn(text string) { p.plan.Warnings = append(p.plan.Warnings, text) }

// foreign records a conflict and reports whether to go on all the same.
func (p *planner) foreign(text string) bool {
	if !p.setup.Replace {
		p.plan.Conflicts = append(p.plan.Conflicts, text)
	}
	return p.setup.Replace
}

// account compares the account's webhooks.
func (p *planner) account(ctx context.Context) error {
	var have webhookSettings
	err := p.call(ctx, "fetch webhooks", false, func(api *conversations.ApiService) (err error) {
		answer, err := api.FetchConfigurationWebhook()
		if err != nil {
			return err
		}
		have, err = convert[webhookSettings](answer)
		if err == nil && !accountPattern.MatchString(have.AccountSID) {
			return errUnreadable
		}
		return err
	})
	if err != nil {
		return err
	}
	p.accountSID = have.AccountSID
	if have.PreURL != "" {
		p.warn("a pre-event webhook is set, " + displayURL(have.PreURL) + ": it decides on texts before they reach a conversation and may drop them")
	}
	if have.Target == "flex" {
		p.warn("the account's events are set to go to Flex")
	}
	takeOver := true
	if have.PostURL != "" && have.PostURL != p.setup.URL {
		takeOver = p.foreign("events are posted to " + displayURL(have.PostURL))
	}
	if have.PreURL != "" && !isPost(have.Method) {
		takeOver = p.foreign("events are sent by "+have.Method+", to the pre-event webhook as well; ours need POST") && takeOver
	}
	filters := slices.Clone(have.Filters)
	for _, f := range p.setup.Filters {
		if !slices.Contains(filters, f) {
			filters = append(filters, f)
		}
	}
	if !takeOver || have.PostURL == p.setup.URL && isPost(have.Method) && len(filters) == len(have.Filters) {
		return nil
	}
	p.plan.Changes = append(p.plan.Changes, SettingChange{
		Path: webhooksPath,
		Fields: []FieldChange{
			{"Method", some(have.Method), []string{"POST"}},
			{"PostWebhookUrl", some(displayURL(have.PostURL)), []string{p.setup.URL}},
			{"Filters", have.Filters, filters},
		},
		apply: func(ctx context.Context) error { return p.SetWebhooks(ctx, p.setup.URL, filters) },
	})
	return nil
}

// webhookSettings are where an account or a service posts its events
// (https://www.twilio.com/docs/conversations-classic/api/webhook-configuration-resource).
type webhookSettings struct {
	AccountSID string   `json:"account_sid"`
	Method     string   `json:"method"`
	Filters    []string `json:"filters"`
	PreURL     string   `json:"pre_webhook_url"`
	PostURL    string   `json:"post_webhook_url"`
	Target     string   `json:"target"` // webhook or flex
}

func isPost(method string) bool { return strings.EqualFold(method, "POST") }

// some is a value that may be missing.
func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// displayURL is a URL to show: its query and credentials may be secret. No URL
// stays none.
func displayURL(s string) string {
	if s == "" {
		return ""
	}
	u, ok := splitURL(s)
	if !ok {
		return "another address"
	}
	return u.public()
}

// sender compares what becomes of texts to one of our numbers.
func (p *planner) sender(ctx context.Context, sender chat.Phone) error {
	have, err := p.addressConfiguration(ctx, sender)
	if err != nil {
		return err
	}
	auto, elsewhere := have.AutoCreation, p.elsewhere(have)
	if auto.Enabled && auto.Type == "default" && !elsewhere {
		return nil
	}
	if auto.Enabled && auto.Type == "webhook" && !elsewhere {
		// It starts one, in the right service, so that we hear of it.
		p.warn("texts to " + string(sender) + " outside of conversations are also posted to " + displayURL(auto.WebhookURL))
		return nil
	}
	if text := p.others(have); text != "" && !p.foreign("texts to "+string(sender)+" outside of conversations "+text) {
		return nil
	}
	path, fields := "/v1/Configuration/Addresses", []FieldChange{{"Type", nil, []string{"sms"}}, {"Address", nil, []string{string(sender)}}}
	var enabled []string
	if have.SID != "" {
		path, fields, enabled = path+"/"+have.SID, nil, []string{strconv.FormatBool(auto.Enabled)}
	}
	fields = append(fields,
		FieldChange{"AutoCreation.Enabled", enabled, []string{"true"}},
		FieldChange{"AutoCreation.Type", some(auto.Type), []string{"default"}})
	service := p.serviceSID // "": Twilio's choice, the account's default
	if elsewhere {
		service = p.service
	}
	if service != "" {
		fields = append(fields, FieldChange{"AutoCreation.ConversationServiceSid", some(auto.ServiceSID), []string{service}})
	}
	p.plan.Changes = append(p.plan.Changes, SettingChange{Path: path, Fields: fields, apply: func(ctx context.Context) error {
		return p.putAddress(ctx, "enable autocreate", have.SID, sender, service)
	}})
	return nil
}

// elsewhere reports whether the conversations that a configuration starts, or would,
// are in another service than ours.
func (p *planner) elsewhere(have addressConfiguration) bool {
	service := have.AutoCreation.ServiceSID
	return p.service != "" && service != p.service && (service != "" || p.serviceSID != "")
}

// others says what somebody else's configuration does with a text, "" where nobody's is
// in the way. One that is switched off is theirs all the same: to be switched on for us
// it would have to lose what they have set.
func (p *planner) others(have addressConfiguration) string {
	auto := have.AutoCreation
	const ifOn = " if autocreate were on"
	elsewhere := p.elsewhere(have)
	switch {
	case auto.Enabled && elsewhere:
		return "start one in another service, " + auto.ServiceSID
	case auto.Enabled:
		return "go to " + auto.Type
	case elsewhere && auto.ServiceSID != "":
		return "would start one in another service, " + auto.ServiceSID + "," + ifOn
	case auto.Type == "webhook" && !p.toUs(auto.WebhookURL):
		return "would be posted to " + displayURL(auto.WebhookURL) + ifOn
	case auto.Type != "" && auto.Type != "webhook" && auto.Type != "default":
		return "would go to " + auto.Type + ifOn
	}
	return ""
}
