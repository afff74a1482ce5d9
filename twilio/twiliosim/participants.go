package twiliosim

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Participant limits of https://www.twilio.com/docs/conversations-classic/conversations-limits
const (
	maxParticipants        = 1000
	maxNonChatParticipants = 50
)

func (c *call) createParticipant() (any, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if conv.State == stateClosed {
		return nil, closedError()
	}
	fresh := Participant{ConversationSID: conv.SID, Attributes: "{}", Created: c.now, Updated: c.now}
	if err := c.fillBinding(conv, &fresh); err != nil {
		return nil, err
	}
	if err := c.fillParticipant(&fresh); err != nil {
		return nil, err
	}
	part := c.join(conv, fresh)
	return c.showParticipant(conv, part), nil
}

// join seats a checked participant and tells of it.
func (c *change) join(conv *conversation, fresh Participant) *Participant {
	fresh.SID, fresh.Seq = c.s.ids.next("MB"), c.s.w.nextSeq()
	part := c.s.w.addParticipant(conv, fresh)
	c.put(*part)
	c.note(ParticipantAdded{*part})
	c.event(conv, "onParticipantAdded", participantParams(conv, part))
	return part
}

// fillBinding decides who joins. The order of the checks is part of the
// contract: a caller that meets two problems is told of the same one every time.
func (c *call) fillBinding(conv *conversation, to *Participant) *apiError {
	identity := c.form.Get("Identity")
	address, hasAddress := c.text("MessagingBinding.Address")
	proxy, hasProxy := c.text("MessagingBinding.ProxyAddress")
	switch {
	case identity == "" && !hasAddress && !c.form.Has("MessagingBinding.ProjectedAddress"):
		return refuse(20001, "Identity not provided")
	case c.form.Has("MessagingBinding.ProjectedAddress"):
		return groupError()
	case !hasAddress && !hasProxy:
		return c.fillIdentity(conv, to, identity)
	case address == "":
		return refuse(50411, "Participant address cannot be empty")
	case hasProxy && proxy == "":
		return refuse(50412, "Participant proxy address cannot be empty")
	case !hasProxy: // an address alone means a group MMS
		return groupError()
	case channelOf(address) == "":
		return refuse(50407, "Invalid messaging binding address")
	case channelOf(proxy) == "":
		return refuse(50408, "Invalid participant proxy address")
	case address == proxy:
		return refuse(50409, "Participant address equals proxy address")
	case slices.Contains(c.s.opts.Senders, address): // seen live: a Twilio number of ours is no handset
		return refuse(50407, "Invalid messaging binding address")
	case !slices.Contains(c.s.opts.Senders, proxy):
		return refuse(50413, "Account is not authorized to use proxy address")
	case channelOf(address) != channelOf(proxy):
		return refuse(50414, "Participant address and proxy address are of different channels")
	case conv.MessagingServiceSID == "":
		return refuse(50373, "No Messaging Service assigned to Conversation")
	case conv.nonChat() >= maxNonChatParticipants:
		return refuse(50418, "Non-chat participant limit exceeded")
	}
	if held, ok := c.s.w.holder(address, proxy); ok {
		if held.conv == conv {
			return conflict(50437, "Group Participant already exists")
		}
		return conflict(50416, "A binding for this participant and proxy address already exists in Conversation %s", held.conv.SID)
	}
	to.Address, to.ProxyAddress = address, proxy
	return nil
}

func (c *call) fillIdentity(conv *conversation, to *Participant, identity string) *apiError {
	switch {
	case len([]rune(identity)) > maxName:
		return invalid("Identity")
	case len(conv.participants) >= maxParticipants:
		return refuse(50417, "Participant limit exceeded")
	}
	for _, p := range conv.participants {
		if p.Identity == identity {
			return conflict(50433, "Participant already exists")
		}
	}
	to.Identity = identity
	return nil
}

func groupError() *apiError {
	return refuse(50452, "Group MMS is not enabled for this Account")
}

// fillParticipant takes over the parameters that create and update share.
func (c *call) fillParticipant(to *Participant) *apiError {
	if err := c.setAttributes(&to.Attributes, maxChildAttributes); err != nil {
		return err
	}
	if err := c.set(&to.RoleSID, "RoleSid", 34); err != nil {
		return err
	}
	return c.setDates(&to.Created, &to.Updated)
}

