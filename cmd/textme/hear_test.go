package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// unheard has Twilio's webhooks of these types lost, all of them without any.
func (s *story) unheard(types ...string) {
	s.t.Helper()
	must(s.t, s.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{On: types, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}}}))
}

// Somebody who refuses in a conversation that nobody has told us of is not
// welcomed there, should they be signed up later.
func TestRefusalBeforeTakeOver(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.unheard()
	s.says(bob, "please stop texting me")
	s.signsUp(bob, "Bob Canary")
	s.hearsNothing(bob)
	if got := one[string](s, `SELECT status || ': ' || reason FROM messages WHERE purpose = 'welcome'`); got != "cancelled: the person replied STOP" {
		t.Errorf("the welcome is %q", got)
	}
}

// A welcome that is still owed is not sent into the newer conversation in which
// the person has refused, unheard.
func TestRefusalInTheConversationOfTheHeir(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	must(t, o.sim.SetFaults(twiliosim.Faults{
		Calls:    []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}}}},
		Webhooks: []twiliosim.Rule{{On: []string{chat.ParticipantRemoved, chat.MessageAdded}, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}},
	}))
	o.signsUp(drifter, "Canary")
	o.until("the welcome was refused", func() bool { return o.sim.FaultCounts()[string(twiliosim.Busy)] > 0 })
	o.takesOut(o.bound(drifter)[0])
	o.says(drifter, "please stop texting me")
	o.until("a newer row has the person", func() bool { return strings.HasPrefix(o.rows(drifter), "closed 0 replaced by a newer") })
	o.unheard(chat.MessageAdded)
	o.hearsNothing(drifter)
	o.expect("transcript", o.heardFrom(drifter), "please stop texting me")
}

// A conversation that has been quiet for a month is still polled.
func TestQuietForAMonth(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	passes(t, s.db, 31*24*time.Hour)
	s.reconciled()
	s.unheard(chat.MessageAdded)
	s.says(ann, "canary")
	passes(t, s.db, 2*24*time.Hour)
	s.reconciled()
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
}

// A new text does not leave for somebody who has refused, unheard, in a
// conversation that nobody has asked about for days.
func TestRefusalWhereNobodyAsked(t *testing.T) {
	t.Parallel()
	s := newStory(t, quickProbes, func(env map[string]string) { env["RECONCILE_EVERY"] = "off" })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	passes(t, s.db, 2*24*time.Hour)
	s.unheard()
	s.says(ann, "please stop texting me")
	s.queues(ann, "canary")
	s.until("the text is decided on", func() bool { return one[bool](s, `SELECT status <> 'queued' FROM messages WHERE body = 'canary'`) })
	s.hearsNothing(ann)
}

// What somebody refused in a conversation that nobody has told us of is heard
// also if it was closed before we looked.
func TestRefusalInAClosedConversation(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	o.looksBack()
	o.unheard()
	o.says(bob, "please stop texting me")
	o.elsewhere(http.MethodPost, o.sim.Conversations()[0].SID, "State=closed")
	passes(t, o.db, time.Hour)
	o.until("it is a closed row", func() bool { return o.rows(bob) == "closed 0 closed at Twilio" })
	o.settled()
	o.signsUp(bob, "Bob Canary")
	o.hearsNothing(bob)
	if got := o.outcomes(bob); !strings.HasPrefix(got, "opted_out") {
		t.Errorf("the outcome is %q, want opted_out", got)
	}
}

// A text that has waited is held back by a refusal to another sender of ours, in
// a conversation that nobody has told us of.
func TestRefusalToAnotherSender(t *testing.T) {
	t.Parallel()
	const other = "+15005550007"
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Senders = append(o.Senders, other) },
		func(env map[string]string) { env["RECONCILE_EVERY"] = "off" })
	s.runs(exitOK, "", "sources", "add", "other", "--kind", "form", "--business", "Harbor Boats", "--sender", other, "--origins", "https://shop.example")
	client, err := twilioSettings{TwilioAccountSID: s.env["TWILIO_ACCOUNT_SID"], TwilioAuthToken: s.env["TWILIO_AUTH_TOKEN"], TwilioBaseURL: s.env["TWILIO_BASE_URL"]}.client(nil)
	must(t, err)
	t.Cleanup(client.Close)
	must(t, client.EnableAutocreate(t.Context(), other))
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "Harbor Bikes: thanks for signing up")
	s.settled()

	s.stop()
	s.queues(ann, "canary")
	passes(t, s.db, time.Hour)
	s.unheard()
	_, err = s.sim.Handset(string(ann)).Text(other, "please stop texting me")
	must(t, err)
	s.serve()
	s.until("the text has been decided on", func() bool { return one[bool](s, `SELECT status <> 'queued' FROM messages WHERE body = 'canary'`) })
	if got := one[string](s, `SELECT status || ': ' || reason FROM messages WHERE body = 'canary'`); got != "cancelled: the person replied STOP" {
		t.Errorf("the text is %q", got)
	}
	s.hearsNothing(ann)
}

// A welcome text has waited, its reader says that they want no texts, unheard, and
// their conversation ends, or another takes its place: the row that takes over sends
// the same text, and asks there first.
func TestRefusalInTheConversationThatEnded(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(o *oddStory, ch string){
		"closed at Twilio": func(o *oddStory, ch string) { must(o.t, o.loudConsole().Close(ch)) },
		"replaced by a newer one": func(o *oddStory, ch string) {
			must(o.t, o.console().RemoveParticipant(ch, o.sim.Participants(ch)[0].SID))
			o.says(drifter, "canary two")
			o.until("the newer one is a row", func() bool { return one[int](o.story, `SELECT count(*) FROM conversations`) == 2 })
			o.exec(`UPDATE conversations SET lease_token = NULL, lease_until = NULL WHERE conversation_sid = $1`, ch)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOddStory(t)
			busy := []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}}}}
			must(t, o.sim.SetFaults(twiliosim.Faults{Calls: busy}))
			o.signsUp(drifter, "Canary")
			o.until("the welcome was refused", func() bool { return o.sim.FaultCounts()[string(twiliosim.Busy)] > 0 })
			ch := o.bound(drifter)[0]
			o.says(drifter, "canary")
			o.until("that is known", func() bool { return o.heardFrom(drifter) == "canary" })
			o.exec(`UPDATE conversations SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 hour'`) // its worker is slow
			_, err := o.db.Exec(t.Context(), `ALTER TABLE signups DISABLE TRIGGER signups_insert_only`)
			must(t, err)
			o.exec(`UPDATE signups SET created_at = created_at - interval '5 minutes'`)
			must(t, o.sim.SetFaults(twiliosim.Faults{Calls: busy, Webhooks: []twiliosim.Rule{{
				On: []string{chat.MessageAdded}, Limit: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}},
			}}}))
			o.says(drifter, "stop texting me")
			o.until("that webhook is lost", func() bool { return o.sim.FaultCounts()[string(twiliosim.WebhookLost)] > 0 })
			must(t, o.sim.SetFaults(twiliosim.Faults{}))
			end(o, ch)
			o.exec(`UPDATE conversations SET lease_token = NULL, lease_until = NULL WHERE conversation_sid = $1`, ch)
			o.settled()
			o.expectWelcomes(drifter, 0)
			if n := one[int](o.story, `SELECT count(*) FROM opt_outs WHERE cleared_at IS NULL`); n != 1 {
				t.Errorf("%d opt-outs, want 1", n)
			}
		})
	}
}
