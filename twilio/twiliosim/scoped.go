package twiliosim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of https://www.twilio.com/docs/conversations-classic/api/conversation-scoped-webhook-resource;
// the length of a URL is assumed.
const (
	maxScopedWebhooks = 5
	maxURL            = 2048
)

// ScopedWebhook is a webhook of one conversation (WH…). Only those with target
// webhook are posted; trigger and studio are stored and shown.
type ScopedWebhook struct {
	SID             string    `json:"sid"`
	Seq             uint64    `json:"seq"`
	ConversationSID string    `json:"conversation_sid"`
	Target          string    `json:"target"`
	URL             string    `json:"url,omitempty"`
	Method          string    `json:"method,omitempty"`
	Filters         []string  `json:"filters,omitempty"`
	Triggers        []string  `json:"triggers,omitempty"`
	FlowSID         string    `json:"flow_sid,omitempty"`
	Created         time.Time `json:"created"`
	Updated         time.Time `json:"updated"`
}

func (c *call) createScopedWebhook() (any, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if len(conv.webhooks) >= maxScopedWebhooks {
		return nil, refuse(50361, "Scoped webhook limit of %d exceeded", maxScopedWebhooks)
	}
	fresh := ScopedWebhook{Target: c.form.Get("Target"), Method: http.MethodPost, Created: c.now, Updated: c.now}
	if !slices.Contains([]string{"webhook", "trigger", "studio"}, fresh.Target) {
		return nil, invalid("Target")
	}
	if err := c.fillScopedWebhook(&fresh); err != nil {
		return nil, err
	}
	after, replay := c.text("Configuration.ReplayAfter")
	first, perr := strconv.Atoi(after)
	if replay && (perr != nil || first < 0) {
		return nil, invalid("Configuration.ReplayAfter")
	}
	h := c.attach(conv, fresh)
	if replay {
		c.replay(conv, h, first)
	}
	return c.showScopedWebhook(conv, h), nil
}

// attach adds a checked webhook to the conversation.
func (c *change) attach(conv *conversation, fresh ScopedWebhook) *ScopedWebhook {
	fresh.SID, fresh.Seq, fresh.ConversationSID = c.s.ids.next("WH"), c.s.w.nextSeq(), conv.SID
	conv.webhooks = append(conv.webhooks, &fresh)
	c.put(fresh)
	return &fresh
}

// replay posts onMessageAdded to h for the message with index first and its
// successors.
func (c *change) replay(conv *conversation, h *ScopedWebhook, first int) {
	if h.Target != "webhook" || !slices.Contains(h.Filters, "onMessageAdded") {
		return
	}
	for _, m := range conv.messages {
		if m.Index >= first {
			params := c.common(conv, "onMessageAdded", m.Source, messageParams(conv, m))
			c.hook("conversation", c.topicOf(conv, params), h.URL, h.Method, params)
		}
	}
}

// fillScopedWebhook takes over the parameters that create and update share.
func (c *call) fillScopedWebhook(to *ScopedWebhook) *apiError {
	if url, sent := c.text("Configuration.Url"); sent {
		if len(url) > maxURL {
			return refuse(50372, "Webhook URL is too long")
		}
		if !absoluteURL(url) {
			return invalid("Configuration.Url")
		}
		to.URL = url
	}
	if to.URL == "" && to.Target != "studio" {
		return invalid("Configuration.Url")
	}
	if method, sent := c.text("Configuration.Method"); sent {
		to.Method = strings.ToUpper(method)
		if to.Method != http.MethodGet && to.Method != http.MethodPost {
			return invalid("Configuration.Method")
		}
	}
	if c.form.Has("Configuration.Filters") {
		filters, ok := readFilters(c.form["Configuration.Filters"])
		if !ok {
			return refuse(50365, "Invalid webhook filter")
		}
		to.Filters = filters
	}
	if c.form.Has("Configuration.Triggers") {
		to.Triggers = slices.Clone(c.form["Configuration.Triggers"])
	}
	return c.set(&to.FlowSID, "Configuration.FlowSid", 34)
}

func (c *call) updateScopedWebhook() (any, *apiError) {
	conv, h, err := c.scopedWebhook()
	if err != nil {
		return nil, err
	}
	after := *h
	after.Updated = c.now
	if err := c.fillScopedWebhook(&after); err != nil {
		return nil, err
	}
	*h = after
	c.put(*h)
	return c.showScopedWebhook(conv, h), nil
}

func (c *call) fetchScopedWebhook() (any, *apiError) {
	conv, h, err := c.scopedWebhook()
	if err != nil {
		return nil, err
	}
	return c.showScopedWebhook(conv, h), nil
}

func (c *call) deleteScopedWebhook() (any, *apiError) {
	conv, h, err := c.scopedWebhook()
	if err != nil {
		return nil, err
	}
	conv.webhooks = slices.DeleteFunc(conv.webhooks, func(other *ScopedWebhook) bool { return other == h })
	c.remove(*h, h.SID)
	return nil, nil
}

func (c *call) listScopedWebhooks() (any, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	return page(c, conv.webhooks, pageOf[*ScopedWebhook]{
		path: "/Conversations/" + conv.SID + "/Webhooks", key: "webhooks", max: maxScopedWebhooks,
		seq:  func(h *ScopedWebhook) uint64 { return h.Seq },
		show: func(h *ScopedWebhook) map[string]any { return c.showScopedWebhook(conv, h) },
	})
}

func (c *call) scopedWebhook() (*conversation, *ScopedWebhook, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, nil, err
	}
	sid := c.r.PathValue("Sid")
	for _, h := range conv.webhooks {
		if h.SID == sid {
			return conv, h, nil
		}
	}
	return nil, nil, notFound("/Conversations/" + conv.SID + "/Webhooks/" + sid)
}

func (c *call) showScopedWebhook(conv *conversation, h *ScopedWebhook) map[string]any {
	configuration := map[string]any{}
	switch h.Target {
	case "studio":
		configuration["flow_sid"] = h.FlowSID
	case "trigger":
		configuration["triggers"] = slices.Concat([]string{}, h.Triggers)
		fallthrough
	default:
		configuration["url"], configuration["method"] = h.URL, h.Method
		configuration["filters"] = slices.Concat([]string{}, h.Filters)
	}
	return c.inFamily(map[string]any{
		"sid":              h.SID,
		"account_sid":      c.s.opts.AccountSID,
		"conversation_sid": conv.SID,
		"target":           h.Target,
		"configuration":    configuration,
		"date_created":     date(h.Created),
		"date_updated":     date(h.Updated),
		"url":              c.url("/Conversations/" + conv.SID + "/Webhooks/" + h.SID),
	})
}
