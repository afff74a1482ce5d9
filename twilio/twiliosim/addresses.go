package twiliosim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// addressTypes of https://www.twilio.com/docs/conversations-classic/api/address-configuration-resource
var addressTypes = []string{"sms", "whatsapp", "messenger", "gbm", "email", "rcs", "apple", "chat"}

// AddressConfiguration (IG…) says what happens to a text to one of the
// account's addresses that belongs to no conversation.
type AddressConfiguration struct {
	SID          string       `json:"sid"`
	Seq          uint64       `json:"seq"`
	Type         string       `json:"type"`
	Address      string       `json:"address"`
	FriendlyName string       `json:"friendly_name,omitempty"`
	Country      string       `json:"country,omitempty"`
	AutoCreation AutoCreation `json:"auto_creation"`
	Created      time.Time    `json:"created"`
	Updated      time.Time    `json:"updated"`
}

// AutoCreation makes a conversation of such a text. With Type webhook the new
// conversation gets a scoped webhook; an empty ServiceSID is the default one.
type AutoCreation struct {
	Enabled          bool     `json:"enabled"`
	Type             string   `json:"type,omitempty"` // webhook, studio or default
	ServiceSID       string   `json:"conversation_service_sid,omitempty"`
	WebhookURL       string   `json:"webhook_url,omitempty"`
	WebhookMethod    string   `json:"webhook_method,omitempty"`
	WebhookFilters   []string `json:"webhook_filters,omitempty"`
	StudioFlowSID    string   `json:"studio_flow_sid,omitempty"`
	StudioRetryCount int      `json:"studio_retry_count,omitempty"`
}

func (c *call) createAddress() (any, *apiError) {
	fresh := AddressConfiguration{
		Type: strings.ToLower(c.form.Get("Type")), Address: c.form.Get("Address"), Country: c.form.Get("AddressCountry"),
		Created: c.now, Updated: c.now,
	}
	if !slices.Contains(addressTypes, fresh.Type) {
		return nil, invalid("Type")
	}
	if fresh.Address == "" {
		return nil, invalid("Address")
	}
	if c.s.w.address(fresh.Address) != nil {
		return nil, conflict(20409, "Address %s is already configured", fresh.Address)
	}
	if err := c.fillAddress(&fresh); err != nil {
		return nil, err
	}
	fresh.SID, fresh.Seq = c.s.ids.next("IG"), c.s.w.nextSeq()
	c.s.w.addresses = append(c.s.w.addresses, &fresh)
	c.put(fresh)
	return c.showAddress(&fresh), nil
}

// fillAddress takes over the parameters that create and update share.
func (c *call) fillAddress(to *AddressConfiguration) *apiError {
	if err := c.set(&to.FriendlyName, "FriendlyName", maxName); err != nil {
		return err
	}
	auto := &to.AutoCreation
	if v, sent := c.text("AutoCreation.Enabled"); sent {
		enabled, err := strconv.ParseBool(v)
		if err != nil {
			return invalid("AutoCreation.Enabled")
		}
		auto.Enabled = enabled
	}
	if v, sent := c.text("AutoCreation.Type"); sent {
		if !slices.Contains([]string{"webhook", "studio", "default"}, v) {
			return invalid("AutoCreation.Type")
		}
		auto.Type = v
	}
	if v, sent := c.text("AutoCreation.ConversationServiceSid"); sent {
		if v != "" && c.s.w.service(v) == nil {
			return notFound("/Services/" + v)
		}
		auto.ServiceSID = v
	}
	if v, sent := c.text("AutoCreation.WebhookUrl"); sent {
		if v != "" && !absoluteURL(v) {
			return invalid("AutoCreation.WebhookUrl")
		}
		auto.WebhookURL = v
	}
	if v, sent := c.text("AutoCreation.WebhookMethod"); sent {
		auto.WebhookMethod = strings.ToUpper(v)
		if auto.WebhookMethod != http.MethodGet && auto.WebhookMethod != http.MethodPost {
			return invalid("AutoCreation.WebhookMethod")
		}
	}
	if c.form.Has("AutoCreation.WebhookFilters") {
		filters, ok := readFilters(c.form["AutoCreation.WebhookFilters"])
		if !ok {
			return invalid("AutoCreation.WebhookFilters")
		}
		auto.WebhookFilters = filters
	}
	if v, sent := c.text("AutoCreation.StudioRetryCount"); sent {
		n, err := strconv.Atoi(v)
		if err != nil {
			return invalid("AutoCreation.StudioRetryCount")
		}
		auto.StudioRetryCount = n
	}
	if auto.Type == "webhook" && auto.WebhookURL == "" {
		return invalid("AutoCreation.WebhookUrl")
	}
	return c.set(&auto.StudioFlowSID, "AutoCreation.StudioFlowSid", 34)
}

