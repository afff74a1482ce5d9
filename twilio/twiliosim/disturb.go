package twiliosim

import (
	"net/url"
	"strconv"
	"time"
)

// longestDelay is how late WebhookDelayed is at most if the fault does not say.
const longestDelay = time.Minute

// topic is what a webhook is about.
type topic struct {
	subject
	key          string // of its order
	conversation string // CH SID; empty for a classic one
}

// topicOf an event of a conversation.
func (c *change) topicOf(conv *conversation, params url.Values) topic {
	t := topic{key: conv.SID, conversation: conv.SID}
	if c.s.script.Load() == nil {
		return t // nobody asks
	}
	t.phone, t.sender = params.Get("MessagingBinding.Address"), params.Get("MessagingBinding.ProxyAddress")
	t.subject = conv.about(t.subject)
	index := params.Get("Index")
	if m := conv.message(params.Get("MessageSid")); m != nil {
		index = strconv.Itoa(m.Index)
	}
	t.detail = index + " " + params.Get("Status") + params.Get("StateTo")
	return t
}

// disturb plays the script on one webhook: what comes out is to be delivered.
func (c *change) disturb(d *delivery, sc *script, about topic) []*delivery {
	event := d.hook.EventType
	if event == "" {
		event = Classic
	}
	about.detail = d.hook.Scope + " " + about.detail
	strikes := sc.webhook(event, about.subject)
	lost := false
	for _, f := range strikes {
		c.s.count(f.String())
		d.hook.Faults = append(d.hook.Faults, f.String())
		switch f.Kind {
		case WebhookLost:
			lost = true
		case WebhookEarly:
			d.early = true
		case WebhookUnknownParameter:
			d.hook.Params.Set("ShinyNewParameter", "its value & more")
		case WebhookRepeatedParameter:
			d.hook.Params["ShinyNewList"] = []string{"one", "two", "one"}
		}
	}
	c.seal(d)
	if lost {
		c.s.noteWebhook(d)
		return nil
	}
	out := []*delivery{d}
	for _, f := range strikes {
		for n := range f.copies() {
			out = append(out, c.again(d, f.Kind, n+1))
		}
	}
	for _, f := range strikes {
		if f.Kind != WebhookDelayed {
			continue
		}
		for _, late := range out {
			late.delay = 1 + time.Duration(f.rng.Int64N(int64(f.longest())))
		}
	}
	return out
}

// copies is how many more times the fault delivers.
func (f *strike) copies() int {
	switch {
	case f.Kind != WebhookRepeated && f.Kind != WebhookRetried:
		return 0
	case f.Copies == 0:
		return 1
	}
	return f.Copies
}

func (f *strike) longest() time.Duration {
	if f.Delay == 0 {
		return longestDelay
	}
	return f.Delay
}

// again is one more delivery of d: the same bytes, or as Twilio repeats a
// webhook that was not answered, under the same token but counted.
func (c *change) again(d *delivery, how Kind, n int) *delivery {
	copied := *d
	copied.done = make(chan struct{})
	copied.hook.Params = cloneValues(d.hook.Params)
	if how == WebhookRetried {
		copied.hook.Params.Set("RetryCount", strconv.Itoa(n))
		c.seal(&copied)
	}
	return &copied
}

// dispatch delivers what had been put off.
func (s *Server) dispatch(d *delivery) {
	// It comes when it comes, so it must not queue behind its own conversation.
	d.key = d.hook.ID
	s.mu.Lock()
	s.pending++
	s.mu.Unlock()
	s.courier.enqueue([]*delivery{d})
}

// await waits until the webhooks that are not put off have been answered or
// given up.
func (s *Server) await(hooks []*delivery) {
	for _, d := range hooks {
		if d.delay > 0 {
			continue
		}
		select {
		case <-d.done:
		case <-s.closing:
			return
		}
	}
}

// noteWebhook adds an attempt, or one that is lost, to the ledger. The lock is
// held.
func (s *Server) noteWebhook(d *delivery) {
	s.note(s.opts.Now().UTC(), WebhookAttempt{
		ID: d.hook.ID, EventType: d.hook.EventType, Scope: d.hook.Scope,
		ConversationSID: d.conversation, MessageSID: d.hook.Params.Get("MessageSid"),
		Status: d.hook.Status, Err: d.hook.Err, Faults: d.hook.Faults,
	})
}
