package twilio

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"textme/chat"
)

const (
	hex32       = "0123456789abcdef0123456789abcdef"
	testToken   = "0f3c9b2a7d5e4810b6a1c2d3e4f50617"
	testAccount = "AC" + hex32
	testCH      = "CH" + hex32
	testMB      = "MB" + hex32
	testIM      = "IM" + hex32
	testDY      = "DY" + hex32
	testUS      = "US" + hex32
	testSM      = "SM" + hex32
)

func newWebhooks(t testing.TB) *Webhooks {
	t.Helper()
	v, err := NewVerifier("https://example.com", testToken)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWebhooks(v, testAccount, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// signedHeader is the header of a genuine webhook with this body.
func signedHeader(body string) http.Header {
	return http.Header{
		"Content-Type":       {formType},
		"X-Twilio-Signature": {sign(testToken, "https://example.com"+capturedTarget, body)},
	}
}

// form is a webhook of a type with the parameters that every one has.
func form(eventType string, more ...string) url.Values {
	v := url.Values{"AccountSid": {testAccount}, "EventType": {eventType}, "RetryCount": {"0"}, "ConversationSid": {testCH}}
	for i := 0; i < len(more); i += 2 {
		v.Add(more[i], more[i+1])
	}
	return v
}

// user is a webhook about a user, which names no conversation.
func user(eventType string, more ...string) url.Values {
	v := form(eventType, append([]string{"UserSid", testUS, "Identity", "agent-17", "FriendlyName", "Zoë"}, more...)...)
	v.Del("ConversationSid")
	return v
}

func receive(t *testing.T, v url.Values) chat.Event {
	t.Helper()
	body := v.Encode()
	e, err := newWebhooks(t).Receive(capturedTarget, signedHeader(body), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestReceiveDecodesEveryType(t *testing.T) {
	t.Parallel()
	ourID := uuid.MustParse("0198f0a0-0000-7000-8000-000000000001")
	at := time.Date(2025, 9, 17, 22, 23, 11, 350e6, time.UTC)
	later := at.Add(time.Second)
	const atText, laterText = "2025-09-17T22:23:11.350Z", "2025-09-17T22:23:12.350Z"
	participant := chat.RemoteParticipant{SID: testMB, Address: "+14155552671", ProxyAddress: "+14155550100"}
	binding := []string{"ParticipantSid", testMB, "MessagingBinding.Address", "+14155552671", "MessagingBinding.ProxyAddress", "+14155550100"}
	message := chat.RemoteMessage{SID: testIM, Index: 7, Author: "+14155552671", Participant: testMB, Body: " hi\n", At: at}
	text := []string{"MessageSid", testIM, "Index", "7", "Author", "+14155552671", "ParticipantSid", testMB, "Body", " hi\n", "DateCreated", atText, "Attributes", "{}"}
	staff := chat.RemoteUser{SID: testUS, Identity: "agent-17", FriendlyName: "Zoë"}
	kept, unkept := message, message
	kept.Media = json.RawMessage(`[{"Filename":"a.png","Sid":"ME1","service_sid":"` + testService + `"},"?"]`)
	unkept.Media = json.RawMessage(`[{"Sid":"ME1"}]`)
	edited, posted := message, message
	edited.UpdatedAt, posted.ByProgram = later, true
	ours := chat.RemoteMessage{
		SID: testIM, OurID: ourID, Author: "bot", At: at,
		Media: json.RawMessage(`[{"Filename":"a.png","Size":12}]`),
	}
	tests := map[string]struct {
		form url.Values
		want chat.Event
		key  []string // of the fact; nil: of the contents
	}{
		chat.ConversationAdded: {
			form(chat.ConversationAdded, "DateCreated", atText),
			chat.Event{SID: testCH, At: at},
			[]string{testCH},
		},
		chat.ConversationUpdated: {
			form(chat.ConversationUpdated, "DateUpdated", atText),
			chat.Event{SID: testCH, At: at},
			nil,
		},
		chat.ConversationRemoved: {
			form(chat.ConversationRemoved, "DateRemoved", atText),
			chat.Event{SID: testCH, At: at},
			[]string{testCH},
		},
		chat.ConversationStateUpdated: {
			form(chat.ConversationStateUpdated, "StateTo", "closed", "StateFrom", "active", "Reason", "TIMER", "StateUpdated", atText),
			chat.Event{SID: testCH, StateTo: "closed", At: at},
			nil,
		},
		chat.ParticipantAdded: {
			form(chat.ParticipantAdded, append(binding, "DateCreated", atText)...),
			chat.Event{SID: testCH, Participant: participant, At: at},
			[]string{testMB},
		},
		chat.ParticipantUpdated: {
			form(chat.ParticipantUpdated, append(binding, "DateUpdated", atText)...),
			chat.Event{SID: testCH, Participant: participant, At: at},
			nil,
		},
		chat.ParticipantRemoved: {
			form(chat.ParticipantRemoved, append(binding, "DateRemoved", atText)...),
			chat.Event{SID: testCH, Participant: participant, At: at},
			[]string{testMB},
		},
		"chat identity": {
			form(chat.ParticipantAdded, "ParticipantSid", testMB, "Identity", "agent"),
			chat.Event{Type: chat.ParticipantAdded, SID: testCH, Participant: chat.RemoteParticipant{SID: testMB}},
			[]string{testMB},
		},
		chat.MessageAdded: {
			form(chat.MessageAdded, text...),
			chat.Event{SID: testCH, Message: message, At: at},
			[]string{testIM},
		},
		chat.MessageUpdated: {
			form(chat.MessageUpdated, append(text, "DateUpdated", laterText)...),
			chat.Event{SID: testCH, Message: edited, At: later},
			nil,
		},
		chat.MessageRemoved: {
			form(chat.MessageRemoved, append(text, "DateRemoved", laterText)...),
			chat.Event{SID: testCH, Message: message, At: later},
			[]string{testIM},
		},
		"message from a phone": {
			form(chat.MessageAdded, append(text, "Source", "SMS")...),
			chat.Event{Type: chat.MessageAdded, SID: testCH, Message: message, At: at},
			[]string{testIM},
		},
		"message by the API": {
			form(chat.MessageAdded, append(text, "Source", "API")...),
			chat.Event{Type: chat.MessageAdded, SID: testCH, Message: posted, At: at},
			[]string{testIM},
		},
		"media of a service": {
			form(chat.MessageAdded, append(text, "ChatServiceSid", testService, "Media", `[{"Sid":"ME1","Filename":"a.png"},"?"]`)...),
			chat.Event{Type: chat.MessageAdded, SID: testCH, Message: kept, At: at},
			[]string{testIM},
		},
		"media of no service": {
			form(chat.MessageAdded, append(text, "ChatServiceSid", "IS/../..", "Media", `[{"Sid":"ME1"}]`)...),
			chat.Event{Type: chat.MessageAdded, SID: testCH, Message: unkept, At: at},
			[]string{testIM},
		},
		"our message with media": {
			form(chat.MessageAdded, "MessageSid", testIM, "Index", "0", "Author", "bot", "DateCreated", atText,
				"Attributes", `{"textme":"`+ourID.String()+`"}`, "Media", `[{"Size":12,"Filename":"a.png"}]`),
			chat.Event{Type: chat.MessageAdded, SID: testCH, Message: ours, At: at},
			[]string{testIM},
		},
		chat.DeliveryUpdated: {
			form(chat.DeliveryUpdated, "DeliveryReceiptSid", testDY, "MessageSid", testIM, "ParticipantSid", testMB,
				"ChannelMessageSid", testSM, "Status", "undelivered", "ErrorCode", "21610", "DateUpdated", atText),
			chat.Event{SID: testCH, At: at, Receipt: chat.Receipt{
				SID: testDY, Message: testIM, Participant: testMB, Channel: testSM, Status: chat.Undelivered, ErrorCode: 21610, At: at,
			}},
			[]string{testDY, "undelivered"},
		},
		chat.UserAdded: {
			user(chat.UserAdded, "DateCreated", atText),
			chat.Event{User: staff, At: at},
			[]string{testUS},
		},
		chat.UserUpdated: {
			user(chat.UserUpdated, "DateUpdated", atText, "isOnline", "true"),
			chat.Event{User: staff, At: at},
			nil,
		},
		"pre-event": {
			form("onMessageAdd", "Body", "hi"),
			chat.Event{Type: "onMessageAdd", SID: testCH},
			nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := receive(t, tt.form)
			tt.want.Via = chat.ViaWebhook
			if tt.want.Type == "" {
				tt.want.Type = name
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(chat.Event{}, "Key", "Payload")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if tt.key != nil && got.Key != chat.EventKey(got.Type, tt.key...) {
				t.Error("the key is not the fact's own")
			}
			tt.form.Set("RetryCount", "1")
			if receive(t, tt.form).Key != got.Key {
				t.Error("a retry has another key")
			}
			tt.form.Set("Later", "x")
			if changed := receive(t, tt.form).Key != got.Key; changed != (tt.key == nil) {
				t.Errorf("with other contents the key changes: %t", changed)
			}
		})
	}
}

func TestReceiveStoresWhatCannotBeActedOn(t *testing.T) {
	t.Parallel()
	message := func(change ...string) url.Values {
		v := form(chat.MessageAdded, "MessageSid", testIM, "Index", "7", "Author", "+14155552671", "ParticipantSid", testMB, "Body", "hi")
		for i := 0; i < len(change); i += 2 {
			v.Set(change[i], change[i+1])
		}
		return v
	}
	without := func(v url.Values, name string) url.Values { v.Del(name); return v }
	with := func(v url.Values, name, value string) url.Values { v.Add(name, value); return v }
	receipt := form(chat.DeliveryUpdated, "DeliveryReceiptSid", testDY, "MessageSid", testIM, "Status", "sent", "ErrorCode", "x")
	tests := map[string]struct {
		form url.Values
		want string
	}{
		"no conversation":        {without(message(), "ConversationSid"), "ConversationSid is missing"},
		"conversation of a path": {message("ConversationSid", "../Services"), "ConversationSid is malformed"},
		"no message":             {without(message(), "MessageSid"), "MessageSid is missing"},
		"other kind of SID":      {message("MessageSid", testMB), "MessageSid is malformed"},
		"repeated message":       {with(message(), "MessageSid", testIM[:33]+"0"), "MessageSid is repeated"},
		"repeated body":          {with(message(), "Body", "STOP"), "Body is repeated"},
		"same body twice":        {with(message(), "Body", "hi"), "Body is repeated"},
		"no index":               {without(message(), "Index"), "Index is missing"},
		"negative index":         {message("Index", "-1"), "Index is not a number"},
		"huge index":             {message("Index", "2147483648"), "Index is not a number"},
		"odd participant":        {message("ParticipantSid", "x"), "ParticipantSid is malformed"},
		"NUL":                    {message("Body", "a\x00b"), "Body is not text"},
		"not UTF-8":              {message("Body", "a\xffb"), "Body is not text"},
		"media not JSON":         {message("Media", "[{"), "Media is not a JSON array"},
		"media with huge number": {message("Media", "[1e999]"), "Media is not a JSON array"},
		"no type":                {without(message(), "EventType"), "EventType is missing or malformed"},
		"odd type":               {message("EventType", "on\nX"), "EventType is missing or malformed"},
		"repeated type":          {with(message(), "EventType", chat.MessageRemoved), "EventType is repeated"},
		"unknown state":          {form(chat.ConversationStateUpdated, "StateTo", "asleep"), "StateTo is missing or unknown"},
		"no state":               {form(chat.ConversationStateUpdated), "StateTo is missing or unknown"},
		"unknown status":         {form(chat.DeliveryUpdated, "DeliveryReceiptSid", testDY, "MessageSid", testIM, "Status", "lost"), "Status is missing or unknown"},
		"no receipt":             {form(chat.DeliveryUpdated, "MessageSid", testIM, "Status", "sent"), "DeliveryReceiptSid is missing"},
		"odd error code":         {receipt, "ErrorCode is not a number"},
		"no user":                {without(user(chat.UserAdded), "UserSid"), "UserSid is missing"},
		"repeated identity":      {user(chat.UserUpdated, "Identity", "x"), "Identity is repeated"},
		"no participant":         {form(chat.ParticipantRemoved), "ParticipantSid is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := receive(t, tt.form)
			if got.Problem != tt.want {
				t.Errorf("problem %q, want %q", got.Problem, tt.want)
			}
			if diff := cmp.Diff(chat.RemoteMessage{}, got.Message); diff != "" {
				t.Errorf("it has a message to act on: %s", diff)
			}
			if got.Key == chat.EventKey(got.Type, testIM) {
				t.Error("it takes the key of the sound event about the same message")
			}
			checkStorable(t, got)
		})
	}
}

// One delivery of which a pair was repeated on its way is not acted on, and leaves its
// place to the next, which Twilio's signature cannot tell from it.
func TestReceiveDoubledThenSound(t *testing.T) {
	t.Parallel()
	for _, sound := range []url.Values{
		form(chat.ConversationStateUpdated, "StateTo", "closed", "StateUpdated", "2025-09-17T22:23:11.350Z"),
		form(chat.MessageAdded, "MessageSid", testIM, "Index", "7", "Author", "+14155552671", "Body", "hi"),
	} {
		header := signedHeader(sound.Encode())
		keys := map[string]string{}
		for name := range sound {
			doubled := maps.Clone(sound)
			doubled[name] = slices.Repeat(sound[name], 2)
			e, err := newWebhooks(t).Receive(capturedTarget, header, []byte(doubled.Encode()))
			if err == nil && e.Problem != "" {
				keys[string(e.Key[:])] = name
			}
		}
		e, err := newWebhooks(t).Receive(capturedTarget, header, []byte(sound.Encode()))
		if err != nil || e.Problem != "" || len(keys) == 0 {
			t.Fatalf("%v: %v, %q, %d doubled", sound, err, e.Problem, len(keys))
		}
		if name, taken := keys[string(e.Key[:])]; taken {
			t.Errorf("%s with %s doubled takes the place of the sound one", e.Type, name)
		}
	}
}

func TestReceiveRefuses(t *testing.T) {
	t.Parallel()
	w := newWebhooks(t)
	other := form(chat.MessageAdded)
	other.Set("AccountSid", "AC"+strings.Repeat("9", 32))
	both := form(chat.MessageAdded)
	both.Add("AccountSid", "AC"+strings.Repeat("9", 32))
	none := form(chat.MessageAdded)
	none.Del("AccountSid")
	tests := map[string]struct {
		body   string
		header func(http.Header)
	}{
		"other account": {other.Encode(), func(http.Header) {}},
		"two accounts":  {both.Encode(), func(http.Header) {}},
		"no account":    {none.Encode(), func(http.Header) {}},
		"no signature":  {captured, func(h http.Header) { h.Del("X-Twilio-Signature") }},
		"two signatures": {captured, func(h http.Header) {
			h.Add("X-Twilio-Signature", h.Get("X-Twilio-Signature"))
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := signedHeader(tt.body)
			tt.header(h)
			if e, err := w.Receive(capturedTarget, h, []byte(tt.body)); !errors.Is(err, chat.ErrForged) {
				t.Errorf("got %+v, %v, want chat.ErrForged", e, err)
			}
		})
	}
}

func TestReceiveStoresJSON(t *testing.T) {
	t.Parallel()
	const body = `{}`
	target := "/webhooks/twilio/conversations?bodySHA256=" + emptyHash
	h := http.Header{
		"Content-Type":       {"application/json"},
		"X-Twilio-Signature": {sign(testToken, "https://example.com"+target, "")},
	}
	got, err := newWebhooks(t).Receive(target, h, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if got.Type != UnknownEvent || got.Problem == "" || string(got.Payload) != `{"body":"{}"}` {
		t.Errorf("got %+v", got)
	}
}

func TestPayloadKeepsEverything(t *testing.T) {
	t.Parallel()
	v := form(chat.MessageAdded, "MessageSid", testIM, "Index", "0", "Body", "<b>&\u2028 \"x\"", "New", "a", "New", "b", "New", "a", "Nul", "\x00", "Raw", "\xff")
	var got map[string]any
	if err := json.Unmarshal(receive(t, v).Payload, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"AccountSid": testAccount, "EventType": chat.MessageAdded, "RetryCount": "0", "ConversationSid": testCH,
		"MessageSid": testIM, "Index": "0", "Body": "<b>&\u2028 \"x\"",
		"New": []any{"a", "a", "b"}, "Nul": "\uFFFD", "Raw": "\uFFFD",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReadAttributes(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("0198f0a0-0000-7000-8000-000000000001")
	tests := map[string]struct {
		attributes string
		want       uuid.UUID
	}{
		"ours":         {chat.MessageAttributes(id), id},
		"with others":  {`{"a":[1],"textme":"` + id.String() + `"}`, id},
		"none":         {"{}", uuid.Nil},
		"empty":        {"", uuid.Nil},
		"not JSON":     {"{", uuid.Nil},
		"not a string": {`{"textme":7}`, uuid.Nil},
		"not a UUID":   {`{"textme":"7"}`, uuid.Nil},
		"an array":     {`["textme"]`, uuid.Nil},
		"null":         {`null`, uuid.Nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := chat.ReadMessageAttributes(tt.attributes); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// checkStorable insists on what the store needs of every event.
func checkStorable(t *testing.T, e chat.Event) {
	t.Helper()
	checkJSONB(t, e.Payload)
	if e.Message.Media != nil {
		checkJSONB(t, e.Message.Media)
	}
	if e.Key == [len(e.Key)]byte{} || e.Type == "" || e.Via != chat.ViaWebhook {
		t.Errorf("event %+v has no key, type or via", e)
	}
	for _, s := range []string{e.Type, string(e.SID), e.StateTo, e.Message.Author, e.Message.Body, string(e.Participant.Address), e.User.Identity, e.User.FriendlyName, e.Problem} {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			t.Errorf("%q is not text", s)
		}
	}
	if e.SID != "" && !e.SID.Valid() || e.Message.SID != "" && !e.Message.SID.Valid() || e.Message.Index < 0 {
		t.Errorf("event %+v has a malformed SID or index", e)
	}
}

// checkJSONB insists on JSON that Postgres takes as jsonb: UTF-8 without NUL.
// An escaped backslash before u0000 is no NUL, so those go first.
func checkJSONB(t *testing.T, b []byte) {
	t.Helper()
	escapes := bytes.ReplaceAll(b, []byte(`\\`), nil)
	if !json.Valid(b) || !utf8.Valid(b) || bytes.Contains(escapes, []byte(`\u0000`)) {
		t.Errorf("%q is not storable", b)
	}
}

// FuzzReceive signs whatever the fuzzer makes up: a genuine webhook may hold
// anything and must become an event that can be stored.
func FuzzReceive(f *testing.F) {
	w := newWebhooks(f)
	f.Add([]byte(captured))
	f.Add([]byte(form(chat.DeliveryUpdated, "DeliveryReceiptSid", testDY, "MessageSid", testIM, "Status", "sent").Encode()))
	f.Add([]byte(form(chat.ConversationStateUpdated, "StateTo", "closed", "StateUpdated", "2025-09-17T22:23:11.350Z").Encode()))
	f.Add([]byte(form(chat.ParticipantAdded, "ParticipantSid", testMB, "MessagingBinding.Address", "+1\x00").Encode()))
	f.Add([]byte(form(chat.MessageAdded, "Media", "[\"\\u0000\\ud800\"]", "MessageSid", testIM, "Index", "1").Encode()))
	f.Add([]byte(`%5Cu0000`))
	f.Fuzz(func(t *testing.T, body []byte) {
		body = append([]byte("AccountSid="+testAccount+"&"), body...)
		e, err := w.Receive(capturedTarget, signedHeader(string(body)), body)
		if err != nil {
			if !errors.Is(err, chat.ErrForged) {
				t.Errorf("%v does not wrap chat.ErrForged", err)
			}
			return
		}
		checkStorable(t, e)
	})
}

func BenchmarkReceive(b *testing.B) {
	w := newWebhooks(b)
	h := signedHeader(captured)
	body := []byte(captured)
	b.ReportAllocs()
	for b.Loop() {
		if e, err := w.Receive(capturedTarget, h, body); err != nil || e.Problem != "" {
			b.Fatal(err, e.Problem)
		}
	}
}
