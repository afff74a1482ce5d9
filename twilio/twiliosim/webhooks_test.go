package twiliosim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twilio/twilio-go/client"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// recorder is somebody's webhook endpoint.
type recorder struct {
	*httptest.Server
	mu       sync.Mutex
	requests []received
}

type received struct {
	header http.Header
	host   string
	uri    string
	body   string
	form   url.Values
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	rec := &recorder{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read webhook: %v", err)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Errorf("parse webhook: %v", err)
		}
		checkNames(t, form)
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.requests = append(rec.requests, received{r.Header, r.Host, r.RequestURI, string(body), form})
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (r *recorder) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

func (r *recorder) events() []url.Values {
	var out []url.Values
	for _, q := range r.all() {
		out = append(out, q.form)
	}
	return out
}

func (r *recorder) types() []string {
	out := []string{}
	for _, e := range r.events() {
		out = append(out, e.Get("EventType"))
	}
	return out
}

// listen sets the account webhook to a new recorder.
func (s *sim) listen(filters ...string) *recorder {
	s.t.Helper()
	rec := newRecorder(s.t)
	_, err := s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).
		SetMethod("POST").SetFilters(filters).SetPostWebhookUrl(rec.URL + "/hook"))
	if err != nil {
		s.t.Fatal(err)
	}
	return rec
}

var everything = []string{
	"onConversationAdded", "onConversationUpdated", "onConversationRemoved", "onConversationStateUpdated",
	"onParticipantAdded", "onParticipantUpdated", "onParticipantRemoved",
	"onMessageAdded", "onMessageUpdated", "onMessageRemoved", "onDeliveryUpdated",
}

