package twiliosim

import "slices"

func (c *call) fetchReceipt() (any, *apiError) {
	conv, m, err := c.message("MessageSid")
	if err != nil {
		return nil, err
	}
	sid := c.r.PathValue("Sid")
	for _, r := range m.visibleReceipts() {
		if r.SID == sid {
			return c.showReceipt(conv, r), nil
		}
	}
	return nil, notFound("/Conversations/" + conv.SID + "/Messages/" + m.SID + "/Receipts/" + sid)
}

func (c *call) listReceipts() (any, *apiError) {
	conv, m, err := c.message("MessageSid")
	if err != nil {
		return nil, err
	}
	return page(c, m.visibleReceipts(), pageOf[*Receipt]{
		path: "/Conversations/" + conv.SID + "/Messages/" + m.SID + "/Receipts", key: "delivery_receipts", max: 50,
		seq:  func(r *Receipt) uint64 { return r.Seq },
		show: func(r *Receipt) map[string]any { return c.showReceipt(conv, r) },
	})
}

func (c *call) showReceipt(conv *conversation, r *Receipt) map[string]any {
	return c.inFamily(map[string]any{
		"sid":                 r.SID,
		"account_sid":         c.s.opts.AccountSID,
		"conversation_sid":    conv.SID,
		"message_sid":         r.MessageSID,
		"participant_sid":     r.ParticipantSID,
		"channel_message_sid": r.ChannelMessageSID,
		"status":              r.Status,
		"error_code":          r.ErrorCode,
		"date_created":        date(r.Created),
		"date_updated":        date(r.Updated),
		"url":                 c.url("/Conversations/" + conv.SID + "/Messages/" + r.MessageSID + "/Receipts/" + r.SID),
	})
}

// visibleReceipts leaves out those the carrier has not spoken about.
func (m *message) visibleReceipts() []*Receipt {
	return slices.DeleteFunc(slices.Clone(m.receipts), func(r *Receipt) bool { return r.Status == "" })
}

// delivery sums the receipts up, counting a text that got further as having
// passed the earlier stages. It is null until the carrier has spoken.
func (m *message) delivery() any {
	visible := m.visibleReceipts()
	if len(visible) == 0 {
		return nil
	}
	share := func(statuses ...string) string {
		n := 0
		for _, r := range visible {
			if slices.Contains(statuses, r.Status) {
				n++
			}
		}
		switch n {
		case 0:
			return "none"
		case len(m.receipts):
			return "all"
		}
		return "some"
	}
	return map[string]any{
		"total":       len(m.receipts),
		"sent":        share(statusSent, statusDelivered, statusRead, statusUndelivered),
		"delivered":   share(statusDelivered, statusRead),
		"read":        share(statusRead),
		"failed":      share(statusFailed),
		"undelivered": share(statusUndelivered),
	}
}
