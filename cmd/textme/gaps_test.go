package main

import (
	"strings"
	"testing"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// Twilio's indexes have true gaps: nothing waits for a text that never was, and one
// that was lost in such a gap is found before the bot answers past it.
func TestTrueGaps(t *testing.T) {
	t.Parallel()
	s := newStoryAt(t, func(o *twiliosim.Options) { o.IndexStep, o.Ledger = 3, true })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	questions := 0
	asks := func(phone chat.Phone, question, answer string) {
		t.Helper()
		questions++
		s.says(phone, question)
		s.gets(phone, answer)
		s.settled()
	}
	for _, phone := range []chat.Phone{ann, bob} { // his conversation is of Twilio's making
		asks(phone, "HOURS", "open Mon-Fri 9-6")
		asks(phone, "PRICES", "City bike")
		asks(phone, "ADDRESS", "12 Pier Road")
	}
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{
		On: []string{chat.MessageAdded}, Limit: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}},
	}}}))
	s.says(ann, "STOP")
	s.until("that webhook is lost", func() bool { return s.sim.FaultCounts()[string(twiliosim.WebhookLost)] > 0 })
	s.says(ann, "HOURS")
	s.hearsNothing(ann)
	s.says(ann, "START")
	s.settled()
	asks(ann, "PRICES", "City bike")

	lists := 0
	for _, e := range s.sim.Ledger() {
		if call, ok := e.Fact.(twiliosim.APICall); ok && call.Route == twiliosim.RouteListMessages {
			lists++
		}
	}
	// One for each and for what is said around the STOP, some twice: who waits asks
	// again and again.
	if most := 2 * (questions + 2); lists > most {
		t.Errorf("Twilio was asked %d times for %d questions, want at most %d: somebody waited", lists, questions, most)
	}
	if n := one[int](s, `SELECT count(*) FROM conversations WHERE gaps_checked_through <
		(SELECT max(index) FROM messages m WHERE m.conversation_id = conversations.id AND direction = 'in')`); n != 0 {
		t.Errorf("%d conversations have a hole on record that is none", n)
	}
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
	if got := s.runs(exitOK, "", "events", "replay", "--all", "--onto-empty"); !strings.Contains(got, " 0 left out, 0 differences.") {
		t.Errorf("replay onto nothing prints\n%s", got)
	}
}
