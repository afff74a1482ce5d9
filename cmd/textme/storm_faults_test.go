//go:build storm

package main

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"textme/twilio/twiliosim"
)

// shortHang is how long the simulator keeps a caller waiting: longer than a
// storm's call may take.
const shortHang = 3 * time.Second

// everyFault is row T1's mixture: each call meets one with the given chance.
func everyFault(chance float64) twiliosim.Faults {
	return twiliosim.Faults{Calls: []twiliosim.Rule{{Chance: chance, Faults: []twiliosim.Fault{
		{Kind: twiliosim.Busy},
		{Kind: twiliosim.Busy, RetryAfter: time.Second},
		{Kind: twiliosim.BusyBare},
		{Kind: twiliosim.BusyService},
		{Kind: twiliosim.ServerError},
		{Kind: twiliosim.BadGateway},
		{Kind: twiliosim.Unavailable},
		{Kind: twiliosim.LargeError},
		{Kind: twiliosim.NullAnswer},
		{Kind: twiliosim.EmptyAnswer},
		{Kind: twiliosim.Reset},
		{Kind: twiliosim.Hang, Hang: shortHang},
		{Kind: twiliosim.LostAnswer},
		{Kind: twiliosim.CutAnswer},
		{Kind: twiliosim.LateError},
		{Kind: twiliosim.LateGateway},
		{Kind: twiliosim.LateNull},
		{Kind: twiliosim.LateEmpty},
		{Kind: twiliosim.SlowAnswer, Hang: shortHang},
		{Kind: twiliosim.LateCommit, Hang: shortHang, Delay: 200 * time.Millisecond},
	}}, {
		On: []string{twiliosim.RouteCreateConversation}, Chance: chance / 10, Faults: []twiliosim.Fault{{Kind: twiliosim.ConversationConflict}},
	}, {
		On: []string{twiliosim.RouteAddParticipant}, Chance: chance / 10,
		Faults: []twiliosim.Fault{{Kind: twiliosim.MemberConflict}, {Kind: twiliosim.PairOfDeleted}, {Kind: twiliosim.PairUnnamed}},
	}}}
}

// withLedger keeps the oracle. Polling is off: every call is a sign-up's.
func withLedger(opts *twiliosim.Options, env map[string]string) {
	opts.Ledger = true
	env["RECONCILE_EVERY"] = "off"
}

