package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

const (
	carol = chat.Phone("+14155550144")
	dan   = chat.Phone("+14155550145")
	eve   = chat.Phone("+14155550146")
	frank = chat.Phone("+14155550147")
	grace = chat.Phone("+14155550148")
)

// elsewhere makes a call to the story's Twilio as another program would that
// has the same account, about a conversation of ours.
func (s *story) elsewhere(method, path, form string) {
	s.t.Helper()
	s.another(method, "Conversations/"+path, form)
}

// another makes any call as another program would, and returns the SID that the answer
// has.
func (s *story) another(method, path, form string) (sid string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.env["TWILIO_BASE_URL"]+"/v1/"+path, strings.NewReader(form))
	must(s.t, err)
	req.SetBasicAuth(s.env["TWILIO_ACCOUNT_SID"], s.env["TWILIO_AUTH_TOKEN"])
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Webhook-Enabled", "true")
	r := s.do(req)
	if r.StatusCode >= http.StatusBadRequest {
		s.t.Fatalf("%s %s answered %s", method, path, r.Status)
	}
	var answer struct{ SID string }
	if r.StatusCode != http.StatusNoContent {
		must(s.t, json.NewDecoder(r.Body).Decode(&answer))
	}
	return answer.SID
}

// sidOf is the SID of the phone's newest conversation with us.
func (s *story) sidOf(phone chat.Phone) string {
	s.t.Helper()
	return one[string](s, `SELECT conversation_sid FROM conversations JOIN customers k ON k.id = customer_id
		WHERE phone = $1 ORDER BY conversations.created_at DESC LIMIT 1`, phone)
}

// queues puts a text of an agent's into the phone's conversation, as something
// that was to be sent when the service went down.
func (s *story) queues(phone chat.Phone, body string) {
	s.t.Helper()
	const q = `WITH c AS (UPDATE conversations SET work_seq = work_seq + 1
			WHERE customer_id = (SELECT id FROM customers WHERE phone = $1) AND sender = $3 AND state = 'active' RETURNING id)
		INSERT INTO messages (id, conversation_id, direction, purpose, author, body, status)
		SELECT gen_random_uuid(), id, 'out', 'agent', 'agent', $2, 'queued' FROM c`
	tag, err := s.db.Exec(s.t.Context(), q, phone, body, storySender)
	must(s.t, err)
	if tag.RowsAffected() != 1 {
		s.t.Fatalf("%d texts queued, want 1", tag.RowsAffected())
	}
}

// minutesAgo has everything happen at Twilio some minutes ago: facts so old are
// polled for, and count as lost, but the bot still answers texts.
func minutesAgo(o *twiliosim.Options) {
	o.Now = func() time.Time { return time.Now().Add(-5 * time.Minute) }
}

