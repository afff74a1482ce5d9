package twiliosim

import "time"

// Service is one Conversation Service (IS…).
type Service struct {
	SID          string        `json:"sid"`
	Seq          uint64        `json:"seq"`
	FriendlyName string        `json:"friendly_name"`
	Webhook      webhookConfig `json:"webhook"`
	Created      time.Time     `json:"created"`
	Updated      time.Time     `json:"updated"`
}

func (c *call) createService() (any, *apiError) {
	fresh := Service{Created: c.now, Updated: c.now}
	if err := c.set(&fresh.FriendlyName, "FriendlyName", maxName); err != nil {
		return nil, err
	}
	if fresh.FriendlyName == "" {
		return nil, invalid("FriendlyName")
	}
	fresh.SID, fresh.Seq = c.s.ids.next("IS"), c.s.w.nextSeq()
	c.s.w.addService(&fresh)
	c.put(fresh)
	return c.showService(&fresh), nil
}

func (c *call) fetchService() (any, *apiError) {
	return c.showService(c.s.w.service(c.service)), nil
}

// deleteService takes the service's conversations with it. The default service
// stays (assumed).
func (c *call) deleteService() (any, *apiError) {
	if c.service == c.s.w.account.DefaultServiceSID {
		return nil, conflict(20409, "The default Conversation Service cannot be deleted")
	}
	v := c.s.w.service(c.service)
	for _, conv := range c.s.w.removeService(v) {
		c.note(ConversationDeleted{conv.SID})
	}
	c.remove(*v, v.SID)
	return nil, nil
}

func (c *call) listServices() (any, *apiError) {
	return page(c, c.s.w.services, pageOf[*Service]{
		path: "/Services", key: "services", max: 100,
		seq: func(v *Service) uint64 { return v.Seq }, show: c.showService,
	})
}

func (c *call) showService(v *Service) map[string]any {
	url := apiHost + "/Services/" + v.SID
	return map[string]any{
		"sid":           v.SID,
		"account_sid":   c.s.opts.AccountSID,
		"friendly_name": v.FriendlyName,
		"date_created":  date(v.Created),
		"date_updated":  date(v.Updated),
		"url":           url,
		"links": map[string]string{
			"conversations":                  url + "/Conversations",
			"users":                          url + "/Users",
			"roles":                          url + "/Roles",
			"bindings":                       url + "/Bindings",
			"configuration":                  url + "/Configuration",
			"participant_conversations":      url + "/ParticipantConversations",
			"conversation_with_participants": url + "/ConversationWithParticipants",
		},
	}
}
