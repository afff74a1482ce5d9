package chat

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
)

// record is a whyStore that knows one person.
type record struct {
	past Past
	a    Admission
	f    GateFacts
}

func (r record) Past(context.Context, Phone) (Past, error)                  { return r.past, nil }
func (r record) Admission(context.Context, Conversation) (Admission, error) { return r.a, nil }
func (r record) SendFacts(context.Context, uuid.UUID) (GateFacts, error)    { return r.f, nil }

func objecting(r Ruling) (rules []string) {
	for _, c := range r.Rules {
		if c.Objects {
			rules = append(rules, c.Rule)
		}
	}
	return rules
}

func TestExplainNow(t *testing.T) {
	t.Parallel()
	const phone, sender = Phone("+14155550142"), Phone("+15005550006")
	now := time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC) // 00:30 in San Francisco
	quiet, err := ParseQuietHours("21:00-08:00")
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	fine := GateFacts{Phone: phone, State: Active, Handler: BotHandler, Consented: true, LastAct: now}
	open := PastConversation{ID: id, Sender: sender, State: Active}
	closed := PastConversation{ID: uuid.New(), Sender: sender, State: Closed}
	failed := PastConversation{ID: id, Sender: sender, State: Failed, FailedAt: new(now.Add(-time.Hour))}
	for name, tt := range map[string]struct {
		conversations []PastConversation
		opts          Options
		a             Admission
		change        func(*GateFacts)
		signup, text  string // the verdicts; text "" for no open conversation
		objects       []string
		until         time.Time // of the last rule that objects
	}{
		"all well": {
			conversations: []PastConversation{open}, signup: "passed every rule and gets the welcome text", text: "would be sent",
		},
		"closed only": {
			conversations: []PastConversation{closed}, signup: "passed every rule and gets the welcome text",
		},
		"closed, then open": {
			conversations: []PastConversation{closed, open}, a: Admission{Admitted: true},
			signup: "the person is in the conversation already: no second welcome text", text: "would be sent", objects: []string{"first sign-up"},
		},
		"failed an hour ago": {
			conversations: []PastConversation{failed}, a: Admission{Admitted: true}, opts: Options{RetryFailedAfter: 24 * time.Hour},
			change: func(f *GateFacts) { f.State = Failed },
			signup: "the number, or Twilio, refused for good", text: "would wait: the conversation is not active",
			objects: []string{"earlier failure", "first sign-up", "conversation"},
		},
		"failed long enough ago": {
			conversations: []PastConversation{failed}, a: Admission{Admitted: true}, opts: Options{RetryFailedAfter: time.Minute},
			change: func(f *GateFacts) { f.State = Failed },
			signup: "passed every rule and gets the welcome text", text: "would wait: the conversation is not active",
			objects: []string{"conversation"},
		},
		"welcomed elsewhere": {
			conversations: []PastConversation{closed}, a: Admission{LastWelcome: now.Add(-time.Hour)}, opts: Options{WelcomeEvery: 24 * time.Hour},
			signup: "recorded, but not texted: a cap was reached", objects: []string{"welcome cap"}, until: now.Add(23 * time.Hour),
		},
		"a region not served": {
			conversations: []PastConversation{closed}, opts: Options{Regions: []string{"GB"}},
			signup: "refused by policy: not a number that is texted", objects: []string{"policy"},
		},
		"an agent has it": {
			conversations: []PastConversation{open}, change: func(f *GateFacts) { f.Handler = AgentHandler },
			signup: "passed every rule and gets the welcome text", text: "would be sent, but an agent has the conversation and the bot is silent",
		},
		"paused": {
			conversations: []PastConversation{open}, change: func(f *GateFacts) { f.Paused = "wrong credentials" },
			signup: "passed every rule and gets the welcome text", text: "would wait: wrong credentials", objects: []string{"pause"}, until: now.Add(time.Minute),
		},
		"night, and opted out": {
			conversations: []PastConversation{open}, opts: Options{Quiet: quiet}, a: Admission{OptedOut: true},
			change: func(f *GateFacts) { f.OptedOut, f.LastAct = true, now.Add(-time.Hour) },
			signup: "recorded, but not texted: the person said STOP", text: "would not be sent: the person replied STOP",
			objects: []string{"opt-out", "opt-out", "quiet hours"}, until: time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record{past: Past{CustomerID: uuid.New(), Conversations: tt.conversations}, a: tt.a, f: fine}
			if tt.change != nil {
				tt.change(&r.f)
			}
			if tt.opts.Regions == nil {
				tt.opts.Regions = []string{"US"}
			}
			why, err := Explain(t.Context(), r, tt.opts, now, phone)
			if err != nil {
				t.Fatal(err)
			}
			if len(why.Now) != 1 {
				t.Fatalf("there are %d standings, want 1", len(why.Now))
			}
			got := why.Now[0]
			if got.Signup.Verdict != tt.signup {
				t.Errorf("a sign-up: %s, want %s", got.Signup.Verdict, tt.signup)
			}
			checks := got.Signup.Rules
			text, objects := "", objecting(got.Signup)
			if got.Text != nil {
				text, objects, checks = got.Text.Verdict, append(objects, objecting(*got.Text)...), append(checks, got.Text.Rules...)
			}
			if text != tt.text {
				t.Errorf("a text: %s, want %s", text, tt.text)
			}
			if len(objects) != len(tt.objects) {
				t.Fatalf("%q object, want %q", objects, tt.objects)
			}
			for i := range objects {
				if objects[i] != tt.objects[i] {
					t.Fatalf("%q object, want %q", objects, tt.objects)
				}
			}
			var until time.Time
			for _, c := range checks {
				if c.Says == "" {
					t.Errorf("the rule %s says nothing", c.Rule)
				}
				if c.Objects && c.Until != nil {
					until = *c.Until
				}
			}
			if !tt.until.IsZero() && !until.Equal(tt.until) {
				t.Errorf("the rule objects until %v, want %v", until, tt.until)
			}
		})
	}
}

// An opt-out outlives the person's erasure, and is enough to be on record.
func TestExplainNeedsSomethingOnRecord(t *testing.T) {
	t.Parallel()
	if _, err := Explain(t.Context(), record{}, Options{}, time.Now(), "+14155550142"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing on record gives %v, want ErrNotFound", err)
	}
	why, err := Explain(t.Context(), record{past: Past{OptOuts: []PastOptOut{{Via: "text"}}}}, Options{}, time.Now(), "+14155550142")
	if err != nil || len(why.OptOuts) != 1 {
		t.Errorf("an opt-out on record gives %+v, %v", why, err)
	}
}

func TestEveryOutcomeHasAMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]Outcome{}
	for _, o := range []Outcome{"", Admitted, Joined, OptedOut, Refused, Capped, Unconfirmed, SignupFailed} {
		if other, twice := seen[o.meaning()]; twice {
			t.Errorf("%q and %q mean the same: %s", o, other, o.meaning())
		}
		seen[o.meaning()] = o
	}
}
