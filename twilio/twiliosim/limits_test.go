package twiliosim_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// noon is where tests' clocks begin: a whole second.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newClockSim is a simulator on a Clock.
func newClockSim(t *testing.T, change ...func(*twiliosim.Options)) (*sim, *twiliosim.Clock) {
	t.Helper()
	now := twiliosim.NewClock(noon)
	return newSim(t, append(change, func(o *twiliosim.Options) { o.Now, o.Clock = nil, now })...), now
}

// A budget lets its number through at once and refills with the clock; what
// goes over is refused and not carried out; other budgets are not touched.
func TestCreatesPerSecond(t *testing.T) {
	t.Parallel()
	s, now := newClockSim(t, func(o *twiliosim.Options) {
		o.Limits = twiliosim.Limits{CreatesPerSecond: 3, RetryAfter: 1500 * time.Millisecond}
	})
	other, err := s.api.CreateService((&conv.CreateServiceParams{}).SetFriendlyName("other"))
	if err != nil {
		t.Fatal(err)
	}
	create := func() answer { return s.post("/v1/Conversations", nil, time.Minute) }
	for n := range 3 {
		if got := create(); got.status != 201 {
			t.Fatalf("create %d within the budget: %+v", n, got)
		}
	}
	if got := create(); got.status != 429 || got.wait != "2" || !strings.Contains(got.body, `"code":50063`) {
		t.Errorf("over the budget: %+v", got)
	}
	if got := s.post("/v1/Services/"+*other.Sid+"/Conversations", nil, time.Minute); got.status != 201 {
		t.Errorf("another service: %+v", got)
	}
	if _, err := s.api.ListConversation(&conv.ListConversationParams{}); err != nil {
		t.Errorf("a read: %v", err)
	}
	now.Advance(334 * time.Millisecond)
	if got := create(); got.status != 201 {
		t.Errorf("after a third of a second: %+v", got)
	}
	if err := s.api.DeleteConversation(s.Conversations()[0].SID, nil); codeOf(err) != 50063 {
		t.Errorf("a delete counts too: %v", err)
	}
	if n := len(s.Conversations()); n != 5 {
		t.Errorf("%d conversations, want 5", n)
	}
	if diff := cmp.Diff(map[string]int{"limit 50063": 2}, s.FaultCounts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if err := s.SetLimits(twiliosim.Limits{}); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		if got := create(); got.status != 201 {
			t.Fatalf("create %d without limits: %+v", n, got)
		}
	}
}

func TestPerConversation(t *testing.T) {
	t.Parallel()
	s, now := newClockSim(t)
	ch, ch2 := s.conversation("one"), s.conversation("two")
	if err := s.SetLimits(twiliosim.Limits{PerConversation: 2}); err != nil {
		t.Fatal(err)
	}
	mb := s.join(ch, phone, sender)
	im := s.say(ch, "in the budget")
	over := map[string]error{
		"message":            s.sayErr(ch, "over"),
		"message delete":     s.api.DeleteConversationMessage(ch, im, nil),
		"participant delete": s.api.DeleteConversationParticipant(ch, mb, nil),
		"conversation update": func() error {
			_, err := s.api.UpdateConversation("one", (&conv.UpdateConversationParams{}).SetFriendlyName("x"))
			return err
		}(),
	}
	for what, err := range over {
		if codeOf(err) != 50074 {
			t.Errorf("%s: %v, want 50074", what, err)
		}
	}
	free := map[string]error{
		"another conversation": s.sayErr(ch2, "free"),
		"read": func() error {
			_, err := s.api.ListConversationMessage(ch, &conv.ListConversationMessageParams{})
			return err
		}(),
		"scoped webhook": func() error {
			_, err := s.api.CreateConversationScopedWebhook(ch, (&conv.CreateConversationScopedWebhookParams{}).
				SetTarget("webhook").SetConfigurationUrl("http://127.0.0.1:9/"))
			return err
		}(),
	}
	for what, err := range free {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	now.Advance(500 * time.Millisecond)
	if err := s.sayErr(ch, "again"); err != nil {
		t.Errorf("after half a second: %v", err)
	}
	if err := s.sayErr("gone", "nobody"); codeOf(err) != 20404 {
		t.Errorf("no such conversation: %v, want 20404", err)
	}
}

func TestMaxConcurrent(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	if err := s.SetLimits(twiliosim.Limits{MaxConcurrent: 2}); err != nil {
		t.Fatal(err)
	}
	s.script(twiliosim.Faults{Calls: []twiliosim.Rule{{
		On: []string{twiliosim.RouteCreateConversation}, Faults: []twiliosim.Fault{{Kind: twiliosim.Hang}},
	}}})
	hung := make(chan answer)
	for n := range 2 {
		go func() { hung <- s.post("/v1/Conversations", url.Values{"UniqueName": {"hangs"}}, 300*time.Millisecond) }()
		s.until(func() bool { return s.FaultCounts()[string(twiliosim.Hang)] == n+1 })
		if n > 0 {
			break
		}
		if _, err := s.api.FetchConfiguration(); err != nil {
			t.Errorf("second call at a time: %v", err)
		}
	}
	if _, err := s.api.FetchConfiguration(); codeOf(err) != 20429 {
		t.Errorf("third call at a time: %v, want 20429", err)
	}
	for range 2 {
		if got := <-hung; got.err == nil {
			t.Errorf("a call that hangs: %+v", got)
		}
	}
	s.until(func() bool { _, err := s.api.FetchConfiguration(); return err == nil })
	traffic := s.Traffic()
	if traffic.MaxConcurrent != 3 || traffic.Throttled == 0 {
		t.Errorf("traffic %+v", traffic)
	}
}

func TestLimitsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	for name, l := range map[string]twiliosim.Limits{
		"creates":      {CreatesPerSecond: -1},
		"conversation": {PerConversation: -1},
		"concurrent":   {MaxConcurrent: -1},
		"retry":        {RetryAfter: -1},
	} {
		if err := s.SetLimits(l); err == nil {
			t.Errorf("%s: a negative limit was taken", name)
		}
		if _, err := twiliosim.New(twiliosim.Options{AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}, Limits: l}); err == nil {
			t.Errorf("%s: New took a negative limit", name)
		}
	}
}

