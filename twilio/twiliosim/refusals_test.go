package twiliosim_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// Malformed parameters and things that are not there, in every resource.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("refusals")
	mb := s.join(ch, phone, sender)
	im := s.sayAndSettle(ch, "x")
	closed := s.conversation("closed")
	closedMB, closedIM := s.join(closed, phone2, sender2), s.sayAndSettle(closed, "x")
	do(t, s, "POST", "/v1/Conversations/"+closed, "State=closed")
	do(t, s, "POST", "/v1/Configuration/Addresses", url.Values{"Type": {"sms"}, "Address": {sender}}.Encode())
	const nobody = "MB00000000000000000000000000000000"
	in := "/v1/Conversations/" + ch
	tests := []struct {
		method, path, form string
		status, code       int
	}{
		{"GET", "/v1/Services/ISnone", "", 404, 20404},
		{"GET", "/v1/Services/ISnone/Conversations", "", 404, 20404},
		{"POST", "/v1/Services", "", 400, 20001},
		{"POST", "/v1/Services", "FriendlyName=" + strings.Repeat("x", 257), 400, 20001},

		{"GET", "/v1/Conversations?StartDate=yesterday", "", 400, 20001},
		{"POST", "/v1/Conversations", "DateCreated=yesterday", 400, 20001},
		{"POST", "/v1/Conversations", "Timers.Inactive=PT", 400, 50379},
		{"POST", "/v1/Conversations", "Timers.Closed=PT9M", 400, 50376},
		{"POST", in, "State=", 400, 50374},
		{"POST", "/v1/Conversations", "%zz", 400, 20001},
		{"DELETE", "/v1/Conversations/CHnone", "", 404, 20404},

		{"GET", "/v1/Conversations/CHnone/Participants", "", 404, 20404},
		{"GET", in + "/Participants/" + nobody, "", 404, 20404},
		{"POST", in + "/Participants/" + nobody, "", 404, 20404},
		{"DELETE", in + "/Participants/" + nobody, "", 404, 20404},
		{"POST", in + "/Participants/" + mb, "Attributes=x", 400, 20001},
		{"POST", in + "/Participants/" + mb, "LastReadMessageIndex=-1", 400, 20001},
		{"POST", in + "/Participants/" + mb, "LastReadTimestamp=now", 400, 20001},
		{"POST", in + "/Participants/" + mb, "DateUpdated=now", 400, 20001},
		{"POST", in + "/Participants", "Identity=" + strings.Repeat("x", 257), 400, 20001},
		{"POST", in + "/Participants", "Identity=x&RoleSid=" + strings.Repeat("x", 35), 400, 20001},
		{"POST", in + "/Participants", "MessagingBinding.ProjectedAddress=%2B15005550006", 400, 50452},
		{"POST", "/v1/Conversations/" + closed + "/Participants/" + closedMB, "", 400, 50377},

		{"GET", "/v1/Conversations/CHnone/Messages", "", 404, 20404},
		{"GET", in + "/Messages?Order=up", "", 400, 20001},
		{"GET", in + "/Messages/IMnone", "", 404, 20404},
		{"POST", in + "/Messages/IMnone", "", 404, 20404},
		{"DELETE", in + "/Messages/IMnone", "", 404, 20404},
		{"POST", in + "/Messages/" + im, "Body=" + strings.Repeat("x", 1601), 400, 50504},
		{"POST", in + "/Messages", "Body=x&Author=" + strings.Repeat("x", 257), 400, 20001},
		{"POST", in + "/Messages", "Body=x&Attributes=x", 400, 20001},
		{"POST", "/v1/Conversations/" + closed + "/Messages/" + closedIM, "Body=y", 400, 50377},
		{"GET", in + "/Messages/IMnone/Receipts", "", 404, 20404},
		{"GET", in + "/Messages/IMnone/Receipts/DYnone", "", 404, 20404},
		{"GET", in + "/Messages/" + im + "/Receipts/DYnone", "", 404, 20404},

		{"POST", "/v1/Conversations/CHnone/Webhooks", "Target=webhook", 404, 20404},
		{"GET", "/v1/Conversations/CHnone/Webhooks", "", 404, 20404},
		{"GET", in + "/Webhooks/WHnone", "", 404, 20404},
		{"POST", in + "/Webhooks/WHnone", "", 404, 20404},
		{"DELETE", in + "/Webhooks/WHnone", "", 404, 20404},

		{"GET", "/v1/ParticipantConversations", "", 400, 20001},
		{"GET", "/v1/ParticipantConversations?Address=%2B1&Identity=x", "", 400, 50451},

		{"POST", "/v1/Configuration", "DefaultChatServiceSid=ISnone", 404, 20404},
		{"POST", "/v1/Configuration", "DefaultMessagingServiceSid=x", 400, 20001},
		{"POST", "/v1/Configuration", "DefaultInactiveTimer=soon", 400, 20001},
		{"POST", "/v1/Configuration/Webhooks", "Target=pager", 400, 20001},
		{"POST", "/v1/Configuration/Webhooks", "Method=PUT", 400, 20001},
		{"POST", "/v1/Configuration/Webhooks", "PostWebhookUrl=hook", 400, 20001},
		{"POST", "/v1/Configuration/Webhooks", "Filters=onMessageSent", 400, 20001},

		{"POST", "/v1/Configuration/Addresses", "Type=pigeon&Address=x", 400, 20001},
		{"POST", "/v1/Configuration/Addresses", "Type=sms", 400, 20001},
		{"POST", "/v1/Configuration/Addresses", "Type=sms&Address=x&AutoCreation.Enabled=maybe", 400, 20001},
		{"POST", "/v1/Configuration/Addresses", "Type=sms&Address=x&AutoCreation.Type=magic", 400, 20001},
		{"POST", "/v1/Configuration/Addresses", "Type=sms&Address=x&AutoCreation.Type=webhook", 400, 20001},
		{"POST", "/v1/Configuration/Addresses", "Type=sms&Address=x&AutoCreation.ConversationServiceSid=ISnone", 404, 20404},
		{"POST", "/v1/Configuration/Addresses", "Type=sms&Address=x&AutoCreation.WebhookUrl=hook", 400, 20001},
		{"POST", "/v1/Configuration/Addresses", "Type=sms&Address=x&AutoCreation.WebhookMethod=PUT", 400, 20001},
		{"POST", "/v1/Configuration/Addresses", "Type=sms&Address=x&AutoCreation.WebhookFilters=onMessageSent", 400, 20001},
		{"POST", "/v1/Configuration/Addresses", "Type=sms&Address=x&AutoCreation.StudioRetryCount=x", 400, 20001},
		{"POST", "/v1/Configuration/Addresses/%2B15005550006", "AutoCreation.Enabled=maybe", 400, 20001},
		{"GET", "/v1/Configuration/Addresses/IGnone", "", 404, 20404},
		{"POST", "/v1/Configuration/Addresses/IGnone", "", 404, 20404},
		{"DELETE", "/v1/Configuration/Addresses/IGnone", "", 404, 20404},
	}
	for _, tt := range tests {
		w := do(t, s, tt.method, tt.path, tt.form)
		if w.Code != tt.status || !strings.HasPrefix(w.Body.String(), `{"code":`+strconv.Itoa(tt.code)+`,`) ||
			!strings.Contains(w.Body.String(), `"more_info":"https://www.twilio.com/docs/errors/`+strconv.Itoa(tt.code)+`","status":`+strconv.Itoa(tt.status)) {
			form := tt.form
			if len(form) > 60 {
				form = form[:60] + "…"
			}
			t.Errorf("%s %s %s: got %d %s, want %d with %d", tt.method, tt.path, form, w.Code, w.Body, tt.status, tt.code)
		}
	}
}

// Dates are taken as given, so that transcripts can be imported.
func TestDatesAsGiven(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("import")
	w := do(t, s, "POST", "/v1/Conversations/"+ch+"/Messages", "Body=old&DateCreated=2020-01-02T03:04:05%2B01:00")
	if w.Code != 201 || !strings.Contains(w.Body.String(), `"date_created":"2020-01-02T02:04:05Z"`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// Without a default Messaging Service only a create that names one can have phones.
func TestMessagingServiceOfConversation(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	do(t, s, "POST", "/v1/Configuration", "DefaultMessagingServiceSid=")
	ch := s.conversation("none")
	if c, _ := s.Conversation(ch); c.MessagingServiceSID != "" {
		t.Errorf("conversation has Messaging Service %s, want none", c.MessagingServiceSID)
	}
	if _, err := s.api.CreateConversationParticipant(ch, binding(phone, sender)); codeOf(err) != 50373 {
		t.Errorf("got %v, want 50373", err)
	}
	do(t, s, "POST", "/v1/Conversations/"+ch, "MessagingServiceSid="+messaging)
	s.join(ch, phone, sender)
}
