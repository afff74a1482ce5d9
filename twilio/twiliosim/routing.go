package twiliosim

import (
	"net/url"
	"strconv"
)

// receive takes a text from a handset to one of the account's senders: to the
// conversation that holds the pair, else to a new one if the sender's address
// configuration makes them, else nowhere. Either way the sender's classic
// webhook fires and Twilio answers keywords itself:
// https://www.twilio.com/docs/conversations-classic/inbound-autocreation
func (c *change) receive(phone, sender, body string, files []File) Text {
	kind := "SM"
	if len(files) > 0 {
		kind = "MM"
	}
	t := Text{ID: c.s.ids.next(kind), From: phone, To: sender, Body: body, Files: c.named(files), Sent: true, At: c.now}
	answer, into := c.obey(phone, sender, body), ""
	if at, ok := c.route(phone, sender); ok {
		m := c.post(at.conv, Message{
			ParticipantSID: at.part.SID, Author: phone, Body: body, Files: t.Files, Attributes: "{}", Source: sourceSMS, Created: c.now, Updated: c.now,
		})
		t.MessageSID = m.SID
		into = at.conv.SID
	} else {
		c.s.dropped = append(c.s.dropped, t)
	}
	t = c.show(t, phone)
	c.note(HandsetTexted{Text: t, ConversationSID: into})
	c.classic(t)
	if answer != "" {
		auto := c.show(Text{ID: c.s.ids.next("SM"), From: sender, To: phone, Body: answer, Status: statusDelivered, Auto: true, At: c.now}, phone)
		c.note(TextDelivered{Text: auto})
	}
	return t
}

// route finds or makes the conversation of a pair.
func (c *change) route(phone, sender string) (seat, bool) {
	if held, ok := c.s.w.holder(phone, sender); ok {
		return held, true
	}
	a := c.s.w.address(sender)
	if a == nil || !a.AutoCreation.Enabled {
		return seat{}, false
	}
	return c.autocreate(a.AutoCreation, phone, sender), true
}

// autocreate makes a conversation with its one participant and tells of both,
// in this order, before the caller posts the text.
func (c *change) autocreate(auto AutoCreation, phone, sender string) seat {
	w := c.s.w
	service := auto.ServiceSID
	if w.service(service) == nil {
		service = w.account.DefaultServiceSID
	}
	conv := c.open(c.newConversation(service))
	if auto.Type == "webhook" {
		method := auto.WebhookMethod
		if method == "" {
			method = "POST"
		}
		c.attach(conv, ScopedWebhook{
			Target: "webhook", URL: auto.WebhookURL, Method: method, Filters: auto.WebhookFilters, Created: c.now, Updated: c.now,
		})
	}
	params := conversationParams(conv)
	params.Set("MessagingBinding.Address", phone)
	params.Set("MessagingBinding.ProxyAddress", sender)
	params.Set("MessagingBinding.AuthorAddress", phone)
	c.event(conv, "onConversationAdded", params)
	part := c.join(conv, Participant{ConversationSID: conv.SID, Address: phone, ProxyAddress: sender, Attributes: "{}", Created: c.now, Updated: c.now})
	return seat{conv, part}
}

// classic queues the sender's own inbound Messaging webhook, if it has one:
// https://www.twilio.com/docs/messaging/guides/webhook-request
func (c *change) classic(t Text) {
	to, ok := c.s.opts.InboundSMS[t.To]
	if !ok {
		return
	}
	params := url.Values{
		"MessageSid": {t.ID}, "SmsSid": {t.ID}, "SmsMessageSid": {t.ID}, "SmsStatus": {"received"},
		"AccountSid": {c.s.opts.AccountSID}, "MessagingServiceSid": {c.s.w.account.DefaultMessagingServiceSID},
		"From": {t.From}, "To": {t.To}, "Body": {t.Body},
		"NumSegments": {strconv.Itoa(segments(t.Body))}, "ApiVersion": {"2010-04-01"},
	}
	c.setClassicMedia(params, t)
	for _, place := range []string{"City", "State", "Zip", "Country"} {
		params.Set("From"+place, "")
		params.Set("To"+place, "")
	}
	c.hook(Classic, topic{
		subject: subject{phone: t.From, sender: t.To, detail: t.Body}, key: t.From,
	}, to, "POST", params)
}
