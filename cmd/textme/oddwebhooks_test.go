package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// signWebhook is X-Twilio-Signature for a form that is posted to address
// (https://www.twilio.com/docs/usage/security#validating-requests).
func signWebhook(token, address, body string) string {
	form, err := url.ParseQuery(body)
	if err != nil {
		panic(err) // a mistake of the test
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(form[name]))) {
			mac.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// webhook is a request with a form that Twilio has signed.
func (s *story) webhook(path, body string) *http.Request {
	s.t.Helper()
	req := s.request(http.MethodPost, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("X-Twilio-Signature", signWebhook(s.env["TWILIO_AUTH_TOKEN"], storyPublic+path, body))
	return req
}

// Row P1: a signed webhook that nobody can make sense of is answered 204 and
// stored as it came, but for what Postgres cannot hold.
func TestOddWebhooks(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	many := strings.TrimSuffix(strings.Repeat("a=1&", 5_000), "&")
	long := strings.Repeat("x", 60_000)
	account := s.env["TWILIO_ACCOUNT_SID"]
	tests := []struct {
		name    string
		fields  string // beside the account's
		json    string // instead of a form
		kind    string
		problem string
		want    map[string]any // the payload, beside the account
	}{
		{
			name: "a type that is new", fields: "EventType=onTypingStarted&Who=%C3%84nn&Twice=b&Twice=a&Empty=", kind: "onTypingStarted",
			want: map[string]any{"EventType": "onTypingStarted", "Who": "Änn", "Twice": []any{"a", "b"}, "Empty": ""},
		},
		{name: "no type", fields: "Hello=you", kind: "unknown", problem: "EventType is missing or malformed", want: map[string]any{"Hello": "you"}},
		{
			name: "a type that is none", fields: "EventType=%1B%5B31mred", kind: "unknown", problem: "EventType is missing or malformed",
			want: map[string]any{"EventType": "\x1b[31mred"},
		},
		{
			name: "NUL in a value", fields: "EventType=onTypingStarted&A=x%00y", kind: "onTypingStarted",
			want: map[string]any{"EventType": "onTypingStarted", "A": "x\uFFFDy"},
		},
		{
			name: "NUL in a name", fields: "EventType=onTypingStarted&A%00B=x", kind: "onTypingStarted",
			want: map[string]any{"EventType": "onTypingStarted", "A\uFFFDB": "x"},
		},
		{
			name: "NUL in the type", fields: "EventType=on%00X", kind: "unknown", problem: "EventType is not text",
			want: map[string]any{"EventType": "on\uFFFDX"},
		},
		{
			name: "what only looks like NUL", fields: "EventType=onTypingStarted&A=%5Cu0000", kind: "onTypingStarted",
			want: map[string]any{"EventType": "onTypingStarted", "A": `\u0000`},
		},
		{
			name: "surrogates", fields: "EventType=onTypingStarted&A=%ED%A0%80&B=%7B%22x%22%3A%22%5Cud800%22%7D", kind: "onTypingStarted",
			want: map[string]any{"EventType": "onTypingStarted", "A": "\uFFFD", "B": `{"x":"\ud800"}`},
		},
		{
			name: "UTF-16", fields: "EventType=onTypingStarted&A=%FF%FEh%00i%00", kind: "onTypingStarted",
			want: map[string]any{"EventType": "onTypingStarted", "A": "\uFFFDh\uFFFDi\uFFFD"},
		},
		{
			name: "a byte order mark", fields: "EventType=onTypingStarted&A=%EF%BB%BFx", kind: "onTypingStarted",
			want: map[string]any{"EventType": "onTypingStarted", "A": "\ufeffx"},
		},
		{
			name: "depth", fields: "EventType=onMessageAdded&Index=0&Media=" + deep, kind: "onMessageAdded", problem: "ConversationSid is missing",
			want: map[string]any{"EventType": "onMessageAdded", "Index": "0", "Media": deep},
		},
		{
			name: "a long value", fields: "EventType=onTypingStarted&A=" + long, kind: "onTypingStarted",
			want: map[string]any{"EventType": "onTypingStarted", "A": long},
		},
		{name: "many fields", fields: many, kind: "unknown", problem: "the body has too many parameters", want: map[string]any{"body": many}},
		{
			name: "JSON", json: "{\"a\":\"\\u0000\",\"b\":\"\x00\"}", kind: "unknown", problem: "the body is not a form",
			want: map[string]any{"body": "{\"a\":\"\\u0000\",\"b\":\"\uFFFD\"}"},
		},
	}
	for i, tt := range tests {
		body := "AccountSid=" + account + "&" + tt.fields
		req := s.webhook("/webhooks/twilio/conversations", body)
		switch whole, cut := tt.want["body"]; {
		case tt.json != "":
			sum := sha256.Sum256([]byte(tt.json))
			target := "/webhooks/twilio/conversations?bodySHA256=" + hex.EncodeToString(sum[:])
			req = s.request(http.MethodPost, target, strings.NewReader(tt.json))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-Twilio-Signature", signWebhook(s.env["TWILIO_AUTH_TOKEN"], storyPublic+target, ""))
		case cut:
			tt.want["body"] = "AccountSid=" + account + "&" + whole.(string)
		default:
			tt.want["AccountSid"] = account
		}
		s.answers(req, http.StatusNoContent)
		var kind, problem string
		var payload []byte
		var stored int
		must(t, s.db.QueryRow(t.Context(), `SELECT type, error, payload, count(*) OVER () FROM events ORDER BY received_at DESC, id DESC LIMIT 1`).
			Scan(&kind, &problem, &payload, &stored))
		var got map[string]any
		must(t, json.Unmarshal(payload, &got))
		if diff := cmp.Diff(tt.want, got); diff != "" || kind != tt.kind || problem != tt.problem || stored != i+1 {
			t.Errorf("%s: %d events are stored, the last a %s, problem %q, -want +got\n%s", tt.name, stored, kind, problem, diff)
		}
	}
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
}
