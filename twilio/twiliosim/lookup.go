package twiliosim

// listParticipantConversations is GET /ParticipantConversations: where an
// address or an identity takes part, closed conversations included.
func (c *call) listParticipantConversations() (any, *apiError) {
	address, byAddress := c.text("Address")
	identity, byIdentity := c.text("Identity")
	var key string
	switch {
	case byAddress && byIdentity:
		return nil, refuse(50451, "Only one of Identity and Address can be given")
	case byAddress && address != "":
		key = address
	case byIdentity && identity != "":
		key = identity
	default:
		return nil, refuse(20001, "Identity or Address must be given")
	}
	var match []seat
	for _, s := range c.s.w.seats[key] {
		if s.conv.ServiceSID == c.service && (s.part.Address != "") == byAddress {
			match = append(match, s)
		}
	}
	return page(c, match, pageOf[seat]{
		path: "/ParticipantConversations", key: "conversations", max: 50,
		seq: func(s seat) uint64 { return s.part.Seq }, show: c.showSeat,
	})
}

func (c *call) showSeat(s seat) map[string]any {
	var binding any
	if s.part.Address != "" {
		binding = map[string]any{
			"type": channelOf(s.part.Address), "address": s.part.Address, "proxy_address": s.part.ProxyAddress,
			"level": nil, "name": nil, "projected_address": nil,
		}
	}
	url := c.url("/Conversations/" + s.conv.SID)
	return map[string]any{
		"account_sid":                   c.s.opts.AccountSID,
		"chat_service_sid":              s.conv.ServiceSID,
		"participant_sid":               s.part.SID,
		"participant_user_sid":          nil,
		"participant_identity":          orNull(s.part.Identity),
		"participant_messaging_binding": binding,
		"conversation_sid":              s.conv.SID,
		"conversation_unique_name":      orNull(s.conv.UniqueName),
		"conversation_friendly_name":    orNull(s.conv.FriendlyName),
		"conversation_attributes":       s.conv.Attributes,
		"conversation_date_created":     date(s.conv.Created),
		"conversation_date_updated":     date(s.conv.Updated),
		"conversation_created_by":       s.conv.CreatedBy,
		"conversation_state":            s.conv.State,
		"conversation_timers":           s.conv.timers(),
		"links": map[string]string{
			"participant":  url + "/Participants/" + s.part.SID,
			"conversation": url,
		},
	}
}