// REST without the header is silent but for delivery; a text from a handset speaks.
func TestWhatRaisesWebhooks(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	rec := s.listen(everything...)
	ch := s.conversation("quiet")
	mb := s.join(ch, phone, sender)
	im := s.say(ch, "Hi")
	s.settle()
	if diff := cmp.Diff([]string{"onDeliveryUpdated", "onDeliveryUpdated"}, rec.types()); diff != "" {
		t.Fatalf("after silent REST calls (-want +got):\n%s", diff)
	}
	receipts := s.Receipts(im)
	if len(receipts) != 1 {
		t.Fatalf("receipts %+v, want one", receipts)
	}
	s.text(phone, sender, "Hello & goodbye")
	s.settle()
	back := s.Messages(ch)[1]
	want := []url.Values{
		{
			"AccountSid": {accountSID}, "EventType": {"onDeliveryUpdated"}, "Source": {"API"}, "RetryCount": {"0"},
			"ChatServiceSid": {s.ServiceSID()}, "ConversationSid": {ch}, "MessageSid": {im}, "ParticipantSid": {mb},
			"DeliveryReceiptSid": {receipts[0].SID}, "ChannelMessageSid": {receipts[0].ChannelMessageSID},
			"Status": {"delivered"}, "ErrorCode": {"0"}, "DateCreated": {"2026-03-01T12:00:00.250Z"}, "DateUpdated": {"2026-03-01T12:00:00.250Z"},
		},
		{
			"AccountSid": {accountSID}, "EventType": {"onMessageAdded"}, "Source": {"SMS"}, "RetryCount": {"0"},
			"ChatServiceSid": {s.ServiceSID()}, "MessagingServiceSid": {messaging}, "ConversationSid": {ch},
			"MessageSid": {back.SID}, "ParticipantSid": {mb}, "Index": {"1"}, "DateCreated": {"2026-03-01T12:00:00.250Z"},
			"Author": {phone}, "Body": {"Hello & goodbye"}, "Attributes": {"{}"},
		},
	}
	if diff := cmp.Diff(want, rec.events()[1:]); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestHeaderRaisesWebhooks(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	rec := s.listen(everything...)
	const on = "true"
	c, err := s.api.CreateConversation((&conv.CreateConversationParams{}).SetUniqueName("loud").SetXTwilioWebhookEnabled(on))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.api.CreateConversationParticipant(*c.Sid, binding(phone, sender).SetXTwilioWebhookEnabled(on))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.UpdateConversationParticipant(*c.Sid, *p.Sid, (&conv.UpdateConversationParticipantParams{}).
		SetAttributes(`{"x":1}`).SetLastReadMessageIndex(0).SetXTwilioWebhookEnabled(on)); err != nil {
		t.Fatal(err)
	}
	m, err := s.api.CreateConversationMessage(*c.Sid, (&conv.CreateConversationMessageParams{}).SetBody("Hi").SetXTwilioWebhookEnabled(on))
	if err != nil {
		t.Fatal(err)
	}
	s.settle()
	if _, err := s.api.UpdateConversationMessage(*c.Sid, *m.Sid, (&conv.UpdateConversationMessageParams{}).
		SetBody("Hi!").SetXTwilioWebhookEnabled(on)); err != nil {
		t.Fatal(err)
	}
	if err := s.api.DeleteConversationMessage(*c.Sid, *m.Sid, (&conv.DeleteConversationMessageParams{}).SetXTwilioWebhookEnabled(on)); err != nil {
		t.Fatal(err)
	}
	if err := s.api.DeleteConversationParticipant(*c.Sid, *p.Sid, (&conv.DeleteConversationParticipantParams{}).SetXTwilioWebhookEnabled(on)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.UpdateConversation(*c.Sid, (&conv.UpdateConversationParams{}).SetState("closed").SetXTwilioWebhookEnabled(on)); err != nil {
		t.Fatal(err)
	}
	if err := s.api.DeleteConversation(*c.Sid, (&conv.DeleteConversationParams{}).SetXTwilioWebhookEnabled(on)); err != nil {
		t.Fatal(err)
	}
	s.settle()
	want := []string{
		"onConversationAdded", "onParticipantAdded", "onParticipantUpdated", "onMessageAdded", "onDeliveryUpdated", "onDeliveryUpdated",
		"onMessageUpdated", "onMessageRemoved", "onParticipantRemoved", "onConversationUpdated", "onConversationStateUpdated", "onConversationRemoved",
	}
	if diff := cmp.Diff(want, rec.types()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for _, e := range rec.events() {
		if e.Get("Source") != "API" || e.Get("AccountSid") != accountSID || e.Get("ConversationSid") != *c.Sid {
			t.Errorf("%s: Source %q AccountSid %q ConversationSid %q", e.Get("EventType"), e.Get("Source"), e.Get("AccountSid"), e.Get("ConversationSid"))
		}
	}
}

// Every webhook looks like a captured one and verifies with Twilio's own helper.
func TestWebhookTransport(t *testing.T) {
	t.Parallel()
	rec := newRecorder(t)
	s := newSim(t, func(o *twiliosim.Options) { o.DeliverTo = rec.URL })
	const configured = "https://user:pass@textme.example:8443/webhooks/twilio?x=%2F#rc=2"
	const signed = "https://textme.example:8443/webhooks/twilio?x=%2F"
	if _, err := s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).
		SetFilters([]string{"onMessageAdded"}).SetPostWebhookUrl(configured)); err != nil {
		t.Fatal(err)
	}
	ch := s.conversation("signed")
	s.join(ch, phone, sender)
	for range 12 {
		s.text(phone, sender, "ünïcode & + = %")
	}
	s.settle()
	orders := map[string]bool{}
	tokens := map[string]bool{}
	validator := client.NewRequestValidator(authToken)
	for _, q := range rec.all() {
		if q.uri != "/webhooks/twilio?x=%2F" || q.host != "textme.example:8443" {
			t.Errorf("delivered to %s at %s", q.uri, q.host)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": "TwilioProxy/1.1", "Accept": "*/*",
		} {
			if got := q.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		params := map[string]string{}
		for name := range q.form {
			params[name] = q.form.Get(name)
		}
		if !validator.Validate(signed, params, q.header.Get("X-Twilio-Signature")) {
			t.Errorf("signature %q does not verify", q.header.Get("X-Twilio-Signature"))
		}
		if validator.Validate(signed+"&y=1", params, q.header.Get("X-Twilio-Signature")) {
			t.Error("signature verifies for another URL")
		}
		tokens[q.header.Get("I-Twilio-Idempotency-Token")] = true
		var names []string
		for _, pair := range strings.Split(q.body, "&") {
			names = append(names, strings.SplitN(pair, "=", 2)[0])
		}
		orders[strings.Join(names, " ")] = true
	}
	if len(tokens) != 12 || len(orders) < 2 {
		t.Errorf("%d idempotency tokens and %d parameter orders in 12 webhooks", len(tokens), len(orders))
	}
	log := s.Webhooks()
	if len(log) != 12 || log[0].Status != http.StatusNoContent || log[0].URL != configured || log[0].Scope != "account" || log[0].EventType != "onMessageAdded" {
		t.Errorf("webhook log: %d, first %+v", len(log), log[0])
	}
}

func TestWebhookByGET(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	rec := newRecorder(t)
	if _, err := s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).
		SetMethod("GET").SetFilters([]string{"onMessageAdded"}).SetPostWebhookUrl(rec.URL + "/hook?a=b")); err != nil {
		t.Fatal(err)
	}
	s.join(s.conversation("get"), phone, sender)
	s.text(phone, sender, "by query")
	s.settle()
	got := rec.all()
	if len(got) != 1 || got[0].body != "" {
		t.Fatalf("requests: %+v", got)
	}
	u, err := url.Parse(got[0].uri)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("a") != "b" || q.Get("Body") != "by query" {
		t.Errorf("query %v", q)
	}
	validator := client.NewRequestValidator(authToken)
	if !validator.Validate(rec.URL+got[0].uri, nil, got[0].header.Get("X-Twilio-Signature")) {
		t.Error("signature over the URL does not verify")
	}
}

// Each scope gets its own call, by its own filters.
func TestScopes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		skips   bool
		service []string
	}{
		{"every scope", false, []string{"onMessageAdded", "onDeliveryUpdated", "onDeliveryUpdated"}},
		{"service scope without inbound", true, []string{"onDeliveryUpdated", "onDeliveryUpdated"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, func(o *twiliosim.Options) { o.ServiceScopeSkipsInbound = tt.skips })
			account, service, scoped := s.listen("onMessageAdded"), newRecorder(t), newRecorder(t)
			if _, err := s.api.UpdateServiceWebhookConfiguration(s.ServiceSID(), (&conv.UpdateServiceWebhookConfigurationParams{}).
				SetFilters([]string{"onMessageAdded", "onDeliveryUpdated"}).SetPostWebhookUrl(service.URL)); err != nil {
				t.Fatal(err)
			}
			ch := s.conversation("scopes")
			if _, err := s.api.CreateConversationScopedWebhook(ch, (&conv.CreateConversationScopedWebhookParams{}).SetTarget("webhook").
				SetConfigurationUrl(scoped.URL).SetConfigurationFilters([]string{"onDeliveryUpdated"})); err != nil {
				t.Fatal(err)
			}
			s.join(ch, phone, sender)
			s.text(phone, sender, "in")
			s.settle()
			s.say(ch, "out")
			s.settle()
			if diff := cmp.Diff([]string{"onMessageAdded"}, account.types()); diff != "" {
				t.Errorf("account (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.service, service.types()); diff != "" {
				t.Errorf("service (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"onDeliveryUpdated", "onDeliveryUpdated"}, scoped.types()); diff != "" {
				t.Errorf("conversation (-want +got):\n%s", diff)
			}
		})
	}
}

// A refused or unreachable webhook is logged and not repeated.
func TestWebhookIsSentOnce(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	var mu sync.Mutex
	hits := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		hits++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	if _, err := s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).
		SetFilters([]string{"onMessageAdded"}).SetPostWebhookUrl(srv.URL)); err != nil {
		t.Fatal(err)
	}
	s.join(s.conversation("once"), phone, sender)
	s.text(phone, sender, "one")
	s.settle()
	srv.Close()
	s.text(phone, sender, "two")
	s.settle()
	log := s.Webhooks()
	if hits != 1 || len(log) != 2 || log[0].Status != 503 || log[0].Err != "" || log[1].Status != 0 || log[1].Err == "" {
		t.Errorf("%d hits, log %+v", hits, log)
	}
}

// slowHook answers when told to.
type slowHook struct {
	*httptest.Server
	arrived, answer chan struct{}
}

func newSlowHook(t *testing.T) *slowHook {
	t.Helper()
	h := &slowHook{arrived: make(chan struct{}), answer: make(chan struct{})}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(h.arrived)
		<-h.answer
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(h.Close)
	return h
}