func (c *call) updateAddress() (any, *apiError) {
	a, err := c.address()
	if err != nil {
		return nil, err
	}
	after := *a
	after.Updated = c.now
	if err := c.fillAddress(&after); err != nil {
		return nil, err
	}
	*a = after
	c.put(*a)
	return c.showAddress(a), nil
}

func (c *call) fetchAddress() (any, *apiError) {
	a, err := c.address()
	if err != nil {
		return nil, err
	}
	return c.showAddress(a), nil
}

func (c *call) deleteAddress() (any, *apiError) {
	a, err := c.address()
	if err != nil {
		return nil, err
	}
	c.s.w.addresses = slices.DeleteFunc(c.s.w.addresses, func(other *AddressConfiguration) bool { return other == a })
	c.remove(*a, a.SID)
	return nil, nil
}

func (c *call) listAddresses() (any, *apiError) {
	match := c.s.w.addresses
	if kind, sent := c.text("Type"); sent {
		match = slices.DeleteFunc(slices.Clone(match), func(a *AddressConfiguration) bool { return a.Type != strings.ToLower(kind) })
	}
	return page(c, match, pageOf[*AddressConfiguration]{
		path: "/Configuration/Addresses", key: "address_configurations", max: 50,
		seq: func(a *AddressConfiguration) uint64 { return a.Seq }, show: c.showAddress,
	})
}

// address finds the call's configuration by IG SID or by the address itself.
func (c *call) address() (*AddressConfiguration, *apiError) {
	id := c.r.PathValue("Sid")
	for _, a := range c.s.w.addresses {
		if a.SID == id || a.Address == id {
			return a, nil
		}
	}
	return nil, notFound("/Configuration/Addresses/" + id)
}

func (c *call) showAddress(a *AddressConfiguration) map[string]any {
	auto := map[string]any{
		"enabled":                  a.AutoCreation.Enabled,
		"type":                     orNull(a.AutoCreation.Type),
		"conversation_service_sid": orNull(a.AutoCreation.ServiceSID),
	}
	switch a.AutoCreation.Type {
	case "webhook":
		auto["webhook_url"] = a.AutoCreation.WebhookURL
		auto["webhook_method"] = orNull(a.AutoCreation.WebhookMethod)
		auto["webhook_filters"] = slices.Concat([]string{}, a.AutoCreation.WebhookFilters)
	case "studio":
		auto["studio_flow_sid"] = a.AutoCreation.StudioFlowSID
		auto["studio_retry_count"] = a.AutoCreation.StudioRetryCount
	}
	return map[string]any{
		"sid":             a.SID,
		"account_sid":     c.s.opts.AccountSID,
		"type":            a.Type,
		"address":         a.Address,
		"friendly_name":   orNull(a.FriendlyName),
		"auto_creation":   auto,
		"address_country": orNull(a.Country),
		"date_created":    date(a.Created),
		"date_updated":    date(a.Updated),
		"url":             apiHost + "/Configuration/Addresses/" + a.SID,
	}
}

// address returns the configuration of one address, nil if there is none.
func (w *world) address(address string) *AddressConfiguration {
	for _, a := range w.addresses {
		if a.Address == address {
			return a
		}
	}
	return nil
}
