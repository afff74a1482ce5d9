package twiliosim

import (
	"slices"
	"unicode/utf8"
)

// maxBodyLength is the longest Body in characters:
// https://www.twilio.com/docs/conversations-classic/conversations-limits
const maxBodyLength = 1600

func (c *call) createMessage() (any, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if conv.State == stateClosed {
		return nil, closedError()
	}
	fresh := Message{Author: "system", Attributes: "{}", Source: sourceAPI, Created: c.now, Updated: c.now}
	if err := c.fillMessage(&fresh); err != nil {
		return nil, err
	}
	if fresh.Body == "" {
		return nil, refuse(50503, "Message body is missing")
	}
	return c.showMessage(conv, c.post(conv, fresh)), nil
}

// post adds a checked message to an open conversation, tells of it, and sends
// it to every phone in the conversation but the author's.
func (c *change) post(conv *conversation, fresh Message) *message {
	fresh.SID, fresh.Seq = c.s.ids.next("IM"), c.s.w.nextSeq()
	fresh.ConversationSID = conv.SID
	fresh.Index = conv.NextIndex
	fresh.ParticipantSID = conv.authorSID(fresh)
	m := &message{Message: fresh}
	conv.messages = append(conv.messages, m)
	conv.NextIndex += c.s.opts.IndexStep
	c.active(conv)
	c.put(conv.Conversation)
	c.put(m.Message)
	c.note(MessageCreated{Message: m.Message, Recipients: conv.recipients(m)})
	c.event(conv, "onMessageAdded", messageParams(conv, m))
	c.send(conv, m)
	return m
}

// recipients are the pairs a message goes to: every phone but the author's.
func (conv *conversation) recipients(m *message) []Pair {
	var out []Pair
	for _, p := range conv.participants {
		if p.Address != "" && p.SID != m.ParticipantSID {
			out = append(out, Pair{p.Address, p.ProxyAddress})
		}
	}
	return out
}

// authorSID is the participant that the author names, "" if none does.
func (conv *conversation) authorSID(m Message) string {
	if m.ParticipantSID != "" {
		return m.ParticipantSID
	}
	for _, p := range conv.participants {
		if m.Author == p.Identity && p.Identity != "" || m.Author == p.Address && p.Address != "" {
			return p.SID
		}
	}
	return ""
}

// fillMessage takes over the parameters that create and update share.
func (c *call) fillMessage(to *Message) *apiError {
	if err := c.set(&to.Author, "Author", maxName); err != nil {
		return err
	}
	switch body, sent := c.text("Body"); {
	case c.form.Get("ContentSid") != "":
		return refuse(21655, "The ContentSid is invalid") // no Content API here to hold it
	case c.form.Get("MediaSid") != "":
		return refuse(50507, "Media not found") // nor a Media service
	case sent && utf8.RuneCountInString(body) > maxBodyLength:
		return refuse(50504, "Message body is too long")
	case sent:
		to.Body = body
	}
	if err := c.setAttributes(&to.Attributes, maxChildAttributes); err != nil {
		return err
	}
	return c.setDates(&to.Created, &to.Updated)
}

func (c *call) updateMessage() (any, *apiError) {
	conv, m, err := c.message("Sid")
	if err != nil {
		return nil, err
	}
	if conv.State == stateClosed {
		return nil, closedError()
	}
	after := m.Message
	after.Updated = c.now
	if err := c.fillMessage(&after); err != nil {
		return nil, err
	}
	m.Message = after
	c.put(m.Message)
	c.note(MessageUpdated{m.Message})
	params := messageParams(conv, m)
	params.Set("DateUpdated", eventDate(m.Updated))
	c.event(conv, "onMessageUpdated", params)
	return c.showMessage(conv, m), nil
}

func (c *call) fetchMessage() (any, *apiError) {
	conv, m, err := c.message("Sid")
	if err != nil {
		return nil, err
	}
	return c.showMessage(conv, m), nil
}

func (c *call) deleteMessage() (any, *apiError) {
	conv, m, err := c.message("Sid")
	if err != nil {
		return nil, err
	}
	params := messageParams(conv, m)
	params.Set("DateUpdated", eventDate(m.Updated))
	params.Set("DateRemoved", eventDate(c.now))
	c.event(conv, "onMessageRemoved", params)
	conv.messages = slices.DeleteFunc(conv.messages, func(other *message) bool { return other == m })
	c.remove(m.Message, m.SID)
	c.note(MessageDeleted{ConversationSID: conv.SID, MessageSID: m.SID})
	return nil, nil
}

func (c *call) listMessages() (any, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	order := c.form.Get("Order")
	if order != "" && order != "asc" && order != "desc" {
		return nil, invalid("Order")
	}
	return page(c, conv.messages, pageOf[*message]{
		path: "/Conversations/" + conv.SID + "/Messages", key: "messages", max: 100, desc: order == "desc",
		seq:  func(m *message) uint64 { return m.Seq },
		show: func(m *message) map[string]any { return c.showMessage(conv, m) },
	})
}

// message finds the call's message by the SID in the named path segment.
func (c *call) message(segment string) (*conversation, *message, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, nil, err
	}
	sid := c.r.PathValue(segment)
	if m := conv.message(sid); m != nil {
		return conv, m, nil
	}
	return nil, nil, notFound("/Conversations/" + conv.SID + "/Messages/" + sid)
}

func (c *call) showMessage(conv *conversation, m *message) map[string]any {
	url := c.url("/Conversations/" + conv.SID + "/Messages/" + m.SID)
	return c.inFamily(map[string]any{
		"sid":              m.SID,
		"account_sid":      c.s.opts.AccountSID,
		"conversation_sid": conv.SID,
		"participant_sid":  orNull(m.ParticipantSID),
		"index":            m.Index,
		"author":           m.Author,
		"body":             orNull(m.Body),
		"media":            showMedia(m.Files),
		"attributes":       m.Attributes,
		"content_sid":      nil,
		"delivery":         m.delivery(),
		"date_created":     date(m.Created),
		"date_updated":     date(m.Updated),
		"url":              url,
		"links": map[string]string{
			"delivery_receipts": url + "/Receipts",
			"channel_metadata":  url + "/ChannelMetadata",
		},
	})
}
