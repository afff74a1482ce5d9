package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// hostileLine would be a line of its own in a careless log, and colour a terminal.
const hostileLine = "canary\r\n\x1b[2J\u009b31m\u2028{\"level\":\"ERROR\",\"msg\":\"canary\"}\n"

// logged are the lines of the log that were printed after the first n bytes. Each
// must be one JSON object, and hold nothing that steers a terminal.
func (s *story) logged(n int) (lines []map[string]any) {
	s.t.Helper()
	for line := range strings.Lines(s.out.String()[n:]) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields["msg"] == nil || fields["level"] == nil {
			s.t.Errorf("no line of a log (%v): %q", err, line)
		}
		if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), unicode.IsControl); i >= 0 {
			s.t.Errorf("a control character in %q", line)
		}
		lines = append(lines, fields)
	}
	return lines
}

// Row V1: whatever stands in the fields and headers of a webhook, signed or
// forged, each gives one line about the request, and one more if there is
// something to say of it. That no line tells what somebody wrote, the end of every
// story sees to.
func TestHostileWebhooksInTheLog(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	ch := one[string](s, `SELECT conversation_sid FROM conversations`)
	stored := one[int](s, `SELECT count(*) FROM events WHERE error <> ''`)
	before := len(s.out.String())

	sid := func(kind string) string { return kind + randomHex(16) }
	common := url.Values{
		"AccountSid": {s.env["TWILIO_ACCOUNT_SID"]}, "ConversationSid": {ch}, "ChatServiceSid": {sid("IS")}, "MessagingServiceSid": {sid("MG")},
		"Source": {"SDK"}, "ClientIdentity": {"agent"}, "RetryCount": {"0"}, "DateCreated": {"2026-01-02T03:04:05.678Z"},
		"Attributes": {"{}"}, "RoleSid": {sid("RL")}, "Identity": {"agent"}, "FriendlyName": {"Ann"}, "UniqueName": {""},
	}
	webhooks := []url.Values{
		{"EventType": {"onMessageAdded"}, "MessageSid": {sid("IM")}, "ParticipantSid": {sid("MB")}, "Index": {"70"}, "Author": {"agent"}, "Body": {"hi"}, "Media": {"[]"}},
		{"EventType": {"onDeliveryUpdated"}, "MessageSid": {sid("IM")}, "DeliveryReceiptSid": {sid("DY")}, "ChannelMessageSid": {sid("SM")}, "Status": {"sent"}, "ErrorCode": {"0"}},
		{"EventType": {"onConversationStateUpdated"}, "StateFrom": {"active"}, "StateTo": {"inactive"}, "Reason": {"TIMER"}, "StateUpdated": {""}},
		{"EventType": {"onParticipantUpdated"}, "ParticipantSid": {sid("MB")}, "MessagingBinding.Address": {""}, "MessagingBinding.ProxyAddress": {""}, "LastReadMessageIndex": {"1"}},
		{"SmsMessageSid": {sid("SM")}, "MessageSid": {sid("SM")}, "From": {"+14155550199"}, "To": {storySender}, "Body": {"hi"}, "OptOutType": {"HELP"}, "FromCity": {"X"}},
	}
	posted, refused := 0, 0
	post := func(form url.Values, status int) {
		t.Helper()
		req := s.webhook("/webhooks/twilio/conversations", form.Encode())
		if status == http.StatusForbidden {
			req.Header.Set("X-Twilio-Signature", signWebhook("another", storyPublic, ""))
			refused++
		}
		for _, name := range []string{"User-Agent", "X-Forwarded-Host", "X-Original-Url", "Forwarded", "I-Twilio-Idempotency-Token", "X-Request-Id"} {
			req.Header.Set(name, "canary\u009b31m\"}")
		}
		s.answers(req, status)
		posted++
	}
	for _, webhook := range webhooks {
		maps.Copy(webhook, common)
		if webhook.Has("From") {
			webhook.Del("ConversationSid")
		}
		for _, name := range slices.Sorted(maps.Keys(webhook)) {
			if name == "AccountSid" {
				continue // signed, it is another account's
			}
			for _, value := range []string{hostileLine, webhook.Get(name) + hostileLine} {
				hostile := maps.Clone(webhook)
				hostile[name] = []string{value}
				post(hostile, http.StatusNoContent)
				post(hostile, http.StatusForbidden)
			}
		}
		hostile := maps.Clone(webhook)
		hostile[hostileLine] = []string{hostileLine}
		post(hostile, http.StatusNoContent)
	}
	s.settled()

	count := map[any]int{}
	for _, line := range s.logged(before) {
		if line["msg"] != "request" || line["route"] == "/webhooks/twilio/conversations" {
			count[line["msg"]]++
		}
	}
	stored = one[int](s, `SELECT count(*) FROM events WHERE error <> ''`) - stored
	if count["request"] != posted || count["webhook refused"] != refused || count["event stored but not applied"] != stored || stored == 0 {
		t.Errorf("%d requests, %d refused, %d not applied; the log has %v", posted, refused, stored, count)
	}
}
