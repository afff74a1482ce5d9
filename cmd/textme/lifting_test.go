package main

import (
	"strings"
	"testing"

	"textme/twilio/twiliosim"
)

// Twilio takes YES for START, and answers it, from those who are opted out: then it
// is no answer for the bot. From anybody else it is.
func TestYesLiftsAnOptOut(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann")
	s.gets(ann, "thanks for signing up")
	s.says(ann, "YES")
	s.settled()
	if len(s.ours(ann)) == s.heard[ann] {
		t.Error("the bot did not take YES for a text like any other")
	}
	s.heard[ann] = len(s.ours(ann))

	s.says(ann, "STOP")
	s.says(ann, "YES")
	s.hearsNothing(ann)
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.hearsNothing(ann)
}

// Twilio refuses to take a text because the person has said STOP to it: they count as
// opted out, until their START, though we never heard that STOP.
func TestRefusedCallOptsOut(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	refusal := twiliosim.Rule{On: []string{twiliosim.RouteCreateMessage}, Limit: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.Refusal, Code: 21610}}}
	must(t, s.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{refusal}}))
	s.signsUp(ann, "Ann")
	s.hearsNothing(ann)
	if got := one[string](s, `SELECT status || ' ' || error_code FROM messages`); got != "failed 21610" {
		t.Errorf("the welcome is %s", got)
	}
	s.signsUp(ann, "Ann")
	s.says(ann, "HOURS")
	s.hearsNothing(ann)
	if got := one[string](s, `SELECT string_agg(outcome, ', ' ORDER BY decided_at) FROM signup_outcomes`); got != "admitted, opted_out" {
		t.Errorf("the sign-ups are %s", got)
	}
	s.why(ann, "heard by receipt")

	s.says(ann, "START")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.hearsNothing(ann)
	if got := s.runs(exitOK, "", "events", "replay", "--all", "--onto-empty"); !strings.Contains(got, " 0 left out, 0 differences.") {
		t.Errorf("replay onto nothing prints\n%s", got)
	}
}
