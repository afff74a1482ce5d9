package twiliosim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twilio/twilio-go/client"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// one is a script of one webhook rule with one fault.
func one(f twiliosim.Fault, on ...string) twiliosim.Faults {
	return twiliosim.Faults{Webhooks: []twiliosim.Rule{{On: on, Faults: []twiliosim.Fault{f}}}}
}

// Every kind of fault in a webhook: what arrives of one text from a handset,
// always under a signature that Twilio's own helper accepts.
func TestWebhookFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		fault   twiliosim.Fault
		arrive  int
		tokens  int // different idempotency tokens
		bodies  int // different bodies
		retries []string
		extra   url.Values
	}{
		{name: "none", fault: twiliosim.Fault{Kind: twiliosim.WebhookEarly}, arrive: 1, tokens: 1, bodies: 1, retries: []string{"0"}},
		{name: "lost", fault: twiliosim.Fault{Kind: twiliosim.WebhookLost}},
		{name: "repeated", fault: twiliosim.Fault{Kind: twiliosim.WebhookRepeated}, arrive: 2, tokens: 1, bodies: 1, retries: []string{"0", "0"}},
		{name: "repeated twice", fault: twiliosim.Fault{Kind: twiliosim.WebhookRepeated, Copies: 2}, arrive: 3, tokens: 1, bodies: 1, retries: []string{"0", "0", "0"}},
		{name: "retried twice", fault: twiliosim.Fault{Kind: twiliosim.WebhookRetried, Copies: 2}, arrive: 3, tokens: 1, bodies: 3, retries: []string{"0", "1", "2"}},
		{
			name: "new parameter", fault: twiliosim.Fault{Kind: twiliosim.WebhookUnknownParameter}, arrive: 1, tokens: 1, bodies: 1,
			retries: []string{"0"}, extra: url.Values{"ShinyNewParameter": {"its value & more"}},
		},
		{
			name: "repeated parameter", fault: twiliosim.Fault{Kind: twiliosim.WebhookRepeatedParameter}, arrive: 1, tokens: 1, bodies: 1,
			retries: []string{"0"}, extra: url.Values{"ShinyNewList": {"one", "one", "two"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, func(o *twiliosim.Options) { o.Ledger = true })
			rec := s.listen("onMessageAdded", "onParticipantAdded")
			ch := s.conversation("hooks")
			s.join(ch, phone, sender)
			s.script(one(tt.fault, "onMessageAdded"))
			s.text(phone, sender, "Hello")
			s.settle()
			tokens, bodies := map[string]bool{}, map[string]bool{}
			var retries []string
			for _, q := range rec.all() {
				tokens[q.header.Get("I-Twilio-Idempotency-Token")], bodies[q.body] = true, true
				retries = append(retries, q.form.Get("RetryCount"))
				slices.Sort(q.form["ShinyNewList"])
				for name, want := range tt.extra {
					if diff := cmp.Diff(want, q.form[name]); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
				if !signedByTwilio(rec.URL+q.uri, q) {
					t.Errorf("signature does not verify over %v", q.form)
				}
			}
			if len(rec.all()) != tt.arrive || len(tokens) != tt.tokens || len(bodies) != tt.bodies || !slices.Equal(retries, tt.retries) {
				t.Errorf("%d arrived with %d tokens, %d bodies and RetryCount %v", len(rec.all()), len(tokens), len(bodies), retries)
			}
			if n := s.FaultCounts()[tt.fault.String()]; n != 1 {
				t.Errorf("counted %v", s.FaultCounts())
			}
			attempts := facts[twiliosim.WebhookAttempt](s)
			if len(attempts) != max(tt.arrive, 1) {
				t.Fatalf("%d attempts in the ledger", len(attempts))
			}
			want := twiliosim.WebhookAttempt{
				ID: attempts[0].ID, EventType: "onMessageAdded", Scope: "account", ConversationSID: ch, MessageSID: s.Messages(ch)[0].SID,
				Status: http.StatusNoContent, Faults: []string{tt.fault.String()},
			}
			if tt.arrive == 0 {
				want.Status = 0
			}
			for _, got := range attempts {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("ledger (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// signedByTwilio checks a signature with the SDK's validator. That takes one
// value per name, so a repeated parameter is given to it the way Twilio strings
// one together: the distinct values, sorted, each behind the name.
func signedByTwilio(address string, q received) bool {
	params := map[string]string{}
	for name, values := range q.form {
		distinct := slices.Compact(slices.Sorted(slices.Values(values)))
		params[name] = distinct[0]
		for _, v := range distinct[1:] {
			params[name] += name + v
		}
	}
	validator := client.NewRequestValidator(authToken)
	return validator.Validate(address, params, q.header.Get("X-Twilio-Signature"))
}

// The classic webhook is struck under its own name.
func TestClassicWebhookTwice(t *testing.T) {
	t.Parallel()
	rec := newRecorder(t)
	s := newSim(t, func(o *twiliosim.Options) {
		o.InboundSMS = map[string]string{sender: rec.URL}
		o.Faults = one(twiliosim.Fault{Kind: twiliosim.WebhookRepeated}, twiliosim.Classic)
	})
	text := s.text(phone, sender, "Hello")
	s.settle()
	got := rec.events()
	if len(got) != 2 || got[0].Get("MessageSid") != text.ID || got[1].Get("MessageSid") != text.ID {
		t.Errorf("got %v", got)
	}
}

// Rules tell webhooks apart by what they are about: here the first of every
// receipt's every status is lost, of two messages and their first two statuses.
func TestWebhooksAreAbout(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	rec := s.listen("onDeliveryUpdated", "onMessageAdded")
	ch := s.conversation("about")
	s.join(ch, phone, sender)
	s.script(twiliosim.Faults{Webhooks: []twiliosim.Rule{{
		On: []string{"onDeliveryUpdated"}, Phones: []string{phone}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}},
	}}})
	s.sayAndSettle(ch, "one")
	s.sayAndSettle(ch, "two")
	s.text(phone, sender, "not a receipt")
	s.settle()
	s.join(s.conversation("another"), phone2, sender)
	s.sayAndSettle("another", "not to that phone")
	if diff := cmp.Diff([]string{"onMessageAdded", "onDeliveryUpdated", "onDeliveryUpdated"}, rec.types()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if n := s.FaultCounts()[string(twiliosim.WebhookLost)]; n != 4 {
		t.Errorf("%d lost, want 4", n)
	}
}

// Delayed webhooks, and copies by themselves, come out of order, none before
// its time and all within the window.
func TestDelayedWebhooks(t *testing.T) {
	t.Parallel()
	const texts = 30
	now := twiliosim.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	s := newSim(t, func(o *twiliosim.Options) { o.Now, o.Clock = nil, now })
	rec := s.listen("onMessageAdded")
	s.join(s.conversation("late"), phone, sender)
	s.script(twiliosim.Faults{Webhooks: []twiliosim.Rule{
		{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookRepeated, Copies: 2}}},
		{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookDelayed}}},
	}})
	for n := range texts {
		s.text(phone, sender, fmt.Sprint(n))
	}
	s.settle() // waits for nothing that the clock has yet to bring
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d arrived before their time", n)
	}
	now.Advance(30 * time.Second)
	s.settle()
	if n := len(rec.all()); n == 0 || n == 3*texts {
		t.Errorf("%d of %d arrived in the first half of the window", n, 3*texts)
	}
	now.Advance(30 * time.Second)
	s.settle()
	var order []int
	times := map[int]int{}
	for _, e := range rec.events() {
		index, err := strconv.Atoi(e.Get("Index"))
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, index)
		times[index]++
	}
	if len(order) != 3*texts || len(times) != texts {
		t.Errorf("%d arrived, of %d texts", len(order), len(times))
	}
	if slices.IsSorted(order) {
		t.Errorf("arrived in order: %v", order)
	}
}

