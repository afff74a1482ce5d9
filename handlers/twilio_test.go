package handlers

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"textme/chat"
)

func TestTwilioWebhook(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body   string
		fail   error
		status int
		events int
	}{
		"genuine":              {"genuine body", nil, 204, 1},
		"forged":               {"EventType=onMessageAdded", nil, 403, 0},
		"empty":                {"", nil, 403, 0},
		"too large":            {"genuine" + strings.Repeat("x", 64<<10), nil, 413, 0},
		"cannot commit":        {"genuine", chat.ErrUnavailable, 503, 0},
		"fails in another way": {"genuine", errors.New("constraint violated"), 503, 0},
	}
	for name, tt := range tests {
		for _, path := range []string{"/webhooks/twilio/conversations", "/webhooks/twilio/messages"} {
			t.Run(name+" "+path, func(t *testing.T) {
				t.Parallel()
				s := newService(t)
				s.store.eventErr = tt.fail
				w := s.send(path, urlencoded, tt.body)
				wantStatus(t, w, tt.status)
				if w.Body.Len() != 0 {
					t.Errorf("body %q, want none", w.Body)
				}
				if got := len(s.store.events); got != tt.events {
					t.Errorf("%d events applied, want %d", got, tt.events)
				}
			})
		}
	}
}

// Row W3: within three seconds Twilio has its answer, whatever the database does; the
// rest is for writing it.
func TestTwilioWebhookWaitsForTheStoreInBounds(t *testing.T) {
	t.Parallel()
	s := newService(t)
	wantStatus(t, s.send("/webhooks/twilio/conversations", urlencoded, "genuine"), http.StatusNoContent)
	if left := time.Until(s.store.eventUntil); s.store.eventUntil.IsZero() || left > 2500*time.Millisecond {
		t.Errorf("the store has %v, want at most 2.5 s", left)
	}
}

func TestTwilioWebhookIsVerifiedOverTheRequestTarget(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const target = "/webhooks/twilio/conversations?b=%2f&a=1&a"
	wantStatus(t, s.send(target, urlencoded, "genuine", header("X-Forwarded-Host", "evil.example"), header("X-Original-Url", "/x")), http.StatusNoContent)
	if got := s.hooks.uris[0]; got != target {
		t.Errorf("verified over %q, want %q", got, target)
	}
	if got := s.hooks.hosts[0]; got == "" {
		t.Error("the verifier is not told the host, which explains a refusal")
	}
}

func TestForgedWebhookLeavesOneLineWithoutTheBody(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.send("/webhooks/twilio/conversations", urlencoded, "Body="+canaryName)
	log := s.log.String()
	if got := strings.Count(log, `"webhook refused"`); got != 1 {
		t.Errorf("%d lines about it, want 1:\n%s", got, log)
	}
	if strings.Contains(log, canaryName) {
		t.Errorf("body logged:\n%s", log)
	}
}

func TestEventThatCannotBeAppliedIsAnswered(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.store.result = chat.Result{Applied: chat.EventStored, Error: "no such participant"}
	wantStatus(t, s.send("/webhooks/twilio/conversations", urlencoded, "genuine"), http.StatusNoContent)
	if !strings.Contains(s.log.String(), `"event stored but not applied"`) {
		t.Error("nothing logged")
	}
}

// That the classic webhook repeats what conversations bring is told once per
// number and hour, without the number.
func TestEchoIsToldOnce(t *testing.T) {
	t.Parallel()
	var e echoes
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		sender chat.Phone
		after  time.Duration
		want   bool
	}{
		{"+15005550006", 0, true},
		{"+15005550006", 59 * time.Minute, false},
		{"+15005550001", 59 * time.Minute, true},
		{"+15005550006", time.Hour, true},
		{"+15005550006", time.Hour + time.Minute, false},
	} {
		if got := e.worthTelling(tt.sender, now.Add(tt.after)); got != tt.want {
			t.Errorf("%s after %v: told %t, want %t", tt.sender, tt.after, got, tt.want)
		}
	}
	s := newService(t)
	s.store.result = chat.Result{Applied: chat.EventEcho}
	for range 3 {
		wantStatus(t, s.send("/webhooks/twilio/messages", urlencoded, "genuine"), http.StatusNoContent)
	}
	if got := strings.Count(s.log.String(), "classic webhook of a sender"); got != 1 {
		t.Errorf("told %d times, want once", got)
	}
}
