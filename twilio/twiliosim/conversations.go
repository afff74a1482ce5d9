package twiliosim

import (
	"net/url"
	"slices"
	"time"
)

// Limits of https://www.twilio.com/docs/conversations-classic/conversations-limits
const (
	maxName                   = 256
	maxConversationAttributes = 16 << 10
	maxChildAttributes        = 4 << 10
)

func (c *call) createConversation() (any, *apiError) {
	fresh := c.newConversation(c.service)
	if c.form.Get("State") == stateClosed {
		return nil, refuse(50384, "Conversation initial state cannot be closed")
	}
	if err := c.fillConversation(&fresh); err != nil {
		return nil, err
	}
	conv := c.open(fresh)
	c.event(conv, "onConversationAdded", conversationParams(conv))
	return c.showConversation(conv), nil
}

// newConversation is what a service's conversation starts from: the account's
// Messaging Service and timers.
func (c *change) newConversation(service string) Conversation {
	a := c.s.w.account
	fresh := Conversation{
		ServiceSID: service, MessagingServiceSID: a.DefaultMessagingServiceSID,
		Attributes: "{}", State: stateActive, CreatedBy: "system",
		Created: c.now, Updated: c.now, LastActivity: c.now,
	}
	fresh.InactiveAfter, _ = parseDuration(a.DefaultInactiveTimer) // checked when it was set
	fresh.ClosedAfter, _ = parseDuration(a.DefaultClosedTimer)
	return fresh
}

// open gives a checked conversation its SID and adds it to the world.
func (c *change) open(fresh Conversation) *conversation {
	fresh.SID, fresh.Seq = c.s.ids.next("CH"), c.s.w.nextSeq()
	conv := c.s.w.addConversation(fresh)
	c.put(conv.Conversation)
	c.note(ConversationCreated{conv.Conversation})
	return conv
}

func (c *call) updateConversation() (any, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if conv.State == stateClosed {
		return nil, closedError()
	}
	after := conv.Conversation
	after.Updated = c.now
	if err := c.fillConversation(&after); err != nil {
		return nil, err
	}
	from := conv.State
	c.s.w.dropName(conv)
	conv.Conversation = after
	if from != after.State {
		conv.LastActivity = c.now // a state set by hand restarts the timers
	}
	c.s.w.index(conv)
	c.put(conv.Conversation)
	c.note(ConversationUpdated{conv.Conversation})
	c.event(conv, "onConversationUpdated", conversationParams(conv))
	if from != after.State {
		c.stateEvent(conv, from, "API")
	}
	return c.showConversation(conv), nil
}

// fillConversation checks and takes over the parameters that create and update share.
func (c *call) fillConversation(to *Conversation) *apiError {
	name := to.UniqueName
	if err := c.set(&name, "UniqueName", maxName); err != nil {
		return err
	}
	if name != to.UniqueName && name != "" {
		if conversationSID.MatchString(name) {
			return refuse(50390, "Conversation unique name must not be a Conversation SID")
		}
		// A closed conversation keeps its name.
		if c.s.w.byName[[2]string{c.service, name}] != nil {
			return conflict(50353, "Conversation with provided unique name already exists")
		}
	}
	to.UniqueName = name
	if err := c.set(&to.FriendlyName, "FriendlyName", maxName); err != nil {
		return err
	}
	if err := c.setAttributes(&to.Attributes, maxConversationAttributes); err != nil {
		return err
	}
	if sid, sent := c.text("MessagingServiceSid"); sent && sid != "" {
		if !messagingSID.MatchString(sid) {
			return invalid("MessagingServiceSid")
		}
		to.MessagingServiceSID = sid
	}
	if err := c.setState(to); err != nil {
		return err
	}
	if err := c.setTimers(to); err != nil {
		return err
	}
	return c.setDates(&to.Created, &to.Updated)
}