// Without a Clock the delay is real and Settle waits for it.
func TestSettleWaitsForDelayed(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	rec := s.listen("onMessageAdded")
	s.join(s.conversation("late"), phone, sender)
	s.script(one(twiliosim.Fault{Kind: twiliosim.WebhookDelayed, Delay: 30 * time.Millisecond}))
	s.text(phone, sender, "Hello")
	s.settle()
	if n := len(rec.all()); n != 1 {
		t.Errorf("%d arrived before Settle returned, want 1", n)
	}
}

// What is put off does not keep Close from returning, and never comes then.
func TestCloseDropsDelayed(t *testing.T) {
	t.Parallel()
	rec := newRecorder(t)
	s, err := twiliosim.New(twiliosim.Options{
		AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}, InboundSMS: map[string]string{sender: rec.URL},
		Faults: one(twiliosim.Fault{Kind: twiliosim.WebhookDelayed, Delay: time.Hour}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Handset(phone).Text(sender, "Hello"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(within(t)); err != nil {
		t.Errorf("close: %v", err)
	}
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d webhooks arrived", n)
	}
}

// An early webhook has been answered before the call that caused it is. The
// listener looks at the call's state from inside the webhook.
func TestWebhookBeforeAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		event string
		act   func(s *sim, ch string) error
		hooks int
	}{
		{"participant", "onParticipantAdded", func(s *sim, ch string) error {
			_, err := s.api.CreateConversationParticipant(ch, binding(phone2, sender).SetXTwilioWebhookEnabled("true"))
			return err
		}, 1},
		{"receipts", "onDeliveryUpdated", func(s *sim, ch string) error { return s.sayErr(ch, "Hi") }, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, func(o *twiliosim.Options) { o.Ledger = true })
			answered := make(chan int, tt.hooks) // calls finished when a webhook comes in
			srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				answered <- len(facts[twiliosim.APICall](s))
			}))
			defer srv.Close()
			ch := s.conversation("early")
			s.join(ch, phone, sender)
			if _, err := s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).
				SetFilters([]string{tt.event}).SetPostWebhookUrl(srv.URL)); err != nil {
				t.Fatal(err)
			}
			s.script(one(twiliosim.Fault{Kind: twiliosim.WebhookEarly}, tt.event))
			before := len(facts[twiliosim.APICall](s))
			if err := tt.act(s, ch); err != nil {
				t.Fatal(err)
			}
			for range tt.hooks {
				select {
				case n := <-answered:
					if n != before {
						t.Errorf("%d calls had been answered, want %d", n, before)
					}
				default:
					t.Error("the answer came before the webhook")
				}
			}
		})
	}
}

