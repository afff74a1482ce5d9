package twiliosim_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// A text goes out to the handset and an answer comes back, all through the SDK.
func TestConversationRoundTrip(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	c, err := s.api.CreateConversation((&conv.CreateConversationParams{}).
		SetUniqueName("textme-1").SetFriendlyName("A customer").SetAttributes(`{"a":1}`).SetMessagingServiceSid(messaging))
	if err != nil {
		t.Fatal(err)
	}
	ch := *c.Sid
	if !regexp.MustCompile(`^CH[0-9a-f]{32}$`).MatchString(ch) {
		t.Errorf("conversation SID %q", ch)
	}
	want := []string{
		accountSID, s.ServiceSID(), messaging, "A customer", "textme-1", `{"a":1}`, "active",
		"2026-03-01T12:00:00Z", "https://conversations.twilio.com/v1/Conversations/" + ch,
	}
	got := []string{
		*c.AccountSid, *c.ChatServiceSid, *c.MessagingServiceSid, *c.FriendlyName, *c.UniqueName, *c.Attributes, *c.State,
		c.DateCreated.Format("2006-01-02T15:04:05.999Z"), *c.Url,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conversation (-want +got):\n%s", diff)
	}

	p, err := s.api.CreateConversationParticipant("textme-1", binding(phone, sender))
	if err != nil {
		t.Fatal(err)
	}
	wantBinding := any(map[string]any{"type": "sms", "address": phone, "proxy_address": sender})
	if diff := cmp.Diff(wantBinding, *p.MessagingBinding); diff != "" {
		t.Errorf("messaging_binding (-want +got):\n%s", diff)
	}
	if texts := s.Handset(phone).Texts(); len(texts) != 0 {
		t.Errorf("creating a conversation and a participant texted the handset: %v", bodies(texts))
	}

	m, err := s.api.CreateConversationMessage(ch, (&conv.CreateConversationMessageParams{}).SetBody("Hi").SetAuthor("bot"))
	if err != nil {
		t.Fatal(err)
	}
	if m.Index != 0 || *m.Author != "bot" || m.ParticipantSid != nil || m.Delivery != nil {
		t.Errorf("message index %d author %s participant %v delivery %v, want 0 bot none none", m.Index, *m.Author, m.ParticipantSid, m.Delivery)
	}
	text, err := s.Handset(phone).Wait(within(t), func(x twiliosim.Text) bool { return x.Body == "Hi" })
	if err != nil {
		t.Fatal(err)
	}
	if text.From != sender || text.MessageSID != *m.Sid {
		t.Errorf("text from %s of message %s, want %s and %s", text.From, text.MessageSID, sender, *m.Sid)
	}
	back := s.text(phone, sender, "Hello")
	got2 := s.Messages(ch)
	if len(got2) != 2 || got2[1].SID != back.MessageSID || got2[1].Index != 1 || got2[1].Author != phone || got2[1].ParticipantSID != *p.Sid {
		t.Errorf("messages after the answer: %+v", got2)
	}
	s.settle()
	if got := s.Unexpected(); len(got) != 0 {
		t.Errorf("unexpected texts: %v", bodies(got))
	}
	wantCalls := map[string]int{
		"POST /v1/Conversations":                                1,
		"POST /v1/Conversations/{ConversationSid}/Participants": 1,
		"POST /v1/Conversations/{ConversationSid}/Messages":     1,
	}
	if diff := cmp.Diff(wantCalls, s.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	tests := []struct {
		name, user, password string
		code, status         int
	}{
		{"account and token", accountSID, authToken, 0, 0},
		{"key and secret", keySID, keySecret, 0, 0},
		{"wrong token", accountSID, "wrong", 20003, 401},
		{"key with the token", keySID, authToken, 20003, 401},
		{"nobody", "", "", 20003, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := sdk(t, s.http.URL, tt.user, tt.password).FetchConfiguration()
			if codeOf(err) != tt.code || statusOf(err) != tt.status {
				t.Errorf("got %v, want code %d status %d", err, tt.code, tt.status)
			}
		})
	}
}

func TestUnknownRouteIsRecorded(t *testing.T) {
	t.Parallel()
	s, err := twiliosim.New(twiliosim.Options{AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(within(t)) })
	for _, tt := range []struct{ method, path string }{
		{"GET", "/v1/Users"}, {"PUT", "/v1/Conversations"}, {"POST", "/v1/Conversations/CH1/Export"},
	} {
		w := do(t, s, tt.method, tt.path, "")
		if w.Code != http.StatusNotImplemented {
			t.Errorf("%s %s: status %d, want 501", tt.method, tt.path, w.Code)
		}
	}
	want := []string{"GET /v1/Users", "PUT /v1/Conversations", "POST /v1/Conversations/CH1/Export"}
	if diff := cmp.Diff(want, s.Unknown()); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	good := twiliosim.Options{AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}}
	tests := []struct {
		name   string
		change func(*twiliosim.Options)
		want   string // in the error
	}{
		{"account", func(o *twiliosim.Options) { o.AccountSID = "AC1" }, "AccountSID"},
		{"empty token", func(o *twiliosim.Options) { o.AuthToken = "" }, "AuthToken"},
		{"half a key", func(o *twiliosim.Options) { o.APIKeySID = keySID }, "APIKeySecret"},
		{"no sender", func(o *twiliosim.Options) { o.Senders = nil }, "Senders"},
		{"bad sender", func(o *twiliosim.Options) { o.Senders = []string{"5005550006"} }, "5005550006"},
		{"classic webhook of a stranger", func(o *twiliosim.Options) { o.InboundSMS = map[string]string{phone: "http://x/"} }, "InboundSMS"},
		{"relative DeliverTo", func(o *twiliosim.Options) { o.DeliverTo = "localhost" }, "DeliverTo"},
		{"opt-out status", func(o *twiliosim.Options) { o.OptOutStatus = "delivered" }, "OptOutStatus"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := good
			tt.change(&o)
			if _, err := twiliosim.New(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one about %s", err, tt.want)
			}
		})
	}
}
