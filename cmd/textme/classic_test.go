package main

import (
	"strings"
	"testing"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// classic points the sender's classic webhook at the service too.
func classic(o *twiliosim.Options) {
	o.InboundSMS = map[string]string{storySender: storyPublic + "/webhooks/twilio/messages"}
}

// A text that comes by both webhooks has one effect, and staff are told.
func TestBothWebhooksOfOneText(t *testing.T) {
	t.Parallel()
	s := newStoryAt(t, classic)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.says(ann, "STOP")
	s.hearsNothing(ann)
	s.says(ann, "START")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.hearsNothing(ann)
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
	if got := strings.Count(s.out.String(), "the classic webhook of a sender"); got != 1 {
		t.Errorf("staff are told %d times, want once", got)
	}
	s.runs(exitOK, "", "events", "replay", "--all", "--onto-empty")
}

// Where only the classic webhook comes through, its text leads to the
// conversation that took it.
func TestOnlyClassicWebhooks(t *testing.T) {
	t.Parallel()
	s := newStoryAt(t, classic)
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{On: chat.EventTypes(), Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}}}))
	s.says(bob, "HOURS")
	s.until("the text is to be looked up", func() bool { return one[bool](s, `SELECT count(*) > 0 FROM river_job WHERE kind = 'look_up'`) })
	_, err := s.db.Exec(t.Context(), `UPDATE river_job SET scheduled_at = now() WHERE kind = 'look_up' AND state = 'scheduled'`)
	must(t, err)
	s.gets(bob, "open Mon-Fri 9-6")
	s.says(bob, "STOP") // known at once, though his conversation does not tell
	s.hearsNothing(bob)
	if !one[bool](s, `SELECT count(*) = 1 FROM opt_outs WHERE cleared_at IS NULL`) {
		t.Error("he is not opted out")
	}
}