// An early webhook that is also delayed or lost does not hold the answer back.
func TestEarlyWebhookThatDoesNotCome(t *testing.T) {
	t.Parallel()
	for _, kind := range []twiliosim.Kind{twiliosim.WebhookLost, twiliosim.WebhookDelayed} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			now := twiliosim.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
			s := newSim(t, func(o *twiliosim.Options) { o.Now, o.Clock = nil, now })
			rec := s.listen("onDeliveryUpdated")
			ch := s.conversation("early")
			s.join(ch, phone, sender)
			s.script(twiliosim.Faults{Webhooks: []twiliosim.Rule{
				{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookEarly}}},
				{Faults: []twiliosim.Fault{{Kind: kind}}},
			}})
			s.say(ch, "Hi")
			if n := len(rec.all()); n != 0 {
				t.Errorf("%d webhooks arrived", n)
			}
		})
	}
}

// A handset that writes in the middle of a call: before it, the pair is taken
// by autocreation; after it, the text's webhook comes before the call's answer.
func TestTextDuringCall(t *testing.T) {
	t.Parallel()
	for _, kind := range []twiliosim.Kind{twiliosim.TextBefore, twiliosim.TextAfter} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSim(t)
			rec := s.listen("onMessageAdded")
			if err := s.Console(false).SetAutocreate(sender, twiliosim.AutoCreation{Enabled: true}); err != nil {
				t.Fatal(err)
			}
			ch := s.conversation("ours")
			s.script(twiliosim.Faults{Calls: []twiliosim.Rule{{
				On: []string{twiliosim.RouteAddParticipant}, Faults: []twiliosim.Fault{{Kind: kind, Body: "anybody there?"}},
			}}})
			_, err := s.api.CreateConversationParticipant(ch, binding(phone, sender))
			// No settling: it must have arrived by now.
			got := rec.events()
			if len(got) != 1 || got[0].Get("Body") != "anybody there?" || got[0].Get("Author") != phone {
				t.Fatalf("webhooks %v", got)
			}
			into := got[0].Get("ConversationSid")
			switch kind {
			case twiliosim.TextBefore:
				if codeOf(err) != 50416 || into == ch {
					t.Errorf("add: %v, text went into %s (ours is %s)", err, into, ch)
				}
			case twiliosim.TextAfter:
				if err != nil || into != ch {
					t.Errorf("add: %v, text went into %s (ours is %s)", err, into, ch)
				}
			}
		})
	}
}

// Nobody can write in a call that is about nobody: nothing is played or counted.
func TestTextDuringCallAboutNobody(t *testing.T) {
	t.Parallel()
	s := newSim(t, func(o *twiliosim.Options) {
		o.Faults = twiliosim.Faults{Calls: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.TextAfter}}}}}
	})
	s.conversation("empty")
	if n := len(s.FaultCounts()); n != 0 {
		t.Errorf("counted %v", s.FaultCounts())
	}
}