func (c *call) updateParticipant() (any, *apiError) {
	conv, part, err := c.participant()
	if err != nil {
		return nil, err
	}
	if conv.State == stateClosed {
		return nil, closedError()
	}
	after := *part
	after.Updated = c.now
	if proxy, sent := c.text("MessagingBinding.ProxyAddress"); sent && proxy != part.ProxyAddress {
		if proxy == "null" || proxy == "" {
			return nil, refuse(50440, "Proxy address cannot be removed")
		}
		return nil, refuse(50441, "Proxy address cannot be added")
	}
	if v, sent := c.text("LastReadMessageIndex"); sent {
		n, perr := strconv.Atoi(v)
		if perr != nil || n < 0 {
			return nil, invalid("LastReadMessageIndex")
		}
		after.LastReadMessageIndex = &n
	}
	if v, sent := c.text("LastReadTimestamp"); sent {
		if _, perr := time.Parse(time.RFC3339, v); perr != nil {
			return nil, invalid("LastReadTimestamp")
		}
		after.LastReadTimestamp = v
	}
	if err := c.fillParticipant(&after); err != nil {
		return nil, err
	}
	*part = after
	c.put(*part)
	c.note(ParticipantUpdated{*part})
	params := participantParams(conv, part)
	params.Set("DateUpdated", eventDate(part.Updated))
	if part.LastReadMessageIndex != nil {
		params.Set("LastReadMessageIndex", strconv.Itoa(*part.LastReadMessageIndex))
	}
	c.event(conv, "onParticipantUpdated", params)
	return c.showParticipant(conv, part), nil
}

func (c *call) fetchParticipant() (any, *apiError) {
	conv, part, err := c.participant()
	if err != nil {
		return nil, err
	}
	return c.showParticipant(conv, part), nil
}

func (c *call) deleteParticipant() (any, *apiError) {
	conv, part, err := c.participant()
	if err != nil {
		return nil, err
	}
	params := participantParams(conv, part)
	params.Set("DateUpdated", eventDate(part.Updated))
	params.Set("DateRemoved", eventDate(c.now))
	c.event(conv, "onParticipantRemoved", params)
	c.s.w.removeParticipant(conv, part)
	c.note(ParticipantRemoved{*part})
	c.remove(*part, part.SID)
	return nil, nil
}

func (c *call) listParticipants() (any, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	return page(c, conv.participants, pageOf[*Participant]{
		path: "/Conversations/" + conv.SID + "/Participants", key: "participants", max: 100,
		seq:  func(p *Participant) uint64 { return p.Seq },
		show: func(p *Participant) map[string]any { return c.showParticipant(conv, p) },
	})
}

// participant finds the call's participant by MB SID.
func (c *call) participant() (*conversation, *Participant, *apiError) {
	conv, err := c.conversation()
	if err != nil {
		return nil, nil, err
	}
	sid := c.r.PathValue("Sid")
	if part := conv.participant(sid); part != nil {
		return conv, part, nil
	}
	return nil, nil, notFound("/Conversations/" + conv.SID + "/Participants/" + sid)
}

func (c *call) showParticipant(conv *conversation, p *Participant) map[string]any {
	var binding, lastRead any
	if p.Address != "" {
		binding = map[string]string{"type": channelOf(p.Address), "address": p.Address, "proxy_address": p.ProxyAddress}
	}
	if p.LastReadMessageIndex != nil {
		lastRead = *p.LastReadMessageIndex
	}
	return c.inFamily(map[string]any{
		"sid":                     p.SID,
		"account_sid":             c.s.opts.AccountSID,
		"conversation_sid":        conv.SID,
		"identity":                orNull(p.Identity),
		"messaging_binding":       binding,
		"attributes":              p.Attributes,
		"role_sid":                orNull(p.RoleSID),
		"date_created":            date(p.Created),
		"date_updated":            date(p.Updated),
		"last_read_message_index": lastRead,
		"last_read_timestamp":     orNull(p.LastReadTimestamp),
		"url":                     c.url("/Conversations/" + conv.SID + "/Participants/" + p.SID),
	})
}

// nonChat counts the participants that are reached by a carrier.
func (conv *conversation) nonChat() int {
	n := 0
	for _, p := range conv.participants {
		if p.Address != "" {
			n++
		}
	}
	return n
}

// bindingType is the channel as events spell it: SMS, WHATSAPP, CHAT.
func (p *Participant) bindingType() string {
	if p.Address == "" {
		return "CHAT"
	}
	return strings.ToUpper(channelOf(p.Address))
}
