package twiliosim

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// eventNames are what Filters may hold:
// https://www.twilio.com/docs/conversations-classic/conversations-webhooks
var eventNames = []string{
	"onMessageAdd", "onMessageAdded", "onMessageUpdate", "onMessageUpdated", "onMessageRemove", "onMessageRemoved",
	"onConversationAdd", "onConversationAdded", "onConversationUpdate", "onConversationUpdated",
	"onConversationRemove", "onConversationRemoved", "onConversationStateUpdated",
	"onParticipantAdd", "onParticipantAdded", "onParticipantUpdate", "onParticipantUpdated",
	"onParticipantRemove", "onParticipantRemoved", "onDeliveryUpdated",
	"onUserAdded", "onUserUpdate", "onUserUpdated",
}

// eventDate is a moment as webhooks spell it: UTC, milliseconds.
func eventDate(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// event raises a post-event webhook at every scope that asks for it: the
// account, the conversation's service, and the conversation itself.
func (c *change) event(conv *conversation, name string, params url.Values) {
	if !c.loud {
		return
	}
	source := sourceAPI
	if c.origin == fromPhone {
		source = sourceSMS
	}
	params = c.common(conv, name, source, params)
	about := c.topicOf(conv, params)
	w := c.s.w
	if w.account.Webhook.wants(name) {
		c.hook("account", about, w.account.Webhook.PostURL, w.account.Webhook.Method, params)
	}
	skipped := c.s.opts.ServiceScopeSkipsInbound && name == "onMessageAdded" && c.origin == fromPhone
	if v := w.service(conv.ServiceSID); v != nil && v.Webhook.wants(name) && !skipped {
		c.hook("service", about, v.Webhook.PostURL, v.Webhook.Method, params)
	}
	for _, h := range conv.webhooks {
		if h.Target == "webhook" && slices.Contains(h.Filters, name) {
			c.hook("conversation", about, h.URL, h.Method, params)
		}
	}
}

// common adds the parameters that every event carries. source is SMS for what
// a handset caused, else API.
func (c *change) common(conv *conversation, name, source string, params url.Values) url.Values {
	params.Set("EventType", name)
	params.Set("AccountSid", c.s.opts.AccountSID)
	params.Set("ChatServiceSid", conv.ServiceSID)
	params.Set("Source", source)
	params.Set("RetryCount", "0")
	return params
}

// hook queues one webhook, as often and in the way the faults want it. Those
// with the same key keep their order.
func (c *change) hook(scope string, about topic, to, method string, params url.Values) {
	d := &delivery{
		key: about.key, conversation: about.conversation,
		hook: Webhook{
			ID: c.s.ids.uuid(), EventType: params.Get("EventType"), Scope: scope,
			URL: to, Method: strings.ToUpper(method), Params: cloneValues(params), Queued: c.now,
		},
	}
	if sc := c.s.script.Load(); sc != nil {
		c.hooks = append(c.hooks, c.disturb(d, sc, about)...)
		return
	}
	c.seal(d)
	c.hooks = append(c.hooks, d)
}

// seal gives a webhook the body it is sent with. Its parameters stay from here on.
func (c *change) seal(d *delivery) {
	d.hook.Body = c.shuffle(d.hook.Params)
	d.done = make(chan struct{})
}

func conversationParams(conv *conversation) url.Values {
	return url.Values{
		"ConversationSid":     {conv.SID},
		"ChatServiceSid":      {conv.ServiceSID},
		"MessagingServiceSid": {conv.MessagingServiceSID},
		"FriendlyName":        {conv.FriendlyName},
		"UniqueName":          {conv.UniqueName},
		"Attributes":          {conv.Attributes},
		"State":               {conv.State},
		"DateCreated":         {eventDate(conv.Created)},
		"DateUpdated":         {eventDate(conv.Updated)},
	}
}

func participantParams(conv *conversation, p *Participant) url.Values {
	params := url.Values{
		"ConversationSid":       {conv.SID},
		"ParticipantSid":        {p.SID},
		"DateCreated":           {eventDate(p.Created)},
		"RoleSid":               {p.RoleSID},
		"Attributes":            {p.Attributes},
		"MessagingBinding.Type": {p.bindingType()},
	}
	if p.Identity != "" {
		params.Set("Identity", p.Identity)
	}
	if p.Address != "" {
		params.Set("MessagingBinding.Address", p.Address)
		params.Set("MessagingBinding.ProxyAddress", p.ProxyAddress)
	}
	return params
}

func messageParams(conv *conversation, m *message) url.Values {
	params := url.Values{
		"ConversationSid":     {conv.SID},
		"MessageSid":          {m.SID},
		"MessagingServiceSid": {conv.MessagingServiceSID},
		"Index":               {strconv.Itoa(m.Index)},
		"DateCreated":         {eventDate(m.Created)},
		"Body":                {m.Body},
		"Author":              {m.Author},
		"Attributes":          {m.Attributes},
	}
	if m.ParticipantSID != "" {
		params.Set("ParticipantSid", m.ParticipantSID)
	}
	setMedia(params, m.Files)
	return params
}