// Calls inside a Retry-After window are counted, with how far in they came and
// whether they had been told themselves.
func TestEarlyCalls(t *testing.T) {
	t.Parallel()
	s, now := newClockSim(t)
	s.script(twiliosim.Faults{Calls: []twiliosim.Rule{{
		On: []string{twiliosim.RouteCreateConversation}, Limit: 1,
		Faults: []twiliosim.Fault{{Kind: twiliosim.Busy, RetryAfter: 30 * time.Second}},
	}, {
		On: []string{twiliosim.RouteDeleteConversation}, Limit: 1,
		Faults: []twiliosim.Fault{{Kind: twiliosim.Unavailable, RetryAfter: 10 * time.Second}},
	}}})
	const read = "GET /v1/Configuration"
	create := func() { s.post("/v1/Conversations", nil, time.Minute) }
	fetch := func() { do(t, s, "GET", "/v1/Configuration", "") }
	fetch()
	create() // told to wait until 30
	now.Advance(10 * time.Second)
	create()
	now.Advance(5 * time.Second)
	do(t, s, "DELETE", "/v1/Conversations/x", "") // told to wait until 25
	now.Advance(5 * time.Second)
	fetch()
	create()
	now.Advance(10 * time.Second)
	create()
	fetch()
	want := []twiliosim.EarlyCall{
		{Route: twiliosim.RouteCreateConversation, Since: 10 * time.Second, SinceOwn: 10 * time.Second},
		{Route: twiliosim.RouteDeleteConversation, Since: 15 * time.Second},
		{Route: read, Since: 20 * time.Second},
		{Route: twiliosim.RouteCreateConversation, Since: 20 * time.Second, SinceOwn: 20 * time.Second},
	}
	traffic := s.Traffic()
	if diff := cmp.Diff(want, traffic.Early); diff != "" {
		t.Errorf("early calls (-want +got):\n%s", diff)
	}
	if traffic.Calls != 8 || traffic.Throttled != 1 || traffic.MaxConcurrent != 1 {
		t.Errorf("traffic %+v", traffic)
	}
}

// How a service's budget was used.
func TestBudget(t *testing.T) {
	t.Parallel()
	s, now := newClockSim(t, func(o *twiliosim.Options) { o.Limits = twiliosim.Limits{CreatesPerSecond: 5} })
	for second := range 3 {
		for n := range 7 - 2*second {
			s.post("/v1/Conversations", url.Values{"UniqueName": {fmt.Sprint(second, n)}}, time.Minute)
		}
		now.Advance(time.Second)
	}
	want := map[string]twiliosim.Budget{s.ServiceSID(): {Actions: 13, PeakPerSecond: 5, First: noon, Last: noon.Add(2 * time.Second)}}
	if diff := cmp.Diff(want, s.Traffic().Services); diff != "" {
		t.Errorf("budgets (-want +got):\n%s", diff)
	}
	if traffic := s.Traffic(); traffic.PeakPerSecond != 7 || traffic.Throttled != 2 {
		t.Errorf("traffic %+v", traffic)
	}
}
