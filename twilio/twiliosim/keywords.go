package twiliosim

import (
	"slices"
	"strings"
	"time"
)

// Words of Twilio's default opt-out handling on long codes:
// https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
var (
	stopWords  = []string{"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"}
	startWords = []string{"START", "YES", "UNSTOP"}
	helpWords  = []string{"HELP", "INFO"}
)

// Twilio's default answers:
// https://help.twilio.com/articles/223134027
const (
	stopAnswer  = "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe."
	startAnswer = "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply."
	helpAnswer  = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)

// OptOut is one block: phone gets nothing from Scope, a sender or a Messaging
// Service, until it says START.
type OptOut struct {
	Scope string    `json:"scope"`
	Phone string    `json:"phone"`
	Since time.Time `json:"since"`
}

// obey acts on a keyword, which is the whole text in any case, and returns
// Twilio's answer, "" if there is none. A STOP repeated, a START without a
// block, and a HELP while blocked get no answer (assumed).
func (c *change) obey(phone, sender, body string) (answer string) {
	word := strings.ToUpper(strings.TrimSpace(body))
	blocked := c.optedOut(phone, sender)
	block := OptOut{Scope: c.s.optOutScope(sender), Phone: phone, Since: c.now}
	switch {
	case slices.Contains(stopWords, word) && !blocked:
		c.s.w.optOuts[[2]string{block.Scope, phone}] = block
		c.put(block)
		c.note(OptedOut{block})
		return stopAnswer
	case slices.Contains(startWords, word) && blocked:
		delete(c.s.w.optOuts, [2]string{block.Scope, phone})
		c.remove(block, block.id())
		c.note(OptedIn{block})
		return startAnswer
	case slices.Contains(helpWords, word) && !blocked:
		return helpAnswer
	}
	return ""
}

func (c *change) optedOut(phone, sender string) bool {
	_, blocked := c.s.w.optOuts[[2]string{c.s.optOutScope(sender), phone}]
	return blocked
}

// optOutScope is what a STOP to sender blocks. All senders belong to the
// account's one Messaging Service.
func (s *Server) optOutScope(sender string) string {
	if s.opts.OptOutByMessagingService && s.w.account.DefaultMessagingServiceSID != "" {
		return s.w.account.DefaultMessagingServiceSID
	}
	return sender
}

func (o OptOut) id() string { return o.Scope + " " + o.Phone }
