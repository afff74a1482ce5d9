//go:build storm

package main

import (
	"math/rand/v2"
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

// Row T1: a fifth of all calls goes wrong, in every way there is.
func TestStormEveryFault(t *testing.T) {
	s := newStorm(t, withLedger)
	must(t, s.sim.SetFaults(everyFault(0.2)))
	n := size("STORM_SIGNUPS", 1000)
	s.signUps(n, n, time.Duration(n)*5*time.Millisecond)
	took := s.settled(faultyTime * time.Duration(max(1, n/1000)))
	s.checkPromise()
	s.checkOracle()
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
	t.Logf("%d sign-ups settled after %v; at most %d calls at once; faults played: %v", n, took.Round(time.Millisecond), most, s.sim.FaultCounts())
}

// callsAtOnce is how many calls a replica may have under way.
const callsAtOnce = 32

// inFlight forgives a call that was on its way when Twilio asked to wait; each
// replica learns of it with its next look at the database.
const inFlight = 500 * time.Millisecond

// Row T2: a fifth of the creates are carried out and their answers lost.
func TestStormAnswersLost(t *testing.T) {
	s := newStorm(t, withLedger)
	must(t, s.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{
		On:     []string{twiliosim.RouteCreateConversation, twiliosim.RouteAddParticipant, twiliosim.RouteCreateMessage},
		Chance: 0.2,
		Faults: []twiliosim.Fault{{Kind: twiliosim.LostAnswer}, {Kind: twiliosim.CutAnswer}},
	}}}))
	n := size("STORM_SIGNUPS", 500)
	s.signUps(n, n, time.Duration(n)*3*time.Millisecond)
	took := s.settled(faultyTime)
	s.checkPromise()
	s.checkOracle()
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
	t.Logf("%d sign-ups settled after %v; %v", n, took.Round(time.Millisecond), s.sim.FaultCounts())
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