func (c *call) setState(to *Conversation) *apiError {
	state, sent := c.text("State")
	switch {
	case !sent:
		return nil
	case state == "":
		return refuse(50374, "Conversation state cannot be empty")
	case !slices.Contains([]string{stateActive, stateInactive, stateClosed}, state):
		return refuse(50378, "Invalid conversation state")
	}
	to.State = state
	return nil
}

func (c *call) fetchConversation() (any, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	return c.showConversation(conv), nil
}

func (c *call) deleteConversation() (any, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	params := conversationParams(conv)
	params.Set("DateRemoved", eventDate(c.now))
	c.event(conv, "onConversationRemoved", params)
	c.s.w.removeConversation(conv)
	c.remove(conv.Conversation, conv.SID)
	c.note(ConversationDeleted{conv.SID})
	return nil, nil
}

func (c *call) listConversations() (any, *apiError) {
	state, byState := c.text("State")
	from, until, err := c.dateRange()
	if err != nil {
		return nil, err
	}
	var match []*conversation
	for _, conv := range c.s.w.conversations {
		if conv.ServiceSID != c.service || byState && conv.State != state {
			continue
		}
		if conv.Created.Before(from) || !until.IsZero() && !conv.Created.Before(until) {
			continue
		}
		match = append(match, conv)
	}
	return page(c, match, pageOf[*conversation]{
		path: "/Conversations", key: "conversations", max: 100,
		seq: func(conv *conversation) uint64 { return conv.Seq }, show: c.showConversation,
	})
}

// dateRange reads StartDate and EndDate, both YYYY-MM-DD and inclusive.
func (c *call) dateRange() (from, until time.Time, err *apiError) {
	for name, to := range map[string]*time.Time{"StartDate": &from, "EndDate": &until} {
		v, sent := c.text(name)
		if !sent {
			continue
		}
		t, perr := time.Parse(time.DateOnly, v)
		if perr != nil {
			return from, until, invalid(name)
		}
		*to = t
	}
	if !until.IsZero() {
		until = until.AddDate(0, 0, 1)
	}
	return from, until, nil
}

func (c *call) showConversation(conv *conversation) map[string]any {
	url := c.url("/Conversations/" + conv.SID)
	return map[string]any{
		"sid":                   conv.SID,
		"account_sid":           c.s.opts.AccountSID,
		"chat_service_sid":      conv.ServiceSID,
		"messaging_service_sid": orNull(conv.MessagingServiceSID),
		"friendly_name":         orNull(conv.FriendlyName),
		"unique_name":           orNull(conv.UniqueName),
		"attributes":            conv.Attributes,
		"state":                 conv.State,
		"timers":                conv.timers(),
		"bindings":              map[string]any{},
		"date_created":          date(conv.Created),
		"date_updated":          date(conv.Updated),
		"url":                   url,
		"links": map[string]string{
			"participants": url + "/Participants",
			"messages":     url + "/Messages",
			"webhooks":     url + "/Webhooks",
			"export":       url + "/Export",
		},
	}
}

func closedError() *apiError {
	return refuse(50377, "Can't update conversation as it's in final closed state")
}

// active wakes an inactive conversation and restarts its timers.
func (c *change) active(conv *conversation) {
	from := conv.State
	conv.State, conv.LastActivity = stateActive, c.now
	c.s.w.index(conv)
	if from != stateActive {
		conv.Updated = c.now
		c.stateEvent(conv, from, "EVENT")
	}
}

// stateEvent tells of a state that conv already has.
func (c *change) stateEvent(conv *conversation, from, reason string) {
	c.note(ConversationMoved{ConversationSID: conv.SID, From: from, To: conv.State, Reason: reason})
	c.event(conv, "onConversationStateUpdated", url.Values{
		"ConversationSid":     {conv.SID},
		"ChatServiceSid":      {conv.ServiceSID},
		"MessagingServiceSid": {conv.MessagingServiceSID},
		"StateUpdated":        {eventDate(c.now)},
		"StateFrom":           {from},
		"StateTo":             {conv.State},
		"Reason":              {reason},
	})
}
