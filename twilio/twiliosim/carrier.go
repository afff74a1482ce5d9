package twiliosim

import (
	"fmt"
	"net/url"
	"strconv"
)

// Outcome is how one text to a handset ends. Status is sent (the carrier never
// says more, the text arrives), delivered, read, undelivered or failed (it does
// not arrive); ErrorCode is Twilio's reason for the last two, 0 for the others:
// https://www.twilio.com/docs/api/errors
type Outcome struct {
	Status    string `json:"status"`
	ErrorCode int    `json:"error_code,omitempty"`
}

// optedOutCode is the receipt's reason after a STOP:
// https://www.twilio.com/docs/api/errors/21610
const optedOutCode = 21610

func (o Outcome) check() error {
	switch o.Status {
	case statusSent, statusDelivered, statusRead:
		if o.ErrorCode != 0 {
			return fmt.Errorf("outcome %s has error code %d", o.Status, o.ErrorCode)
		}
		return nil
	case statusFailed, statusUndelivered:
		return nil
	}
	return fmt.Errorf("unknown outcome %q", o.Status)
}

// arrives tells whether the text is on the handset in the end.
func (o Outcome) arrives() bool {
	return o.Status != statusFailed && o.Status != statusUndelivered
}

// steps are the receipt statuses that lead to the outcome. A text that is
// refused for an opt-out never gets as far as sent.
func (o Outcome) steps() []Outcome {
	switch {
	case o.Status == statusRead:
		return []Outcome{{Status: statusSent}, {Status: statusDelivered}, o}
	case o.Status == statusDelivered, o.Status == statusUndelivered && o.ErrorCode != optedOutCode:
		return []Outcome{{Status: statusSent}, o}
	}
	return []Outcome{o}
}

// leg is the way of one message to one handset.
type leg struct {
	conv    *conversation
	msg     *message
	receipt *Receipt
}

// send prepares a leg to every phone in the conversation but the author's.
func (c *change) send(conv *conversation, m *message) {
	for _, p := range conv.participants {
		if p.Address == "" || p.SID == m.ParticipantSID {
			continue
		}
		r := &Receipt{
			SID: c.s.ids.next("DY"), Seq: c.s.w.nextSeq(),
			ConversationSID: conv.SID, MessageSID: m.SID, ParticipantSID: p.SID, ChannelMessageSID: c.s.ids.next("SM"),
			From: p.ProxyAddress, To: p.Address,
			Plan:    c.outcome(p.Address, p.ProxyAddress).steps(),
			Created: c.now, Updated: c.now,
		}
		m.receipts = append(m.receipts, r)
		c.put(*r)
		c.legs = append(c.legs, leg{conv, m, r})
	}
}

// outcome decides how the next text to phone ends: an opt-out first, then a
// switch, then what the handset or the server has been told to do next, else the
// handset's habit.
func (c *change) outcome(phone, sender string) Outcome {
	if c.optedOut(phone, sender) {
		return Outcome{Status: c.s.opts.OptOutStatus, ErrorCode: optedOutCode}
	}
	if code := c.s.lostBySwitch(sender); code != 0 {
		c.s.count(Fault{Kind: Refusal, Code: code}.String())
		return Outcome{Status: statusUndelivered, ErrorCode: code}
	}
	h := c.handset(phone)
	if len(h.Next) > 0 {
		next := h.Next[0]
		h.Next = h.Next[1:]
		c.put(h.handsetRecord)
		return next
	}
	if len(c.s.scripts) > 0 {
		next := c.s.scripts[0]
		c.s.scripts = c.s.scripts[1:]
		return next
	}
	if h.Habit.Status != "" {
		return h.Habit
	}
	return Outcome{Status: statusDelivered}
}

// carry takes a leg through its plan, one change per step, so that everybody
// who looks sees the receipt grow as it does at Twilio. It returns the webhooks
// that are to be answered before the call that sent the message.
func (s *Server) carry(l leg) (early []*delivery) {
	for more := true; more; {
		c := s.begin(fromTwilio)
		more = c.step(l)
		if !more {
			s.pending--
		}
		c.commit()
		early = append(early, c.release()...)
	}
	return early
}

// step plays the next status of the plan and tells whether there are more.
func (c *change) step(l leg) bool {
	r := l.receipt
	if len(r.Plan) == 0 || c.s.w.bySID[l.conv.SID] != l.conv || l.conv.message(l.msg.SID) == nil {
		return false // deleted meanwhile
	}
	next := r.Plan[0]
	r.Plan = r.Plan[1:]
	r.Status, r.ErrorCode, r.Updated = next.Status, next.ErrorCode, c.now
	last := len(r.Plan) == 0
	if statusDelivered == next.Status || last && next.Status != statusRead {
		c.arrive(l, next)
	}
	c.put(*r)
	c.note(ReceiptUpdated{*r})
	c.event(l.conv, "onDeliveryUpdated", url.Values{
		"ConversationSid":    {l.conv.SID},
		"ChatServiceSid":     {l.conv.ServiceSID},
		"MessageSid":         {r.MessageSID},
		"DeliveryReceiptSid": {r.SID},
		"ChannelMessageSid":  {r.ChannelMessageSID},
		"ParticipantSid":     {r.ParticipantSID},
		"Status":             {r.Status},
		"ErrorCode":          {strconv.Itoa(r.ErrorCode)},
		"DateCreated":        {eventDate(r.Created)},
		"DateUpdated":        {eventDate(r.Updated)},
	})
	return !last
}

// arrive shows the text on the handset, or keeps it as one that was lost.
func (c *change) arrive(l leg, end Outcome) {
	t := c.show(Text{
		ID: l.receipt.ChannelMessageSID, From: l.receipt.From, To: l.receipt.To, Body: l.msg.Body,
		MessageSID: l.msg.SID, Status: end.Status, ErrorCode: end.ErrorCode, At: c.now,
	}, l.receipt.To)
	if end.arrives() {
		c.note(TextDelivered{Text: t, ConversationSID: l.conv.SID})
	} else {
		c.note(TextLost{Text: t, ConversationSID: l.conv.SID})
	}
}

// resumeLegs takes up the plans that a killed process did not finish.
func (c *change) resumeLegs() {
	for _, conv := range c.s.w.conversations {
		for _, m := range conv.messages {
			for _, r := range m.receipts {
				if len(r.Plan) > 0 {
					c.legs = append(c.legs, leg{conv, m, r})
				}
			}
		}
	}
}

// Next sets the outcomes of the next texts to any handset that has none of its
// own lined up, one each, in order. Later texts are delivered. It returns an
// error, and sets nothing, if an outcome is unknown. It is not journaled.
func (s *Server) Next(outcomes ...Outcome) error {
	if err := checkAll(outcomes); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts = append(s.scripts, outcomes...)
	return nil
}

func checkAll(outcomes []Outcome) error {
	for _, o := range outcomes {
		if err := o.check(); err != nil {
			return err
		}
	}
	return nil
}
