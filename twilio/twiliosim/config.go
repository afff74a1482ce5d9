package twiliosim

import (
	"net/http"
	"slices"
	"strings"
)

// account is the account's one configuration.
type account struct {
	SID                        string        `json:"sid"`
	Seq                        uint64        `json:"seq"` // the highest given out when the journal was compacted
	DefaultServiceSID          string        `json:"default_service_sid"`
	DefaultMessagingServiceSID string        `json:"default_messaging_service_sid,omitempty"`
	DefaultInactiveTimer       string        `json:"default_inactive_timer,omitempty"`
	DefaultClosedTimer         string        `json:"default_closed_timer,omitempty"`
	Webhook                    webhookConfig `json:"webhook"`
}

// webhookConfig is where the account or a service wants its events.
type webhookConfig struct {
	Method  string   `json:"method,omitempty"`
	Filters []string `json:"filters,omitempty"`
	PreURL  string   `json:"pre_url,omitempty"`
	PostURL string   `json:"post_url,omitempty"`
	Target  string   `json:"target,omitempty"`
}

func (w webhookConfig) wants(event string) bool {
	return w.PostURL != "" && slices.Contains(w.Filters, event)
}

func (c *call) fetchConfiguration() (any, *apiError) {
	a := c.s.w.account
	return map[string]any{
		"account_sid":                   c.s.opts.AccountSID,
		"default_chat_service_sid":      a.DefaultServiceSID,
		"default_messaging_service_sid": orNull(a.DefaultMessagingServiceSID),
		"default_inactive_timer":        orNull(a.DefaultInactiveTimer),
		"default_closed_timer":          orNull(a.DefaultClosedTimer),
		"url":                           apiHost + "/Configuration",
		"links": map[string]string{
			"service":  apiHost + "/Services/" + a.DefaultServiceSID + "/Configuration",
			"webhooks": apiHost + "/Configuration/Webhooks",
		},
	}, nil
}

func (c *call) updateConfiguration() (any, *apiError) {
	after := *c.s.w.account
	if sid, sent := c.text("DefaultChatServiceSid"); sent {
		if c.s.w.service(sid) == nil {
			return nil, notFound("/Services/" + sid)
		}
		after.DefaultServiceSID = sid
	}
	if sid, sent := c.text("DefaultMessagingServiceSid"); sent {
		if sid != "" && !messagingSID.MatchString(sid) {
			return nil, invalid("DefaultMessagingServiceSid")
		}
		after.DefaultMessagingServiceSID = sid
	}
	for name, to := range map[string]*string{"DefaultInactiveTimer": &after.DefaultInactiveTimer, "DefaultClosedTimer": &after.DefaultClosedTimer} {
		v, sent := c.text(name)
		if !sent {
			continue
		}
		if _, ok := parseDuration(v); !ok {
			return nil, invalid(name)
		}
		*to = v
	}
	*c.s.w.account = after
	c.put(after)
	return c.fetchConfiguration()
}

func (c *call) fetchAccountWebhook() (any, *apiError) {
	h := c.s.w.account.Webhook
	target := h.Target
	if target == "" {
		target = "webhook"
	}
	return map[string]any{
		"account_sid":      c.s.opts.AccountSID,
		"method":           h.Method,
		"filters":          slices.Concat([]string{}, h.Filters),
		"pre_webhook_url":  orNull(h.PreURL),
		"post_webhook_url": orNull(h.PostURL),
		"target":           target,
		"url":              apiHost + "/Configuration/Webhooks",
	}, nil
}

func (c *call) updateAccountWebhook() (any, *apiError) {
	a := c.s.w.account
	after := a.Webhook
	if target, sent := c.text("Target"); sent {
		if target != "webhook" && target != "flex" {
			return nil, invalid("Target")
		}
		after.Target = target
	}
	if err := c.fillWebhook(&after); err != nil {
		return nil, err
	}
	a.Webhook = after
	c.put(*a)
	return c.fetchAccountWebhook()
}

func (c *call) fetchServiceWebhook() (any, *apiError) {
	h := c.s.w.service(c.service).Webhook
	var filters any
	if h.Filters != nil {
		filters = h.Filters
	}
	return map[string]any{
		"account_sid":      c.s.opts.AccountSID,
		"chat_service_sid": c.service,
		"pre_webhook_url":  orNull(h.PreURL),
		"post_webhook_url": orNull(h.PostURL),
		"filters":          filters,
		"method":           orNull(h.Method),
		"url":              apiHost + "/Services/" + c.service + "/Configuration/Webhooks",
	}, nil
}

func (c *call) updateServiceWebhook() (any, *apiError) {
	v := c.s.w.service(c.service)
	after := v.Webhook
	if after.Method == "" {
		after.Method = http.MethodPost
	}
	if err := c.fillWebhook(&after); err != nil {
		return nil, err
	}
	v.Webhook = after
	c.put(*v)
	return c.fetchServiceWebhook()
}

// fillWebhook takes over what account and service webhooks have in common.
// Filters, when sent, replace the old ones; an empty URL clears it.
func (c *call) fillWebhook(to *webhookConfig) *apiError {
	if method, sent := c.text("Method"); sent {
		method = strings.ToUpper(method)
		if method != http.MethodGet && method != http.MethodPost {
			return invalid("Method")
		}
		to.Method = method
	}
	for name, url := range map[string]*string{"PreWebhookUrl": &to.PreURL, "PostWebhookUrl": &to.PostURL} {
		v, sent := c.text(name)
		if !sent {
			continue
		}
		if v != "" && !absoluteURL(v) {
			return invalid(name)
		}
		*url = v
	}
	if c.form.Has("Filters") {
		filters, ok := readFilters(c.form["Filters"])
		if !ok {
			return invalid("Filters")
		}
		to.Filters = filters
	}
	return nil
}

// readFilters checks event names. One empty value means none at all.
func readFilters(names []string) ([]string, bool) {
	if len(names) == 1 && names[0] == "" {
		return nil, true
	}
	for _, name := range names {
		if !slices.Contains(eventNames, name) {
			return nil, false
		}
	}
	return slices.Clone(names), true
}