// Row W2: the service is down for six hours and every webhook is lost. When it
// is back everything is restored before any text leaves that was queued, also of people
// who had been quiet for long, and whoever said STOP meanwhile gets nothing of what was
// waiting to be sent.
func TestOutage(t *testing.T) {
	t.Parallel()
	s := newStoryAt(t, minutesAgo)
	s.looksBack()
	people := []chat.Phone{ann, bob, carol, dan, frank}
	for _, phone := range people {
		s.signsUp(phone, "Canary")
		s.gets(phone, "thanks for signing up")
	}
	faults := twiliosim.Faults{Webhooks: []twiliosim.Rule{{On: []string{chat.DeliveryUpdated}, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}}}
	must(t, s.sim.SetFaults(faults))
	must(t, s.sim.Handset(string(frank)).Next(twiliosim.Outcome{Status: "undelivered", ErrorCode: 30003}))
	s.says(frank, "HOURS") // the answer is lost, and so is the word that it was
	s.settled()
	faults.Calls = []twiliosim.Rule{{On: []string{twiliosim.RouteCreateConversation}, Faults: []twiliosim.Fault{{Kind: twiliosim.ServerError}}}}
	must(t, s.sim.SetFaults(faults))
	s.signsUp(grace, "Canary") // in vain, so far
	s.until("Twilio was asked for her conversation", func() bool { return s.sim.FaultCounts()[string(twiliosim.ServerError)] > 0 })

	s.stop()
	s.queues(ann, "canary for Ann")
	s.queues(bob, "canary for Bob")
	const quiet = `UPDATE conversations SET last_activity_at = now() - interval '10 days', reconcile_at = now() + interval '7 days'
		WHERE conversation_sid = ANY($1)`
	_, err := s.db.Exec(t.Context(), quiet, []string{s.sidOf(carol), s.sidOf(dan)})
	must(t, err)
	passes(t, s.db, 6*time.Hour)
	s.says(ann, "STOP")
	s.says(bob, "HOURS")
	s.says(eve, "HOURS") // Twilio makes a conversation that we have never heard of
	hers := s.sidOf(carol)
	s.elsewhere(http.MethodDelete, hers+"/Participants/"+s.sim.Participants(hers)[0].SID, "")
	s.says(dan, "STOP") // and then his conversation is closed
	s.elsewhere(http.MethodPost, s.sidOf(dan), "State=closed")
	must(t, s.sim.SetFaults(twiliosim.Faults{}))

	s.serve()
	s.reconciled()
	s.gets(bob, "canary for Bob")
	s.gets(grace, "thanks for signing up")
	const missed = `SELECT count(*) FILTER (WHERE received_at < (SELECT min(sending_at) FROM messages
			WHERE body = 'canary for Bob' OR conversation_id = (SELECT c.id FROM conversations c JOIN customers k ON k.id = customer_id WHERE phone = $2))),
			count(*)
		FROM events WHERE via = 'poll' AND type <> ALL($1)`
	var before, all int
	must(t, s.db.QueryRow(t.Context(), missed, []string{chat.DeliveryUpdated, chat.ParticipantAdded}, grace).Scan(&before, &all))
	if before < all || all < 6 { // what four said, who was taken out, and what was closed
		t.Errorf("of %d events that were missed, %d were known before a text left that was called for earlier", all, before)
	}
	s.gets(bob, "open Mon-Fri 9-6")
	s.gets(eve, "open Mon-Fri 9-6")
	for _, phone := range append(people, eve, grace) {
		s.hearsNothing(phone)
	}
	for _, m := range s.sim.Messages(s.sidOf(ann)) {
		if strings.Contains(m.Body, "canary") {
			t.Error("a text went out to somebody who had said STOP")
		}
	}
	if got := one[string](s, `SELECT status || ': ' || reason FROM messages WHERE body = 'canary for Ann'`); got != "cancelled: the person replied STOP" {
		t.Errorf("the text to her is %q", got)
	}
	if !one[bool](s, `SELECT count(*) = 2 FROM opt_outs WHERE cleared_at IS NULL`) {
		t.Error("not both who said STOP are opted out")
	}
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
	if n := one[int](s, `SELECT n FROM counters WHERE name = 'webhooks_lost:text'`); n == 0 {
		t.Error("no webhook is counted as lost")
	}
}

// Row W2 the other way round: the service runs, and Twilio is out of its reach for hours.
// What is queued leaves, however new it is, when everything is restored.
func TestTwilioOutOfReach(t *testing.T) {
	t.Parallel()
	s := newStoryAt(t, minutesAgo, func(env map[string]string) { env["RESCUE_AFTER"] = "1s" })
	s.looksBack()
	for _, phone := range []chat.Phone{ann, bob, carol} {
		s.signsUp(phone, "Canary")
		s.gets(phone, "thanks for signing up")
	}
	s.settled()
	lost := []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}}
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: lost}))
	s.says(ann, "STOP")
	s.says(carol, "HOURS")
	s.elsewhere(http.MethodPost, s.sidOf(carol), "State=closed")
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: lost, Calls: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.Unavailable}}}}}))
	_, err := s.db.Exec(t.Context(), `UPDATE looks SET seen_through = seen_through - interval '6 hours', outage_ended_at = outage_ended_at - interval '7 hours'`)
	must(t, err)
	s.queues(ann, "canary for Ann")
	s.queues(bob, "canary for Bob")
	s.until("Twilio was called in vain", func() bool { return s.sim.FaultCounts()[string(twiliosim.Unavailable)] > 0 })
	must(t, s.sim.SetFaults(twiliosim.Faults{}))

	s.gets(bob, "canary for Bob")
	const missed = `SELECT count(*) FILTER (WHERE received_at < (SELECT min(sending_at) FROM messages WHERE author = 'agent')), count(*)
		FROM events WHERE via = 'poll' AND type <> ALL($1)`
	s.reconciled()
	var before, all int
	must(t, s.db.QueryRow(t.Context(), missed, []string{chat.DeliveryUpdated, chat.ParticipantAdded}).Scan(&before, &all))
	if before < all || all < 3 { // what two said, and what was closed
		t.Errorf("of %d events that were missed, %d were known before a text left", all, before)
	}
	if got := one[string](s, `SELECT status || ': ' || reason FROM messages WHERE body = 'canary for Ann'`); got != "cancelled: the person replied STOP" {
		t.Errorf("the text to her is %q", got)
	}
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
}

