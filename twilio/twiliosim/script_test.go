package twiliosim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// played is what a seed does to a caller who signs forty phones up, ten at a
// time in any order, with three attempts at every step: what each attempt met,
// by step.
func played(t *testing.T, seed uint64) map[string][]string {
	t.Helper()
	s := newSim(t, func(o *twiliosim.Options) {
		o.Ledger = true
		o.Seed = seed + 100 // of SIDs: must not matter
		o.Faults = twiliosim.Faults{Seed: seed, Calls: []twiliosim.Rule{{
			On: []string{"POST"}, Chance: 0.3,
			Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}, {Kind: twiliosim.ServerError}, {Kind: twiliosim.LateError}},
		}}}
	})
	var all sync.WaitGroup
	for worker := range 10 {
		all.Go(func() {
			for n := range 4 {
				who := worker*4 + n
				to, name := fmt.Sprintf("+1555123%04d", who), fmt.Sprintf("textme-%d", who)
				for range 3 {
					_, _ = s.api.CreateConversation((&conv.CreateConversationParams{}).SetUniqueName(name))
					_, _ = s.api.CreateConversationParticipant(name, binding(to, sender))
				}
			}
		})
	}
	all.Wait()
	out := map[string][]string{}
	for _, c := range facts[twiliosim.APICall](s) {
		key := c.Route + " " + c.Phone + " " + c.Conversation
		out[key] = append(out[key], c.Fault)
	}
	return out
}

// One seed plays one run, whatever order the calls come in; another seed plays
// another.
func TestSeedDecides(t *testing.T) {
	t.Parallel()
	first := played(t, 7)
	if diff := cmp.Diff(first, played(t, 7)); diff != "" {
		t.Errorf("the same seed played differently (-first +second):\n%s", diff)
	}
	if cmp.Equal(first, played(t, 8)) {
		t.Error("another seed played the same")
	}
	faults, calls := 0, 0
	for attempts := range maps.Values(first) {
		for _, fault := range attempts {
			calls++
			if fault != "" {
				faults++
			}
		}
	}
	if calls != 240 || faults == 0 {
		t.Errorf("%d faults in %d calls: the test shows nothing", faults, calls)
	}
}

// The share that is struck is the one asked for, and so is the mixture.
func TestChance(t *testing.T) {
	t.Parallel()
	s := newSim(t, func(o *twiliosim.Options) {
		o.Faults = twiliosim.Faults{Seed: 3, Calls: []twiliosim.Rule{{
			Chance: 0.2, Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}, {Kind: twiliosim.BadGateway}},
		}}}
	})
	const calls = 2000
	for n := range calls {
		do(t, s, "GET", fmt.Sprintf("/v1/Conversations/c%d", n), "")
	}
	// Within four standard deviations of a binomial.
	for kind, n := range s.FaultCounts() {
		if n < 150 || n > 250 {
			t.Errorf("%s struck %d times of %d, want about 200", kind, n, calls)
		}
	}
	if n := len(s.FaultCounts()); n != 2 {
		t.Errorf("%d kinds played, want 2", n)
	}
}

