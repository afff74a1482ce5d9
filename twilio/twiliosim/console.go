package twiliosim

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Console does to the account what others do behind a service's back: a
// colleague in Twilio's console, or another program with the same credentials.
// What it does is subject to the API's rules but to no faults, switches or
// limits, and is not counted as a call. Its errors name the API's error code.
type Console struct {
	s    *Server
	loud bool
}

// Console returns a console. webhooks says whether its changes raise
// post-event webhooks, as X-Twilio-Webhook-Enabled does for a REST call.
func (s *Server) Console(webhooks bool) Console { return Console{s, webhooks} }

// Close closes a conversation, by SID or by UniqueName in the default service.
func (c Console) Close(conversation string) error {
	_, err := c.do((*call).updateConversation, conversation, "", url.Values{"State": {stateClosed}})
	return err
}

// Delete deletes a conversation and everything in it.
func (c Console) Delete(conversation string) error {
	_, err := c.do((*call).deleteConversation, conversation, "", nil)
	return err
}

// RemoveParticipant takes a participant (MB…) out of a conversation.
func (c Console) RemoveParticipant(conversation, participant string) error {
	_, err := c.do((*call).deleteParticipant, conversation, participant, nil)
	return err
}

// SetTimers sets the timers of a conversation, in whole seconds; 0 stops one.
// Twilio's shortest are a minute for inactive and ten minutes for closed.
func (c Console) SetTimers(conversation string, inactive, closed time.Duration) error {
	iso := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return "PT" + strconv.Itoa(int(d.Seconds())) + "S"
	}
	_, err := c.do((*call).updateConversation, conversation, "", url.Values{
		"Timers.Inactive": {iso(inactive)}, "Timers.Closed": {iso(closed)},
	})
	return err
}

// SetAutocreate says what becomes of texts to a sender that belong to no
// conversation, making the address configuration if there is none.
func (c Console) SetAutocreate(sender string, to AutoCreation) error {
	form := url.Values{"AutoCreation.Enabled": {strconv.FormatBool(to.Enabled)}}
	for name, v := range map[string]string{
		"AutoCreation.Type": to.Type, "AutoCreation.ConversationServiceSid": to.ServiceSID,
		"AutoCreation.WebhookUrl": to.WebhookURL, "AutoCreation.WebhookMethod": to.WebhookMethod,
	} {
		if v != "" {
			form.Set(name, v)
		}
	}
	if len(to.WebhookFilters) > 0 {
		form["AutoCreation.WebhookFilters"] = to.WebhookFilters
	}
	act := (*call).updateAddress
	if !c.s.hasAddress(sender) {
		form.Set("Type", channelOf(sender))
		form.Set("Address", sender)
		act = (*call).createAddress
	}
	_, err := c.do(act, "", sender, form)
	return err
}

func (s *Server) hasAddress(sender string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.address(sender) != nil
}

// Post posts a message of the given author to a conversation and returns its SID.
func (c Console) Post(conversation, author, body string) (messageSID string, err error) {
	return c.do((*call).createMessage, conversation, "", url.Values{"Author": {author}, "Body": {body}})
}

// Add puts a phone into a conversation through a sender and returns the
// participant's SID.
func (c Console) Add(conversation, phone, sender string) (participantSID string, err error) {
	return c.do((*call).createParticipant, conversation, "", url.Values{
		"MessagingBinding.Address": {phone}, "MessagingBinding.ProxyAddress": {sender},
	})
}

// Foreign makes a conversation of somebody else that holds the pair of phone and
// sender, and returns its SID and the participant's. uniqueName and attributes,
// JSON, may be empty. If the pair is taken nothing is made.
func (c Console) Foreign(uniqueName, attributes, phone, sender string) (conversationSID, participantSID string, err error) {
	form := url.Values{}
	if uniqueName != "" {
		form.Set("UniqueName", uniqueName)
	}
	if attributes != "" {
		form.Set("Attributes", attributes)
	}
	if conversationSID, err = c.do((*call).createConversation, "", "", form); err != nil {
		return "", "", err
	}
	if participantSID, err = c.Add(conversationSID, phone, sender); err != nil {
		if undo := c.Delete(conversationSID); undo != nil {
			return "", "", fmt.Errorf("%w, and then: %w", err, undo)
		}
		return "", "", err
	}
	return conversationSID, participantSID, nil
}

// do carries out one endpoint as a call would and returns the SID in its answer.
func (c Console) do(act endpoint, conversation, sid string, form url.Values) (string, error) {
	r := &http.Request{Method: http.MethodPost}
	r.SetPathValue("ConversationSid", conversation)
	r.SetPathValue("Sid", sid)
	step := &call{change: c.s.begin(fromREST), r: r, form: form}
	step.loud = c.loud
	step.service = c.s.w.account.DefaultServiceSID
	if conv := c.s.w.bySID[conversation]; conv != nil {
		step.service = conv.ServiceSID
	}
	answer, refused := act(step)
	step.commit()
	step.release()
	if refused != nil {
		return "", fmt.Errorf("%d: %s", refused.code, refused.message)
	}
	fields, _ := answer.(map[string]any)
	made, _ := fields["sid"].(string)
	return made, nil
}