// Polling keeps to its budget: whatever it asks Twilio, each page of a list is a call.
func TestReconcileRate(t *testing.T) {
	t.Parallel()
	const every, texts = 200 * time.Millisecond, 1050
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Ledger = true }, func(env map[string]string) { env["RECONCILE_RATE"] = "5/1s" })
	for _, phone := range []chat.Phone{ann, bob} {
		s.signsUp(phone, "Canary")
		s.gets(phone, "thanks for signing up")
	}
	s.reconciled()
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}}}))
	for i := range texts { // of another program
		s.elsewhere(http.MethodPost, s.sidOf(ann)+"/Messages", fmt.Sprintf("Author=them&Body=canary+%d", i))
	}
	s.settled()
	begin := time.Now()
	s.runs(exitOK, "", "reconcile")
	s.until("every text is found", func() bool { return one[int](s, `SELECT count(*) FROM messages WHERE author = 'them'`) == texts })
	calls, pages := 0, 0
	for _, e := range s.sim.Ledger() {
		call, ok := e.Fact.(twiliosim.APICall)
		if !ok || call.Started.Before(begin) {
			continue
		}
		if calls++; call.Route == twiliosim.RouteListMessages {
			pages++
		}
		// The first may have a slot that was free before.
		if took := call.Started.Sub(begin); took < time.Duration(calls-2)*every {
			t.Errorf("call %d, %s, is made after %v", calls, call.Route, took)
		}
	}
	if pages < texts/100 {
		t.Errorf("%d pages of texts were read, want at least %d", pages, texts/100)
	}
}

// What another program edits and deletes is found when the mapping is checked, also
// where no webhook tells of it.
func TestEditsAndDeletionsFound(t *testing.T) {
	t.Parallel()
	var later atomic.Int64 // minutes, at Twilio
	s := newStoryAt(t, func(o *twiliosim.Options) {
		o.Now = func() time.Time { return time.Now().Add(-5*time.Minute + time.Duration(later.Load())*time.Minute) }
	})
	s.signsUp(ann, "Canary")
	s.gets(ann, "thanks for signing up")
	for _, body := range []string{"typo", "regretted", "kept"} {
		s.says(ann, body)
		s.settled()
	}
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}}}))
	later.Store(1) // Twilio's dates are whole seconds: within one, an edit cannot be told
	hers := s.sidOf(ann)
	for _, m := range s.sim.Messages(hers) {
		switch {
		case m.Body == "typo":
			s.elsewhere(http.MethodPost, hers+"/Messages/"+m.SID, "Body=corrected")
		case m.Body == "regretted":
			s.elsewhere(http.MethodDelete, hers+"/Messages/"+m.SID, "")
		case strings.Contains(m.Body, "thanks for signing up"):
			s.elsewhere(http.MethodPost, hers+"/Messages/"+m.SID, "Body=welcome")
		}
	}
	for range 2 { // and again nothing changes
		s.runs(exitOK, "", "reconcile")
		s.reconciled()
		const q = `SELECT string_agg(concat_ws(' ', index, body, CASE WHEN edited_at IS NOT NULL THEN 'edited' END, CASE WHEN removed_at IS NOT NULL THEN 'removed' END), ', ' ORDER BY index)
			FROM messages WHERE body IN ('welcome', 'corrected', 'regretted', 'kept')`
		if got, want := one[string](s, q), "0 welcome edited, 1 corrected edited, 3 regretted removed, 5 kept"; got != want {
			t.Errorf("the transcript has %q, want %q", got, want)
		}
		const lost = `SELECT string_agg(name || ' ' || n, ', ' ORDER BY name) FROM counters WHERE name LIKE 'webhooks_lost:%'`
		if got, want := one[string](s, lost), "webhooks_lost:deletion 1, webhooks_lost:edit 2"; got != want {
			t.Errorf("counted is %q, want %q", got, want)
		}
	}
	if got := s.runs(exitOK, "", "events", "replay", "--all", "--onto-empty"); !strings.Contains(got, " 0 left out, 0 differences.") {
		t.Errorf("replay onto nothing prints\n%s", got)
	}
}