// Row T1: a fifth of all calls goes wrong, in every way there is. Where replicas do not
// tell each other of a Retry-After, a thousand calls are too early; where errors of
// Twilio's own count as refusals, every tenth sign-up fails. The cap on calls is never come
// to here, with as many workers: TestCapFallsAndGrows, in twilio, has it.
func TestStormEveryFault(t *testing.T) {
	s := newStorm(t, withLedger)
	faults := everyFault(0.2)
	must(t, s.sim.SetFaults(faults))
	n := size("STORM_SIGNUPS", 1000)
	s.signUps(n, n, time.Duration(n)*5*time.Millisecond)
	took := s.settled(faultyTime * time.Duration(max(1, n/1000)))
	s.checkPromise()
	s.checkOracle()
	played := s.sim.FaultCounts()
	for _, f := range faults.Calls[0].Faults {
		if played[f.String()] == 0 {
			t.Errorf("no call met with %q: the test proves nothing", f)
		}
	}
	for _, rule := range faults.Calls[1:] { // so rare that one of them has to do
		if !slices.ContainsFunc(rule.Faults, func(f twiliosim.Fault) bool { return played[f.String()] > 0 }) {
			t.Errorf("no call met with any of %v: the test proves nothing", rule.Faults)
		}
	}
	var early []twiliosim.EarlyCall
	for _, call := range s.sim.Traffic().Early {
		if call.Since > inFlight {
			early = append(early, call)
		}
	}
	if len(early) > 0 {
		t.Errorf("%d calls were begun inside a Retry-After window: %v", len(early), early)
	}
	most := s.sim.Traffic().MaxConcurrent
	if most > len(s.replicas)*callsAtOnce {
		t.Errorf("%d calls were under way at once, want %d for each of %d replicas at the most", most, callsAtOnce, len(s.replicas))
	}
	var givenUp int
	must(t, s.db.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE state = 'discarded'`).Scan(&givenUp))
	if givenUp > 0 {
		t.Errorf("%d jobs were given up", givenUp)
	}
	t.Logf("%d sign-ups settled after %v; at most %d calls at once; faults played: %v", n, took.Round(time.Millisecond), most, played)
}

// callsAtOnce is how many calls a replica may have under way.
const callsAtOnce = 32

// inFlight forgives a call that was on its way when Twilio asked to wait; each
// replica learns of it with its next look at the database.
const inFlight = 500 * time.Millisecond

// Row T2: a fifth of the creates are carried out and their answers lost.
func TestStormAnswersLost(t *testing.T) {
	s := newStorm(t, withLedger)
	rule := twiliosim.Rule{
		On:     []string{twiliosim.RouteCreateConversation, twiliosim.RouteAddParticipant, twiliosim.RouteCreateMessage},
		Chance: 0.2,
		Faults: []twiliosim.Fault{{Kind: twiliosim.LostAnswer}, {Kind: twiliosim.CutAnswer}},
	}
	must(t, s.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{rule}}))
	n := size("STORM_SIGNUPS", 500)
	s.signUps(n, n, time.Duration(n)*3*time.Millisecond)
	took := s.settled(faultyTime)
	s.checkPromise()
	s.checkOracle()
	lost := map[string]int{}
	for _, e := range s.sim.Ledger() {
		if call, ok := e.Fact.(twiliosim.APICall); ok {
			lost[call.Route+": "+call.Fault]++
		}
	}
	for _, route := range rule.On {
		for _, f := range rule.Faults {
			if what := route + ": " + f.String(); lost[what] == 0 {
				t.Errorf("never %q: the test proves nothing", what)
			}
		}
	}
	t.Logf("%d sign-ups settled after %v; %v", n, took.Round(time.Millisecond), s.sim.FaultCounts())
}

// Rows C1 and T2 at once: killed while answers are being lost.
func TestStormKillsAndFaults(t *testing.T) {
	s := newStorm(t, withLedger)
	must(t, s.sim.SetFaults(everyFault(0.1)))
	kills, n := size("STORM_KILLS", 50)/5, size("STORM_SIGNUPS", 2000)/5
	random := rand.New(rand.NewPCG(s.seed, 2))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.signUps(n, n*7/10, time.Duration(kills)*time.Second)
	}()
	for range kills {
		wait := time.NewTimer(time.Duration(random.Int64N(int64(time.Second))))
		<-wait.C
		s.kill(random.IntN(len(s.replicas)))
	}
	<-done
	took := s.settled(faultyTime)
	s.checkPromise()
	s.checkOracle()
	t.Logf("%d kills, %d sign-ups, settled %v after the last; %v", kills, n, took.Round(time.Millisecond), s.sim.FaultCounts())
}

// Row W4: the person writes before our call about them is answered, so that
// webhooks arrive ahead of what they are about.
func TestStormWebhooksFirst(t *testing.T) {
	s := newStorm(t, withLedger)
	must(t, s.sim.SetFaults(twiliosim.Faults{
		Calls: []twiliosim.Rule{{
			On: []string{twiliosim.RouteAddParticipant}, First: 1,
			Faults: []twiliosim.Fault{{Kind: twiliosim.TextBefore, Body: "HELP"}, {Kind: twiliosim.TextAfter, Body: "HELP"}},
		}},
		Webhooks: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookEarly}}}},
	}))
	n := size("STORM_SIGNUPS", 500)
	s.signUps(n, n, time.Duration(n)*3*time.Millisecond)
	took := s.settled(faultyTime)
	s.checkPromise()
	s.checkOracle()
	played := s.sim.FaultCounts()
	for _, kind := range []twiliosim.Kind{twiliosim.TextBefore, twiliosim.TextAfter} {
		if played[string(kind)] == 0 {
			t.Errorf("there was no %q: the test proves nothing", kind)
		}
	}
	first := s.heardFirst()
	if first < n*9/10 { // on a busy machine one may be answered late
		t.Errorf("of %d texts we had heard %d before our call was answered: the test proves too little", n, first)
	}
	t.Logf("%d sign-ups settled after %v; %d texts heard before our call was answered; %v", n, took.Round(time.Millisecond), first, played)
}

// heardFirst sees that the one text of each number is in the transcript, once, of the
// conversation it was said in, and counts those which webhooks had brought by when the
// call was answered that they came in on.
func (s *storm) heardFirst() (first int) {
	s.t.Helper()
	var phone, place string
	heard := map[string][]string{}
	s.each(`SELECT phone, concat_ws('/', conversation_sid, message_sid) FROM messages m JOIN conversations c ON c.id = conversation_id
		JOIN customers k ON k.id = customer_id WHERE direction = 'in'`, []any{&phone, &place}, func() { heard[phone] = append(heard[phone], place) })
	pairs := s.sim.Oracle().Pairs
	for pair, h := range pairs {
		var said []string
		for _, text := range h.Inbound {
			said = append(said, text.ConversationSID+"/"+text.MessageSID)
		}
		if len(said) != 1 || !slices.Equal(heard[pair.Phone], said) {
			s.fail("%s said %q, the transcript has %q, want one and the same", pair.Phone, said, heard[pair.Phone])
		}
	}
	brought := map[string]bool{} // by message SID
	for _, e := range s.sim.Ledger() {
		switch fact := e.Fact.(type) {
		case twiliosim.WebhookAttempt:
			if fact.EventType == "onMessageAdded" && fact.Status == http.StatusNoContent {
				brought[fact.MessageSID] = true
			}
		case twiliosim.APICall:
			if fact.Fault != string(twiliosim.TextBefore) && fact.Fault != string(twiliosim.TextAfter) {
				continue
			}
			for _, text := range pairs[twiliosim.Pair{Phone: fact.Phone, Sender: fact.Sender}].Inbound {
				if brought[text.MessageSID] {
					first++
				}
			}
		}
	}
	return first
}

// checkOracle asks the simulator's ledger: everybody was bound in one
// conversation that lives, had one participant, and no conversation is empty.
func (s *storm) checkOracle() {
	s.t.Helper()
	o := s.sim.Oracle()
	for pair, h := range o.Pairs {
		if len(h.Live) != 1 || len(h.Present) != 1 {
			s.fail("%s: %d live conversations, %d participants in them, want 1 and 1", pair.Phone, len(h.Live), len(h.Present))
		}
		recorded := map[string]int{}
		for _, text := range h.Outbound {
			recorded[text.MessageSID]++
		}
		if len(recorded) != 1 {
			s.fail("%s: %d texts were posted, want the welcome alone", pair.Phone, len(recorded))
		}
	}
	if !s.discarding(o.Orphans) {
		s.fail("%d conversations have nobody in them, and some of them nobody discards", len(o.Orphans))
	}
}