// When and where a rule strikes.
func TestRules(t *testing.T) {
	t.Parallel()
	busy := []twiliosim.Fault{{Kind: twiliosim.Busy}}
	tests := []struct {
		name string
		rule twiliosim.Rule
		want string // of each of four attempts for phone, then for phone2: x struck, . not
	}{
		{"always", twiliosim.Rule{}, "xxxx xxxx"},
		{"first", twiliosim.Rule{First: 2}, "xx.. xx.."},
		{"every", twiliosim.Rule{Every: 2}, ".x.x .x.x"},
		{"first and every", twiliosim.Rule{First: 2, Every: 2}, ".x.. .x.."},
		{"limit", twiliosim.Rule{Limit: 3}, "xxx. ...."},
		{"this route", twiliosim.Rule{On: []string{twiliosim.RouteAddParticipant}, Limit: 1}, "x... ...."},
		{"another route", twiliosim.Rule{On: []string{twiliosim.RouteCreateMessage}}, ".... ...."},
		{"this method", twiliosim.Rule{On: []string{"POST"}, First: 1}, "x... x..."},
		{"another method", twiliosim.Rule{On: []string{"GET", "DELETE"}}, ".... ...."},
		{"one phone", twiliosim.Rule{Phones: []string{phone2}, First: 3}, ".... xxx."},
		{"another phone", twiliosim.Rule{Phones: []string{"+15550000000"}}, ".... ...."},
		{"the sender", twiliosim.Rule{Senders: []string{sender}, First: 1}, "x... x..."},
		{"another sender", twiliosim.Rule{Senders: []string{sender2}}, ".... ...."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t)
			ch := s.conversation("rules")
			tt.rule.Faults = busy
			s.script(twiliosim.Faults{Calls: []twiliosim.Rule{tt.rule}})
			var got strings.Builder
			for _, to := range []string{phone, phone2} {
				for range 4 {
					_, err := s.api.CreateConversationParticipant(ch, binding(to, sender))
					got.WriteByte(".x"[btoi(codeOf(err) == 20429)])
				}
				got.WriteByte(' ')
			}
			if strings.TrimSpace(got.String()) != tt.want {
				t.Errorf("struck %q, want %q", got.String(), tt.want)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// What a call is about, by which rules aim, is also known where the call itself
// does not say so.
func TestCallsAreAbout(t *testing.T) {
	t.Parallel()
	s := newSim(t, func(o *twiliosim.Options) { o.Ledger = true })
	ch := s.conversation("about")
	s.join(ch, phone, sender)
	s.say("about", "by name")
	is := s.ServiceSID()
	if _, err := s.api.CreateServiceConversationMessage(is, ch, (&conv.CreateServiceConversationMessageParams{}).SetBody("by service")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.ListParticipantConversation((&conv.ListParticipantConversationParams{}).SetAddress(phone).SetLimit(1)); err != nil {
		t.Fatal(err)
	}
	s.join(ch, phone2, sender2)
	s.say(ch, "to two, so about none")
	if _, err := s.api.FetchConversation("gone"); codeOf(err) != 20404 {
		t.Fatal(err)
	}
	type about struct{ Route, Phone, Sender, Conversation string }
	var got []about
	for _, c := range facts[twiliosim.APICall](s) {
		got = append(got, about{c.Route, c.Phone, c.Sender, c.Conversation})
	}
	want := []about{
		{twiliosim.RouteCreateConversation, "", "", "about"},
		{twiliosim.RouteAddParticipant, phone, sender, "about"},
		{twiliosim.RouteCreateMessage, phone, sender, "about"},
		{twiliosim.RouteCreateMessage, phone, sender, "about"},
		{twiliosim.RouteFindConversations, phone, "", ""},
		{twiliosim.RouteAddParticipant, phone2, sender2, "about"},
		{twiliosim.RouteCreateMessage, "", "", "about"},
		{twiliosim.RouteFetchConversation, "", "", "gone"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// A script that cannot strike, or not as it says, is refused and the one before
// it stays.
func TestScriptIsRefused(t *testing.T) {
	t.Parallel()
	busy := []twiliosim.Fault{{Kind: twiliosim.Busy}}
	lost := []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}
	call := func(r twiliosim.Rule) twiliosim.Faults { return twiliosim.Faults{Calls: []twiliosim.Rule{r}} }
	hook := func(r twiliosim.Rule) twiliosim.Faults { return twiliosim.Faults{Webhooks: []twiliosim.Rule{r}} }
	tests := []struct {
		name   string
		script twiliosim.Faults
		want   string
	}{
		{"no faults", call(twiliosim.Rule{}), "call rule 0: no faults"},
		{"route that is none", call(twiliosim.Rule{On: []string{"POST /v1/Cars"}, Faults: busy}), `nothing is called "POST /v1/Cars"`},
		{"event in a call rule", call(twiliosim.Rule{On: []string{"onMessageAdded"}, Faults: busy}), "nothing is called"},
		{"route in a webhook rule", hook(twiliosim.Rule{On: []string{twiliosim.RouteCreateMessage}, Faults: lost}), "webhook rule 0: nothing is called"},
		{"webhook's kind in a call rule", call(twiliosim.Rule{Faults: lost}), `no fault "webhook lost" here`},
		{"call's kind in a webhook rule", hook(twiliosim.Rule{Faults: busy}), `no fault "429 20429" here`},
		{"chance above one", call(twiliosim.Rule{Chance: 1.5, Faults: busy}), "a chance of 1.5"},
		{"chance below nought", call(twiliosim.Rule{Chance: -0.1, Faults: busy}), "a chance of -0.1"},
		{"negative count", call(twiliosim.Rule{First: -1, Faults: busy}), "a negative count"},
		{"refusal without a code", call(twiliosim.Rule{Faults: []twiliosim.Fault{{Kind: twiliosim.Refusal}}}), `fault "refusal" with code 0`},
		{"code without a refusal", call(twiliosim.Rule{Faults: []twiliosim.Fault{{Kind: twiliosim.Busy, Code: 50407}}}), `with code 50407`},
		{"negative delay", call(twiliosim.Rule{Faults: []twiliosim.Fault{{Kind: twiliosim.LateCommit, Delay: -1}}}), "something negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, func(o *twiliosim.Options) { o.Faults = call(twiliosim.Rule{Faults: busy}) })
			if err := s.SetFaults(tt.script); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if _, err := s.api.FetchConfiguration(); codeOf(err) != 20429 {
				t.Errorf("after the refused script: %v, want the one before it", err)
			}
			_, err := twiliosim.New(twiliosim.Options{AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}, Faults: tt.script})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New: got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// A script is replaced while calls come in, and ended by the zero script.
func TestScriptIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	stop := make(chan struct{})
	var codes sync.Map
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				_, err := s.api.FetchConfiguration()
				codes.Store(codeOf(err), true)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	seen := func(code int) func() bool {
		return func() bool { _, ok := codes.Load(code); return ok }
	}
	for _, code := range []int{50391, 50419} {
		kind := map[int]twiliosim.Kind{50391: twiliosim.ConversationConflict, 50419: twiliosim.MemberConflict}[code]
		s.script(twiliosim.Faults{Calls: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: kind}}}}})
		for n := 0; !seen(code)(); n++ {
			if _, err := s.api.FetchConfiguration(); codeOf(err) != code {
				t.Fatalf("call %d under the new script: %v, want %d", n, err, code)
			}
		}
	}
	var setters sync.WaitGroup
	for range 4 {
		setters.Go(func() {
			err := s.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{On: []string{"GET"}, Chance: 0.1, Faults: []twiliosim.Fault{{Kind: twiliosim.MemberConflict}}}}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	setters.Wait()
	s.script(twiliosim.Faults{})
	close(stop)
	all.Wait()
	if _, err := s.api.FetchConfiguration(); err != nil {
		t.Errorf("after the end of the script: %v", err)
	}
	if got := slices.Sorted(maps.Keys(s.FaultCounts())); len(got) != 2 {
		t.Errorf("counted %v", got)
	}
}