// A text that has waited is also held back by a STOP that the person said to
// another sender of ours, though nobody has told us of it.
func TestStopToAnotherSender(t *testing.T) {
	t.Parallel()
	const other = "+15005550007"
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Senders = append(o.Senders, other) },
		func(env map[string]string) { env["RECONCILE_EVERY"], env["WELCOME_EVERY"] = "off", "off" })
	s.runs(exitOK, "", "sources", "add", "other", "--kind", "form", "--business", "Harbor Boats", "--sender", other, "--origins", "https://shop.example")
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "Harbor Bikes: thanks for signing up")
	form := s.request(http.MethodPost, "/signup/other", strings.NewReader("phone=%2B14155550142&consent=on"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	form.Header.Set("Origin", "https://shop.example")
	s.answers(form, http.StatusSeeOther)
	s.gets(ann, "Harbor Boats: thanks for signing up")
	s.settled()

	s.stop()
	s.queues(ann, "canary")
	passes(t, s.db, time.Hour)
	_, err := s.sim.Handset(string(ann)).Text(other, "STOP")
	must(t, err)
	s.serve()
	s.until("the text has been decided on", func() bool { return one[bool](s, `SELECT status <> 'queued' FROM messages WHERE body = 'canary'`) })
	if got := one[string](s, `SELECT status || ': ' || reason FROM messages WHERE body = 'canary'`); got != "cancelled: the person replied STOP" {
		t.Errorf("the text is %q", got)
	}
	s.hearsNothing(ann)
}

// Row W1: every webhook is delivered three times, in any order, and one in
// fifty never. One round of polling later our transcripts are Twilio's, and every text
// that calls for an answer has got it once.
func TestInexactWebhooks(t *testing.T) {
	t.Parallel()
	const conversations, rounds, burst = 24, 5, 5
	s := newStoryAt(t, minutesAgo, func(env map[string]string) { env["RECONCILE_RATE"] = "off" })
	must(t, s.sim.SetFaults(twiliosim.Faults{Seed: 1, Webhooks: []twiliosim.Rule{
		{Chance: 0.02, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}},
		{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookRepeated, Copies: 2}}},
		{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookDelayed, Delay: 500 * time.Millisecond}}},
	}}))
	for i := range rounds * burst {
		for c := range conversations {
			body := fmt.Sprintf("canary %d", i)
			switch {
			case i == rounds*burst-1 && c%6 == 0:
				body = "STOP"
			case i%burst == 0:
				body = "HOURS"
			}
			s.says(chat.Phone(fmt.Sprintf("+1415555%04d", 200+c)), body)
		}
		if i%burst == burst-1 {
			s.settled()
		}
	}
	t.Logf("%d webhooks of %d events; %v", len(s.sim.Webhooks()), one[int](s, `SELECT count(*) FROM events`), s.sim.FaultCounts())
	if s.sim.FaultCounts()[string(twiliosim.WebhookLost)] == 0 {
		t.Error("no webhook was lost: the test proves nothing")
	}
	must(t, s.sim.SetFaults(twiliosim.Faults{}))
	passes(t, s.db, 15*time.Minute)
	s.reconciled()
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
	if again := repeatedAt(s.sim); len(again) > 0 {
		t.Errorf("sent more than once: %q", again)
	}
	for _, wrong := range misanswered(t, s.db) {
		t.Error(wrong)
	}
	// Holes before a text are filled before it is answered, so most of what was
	// lost may be there before the round of polling; either way it is counted.
	found := one[int](s, `SELECT coalesce(sum(n), 0)::integer FROM counters WHERE name LIKE 'webhooks_lost:%'`)
	if found == 0 {
		t.Error("nothing was found by asking Twilio")
	}
	t.Logf("%d facts were found by asking Twilio", found)
}
