package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// What Twilio told us, in whatever order, comes to the same when it is applied
// again to nothing; and what was changed by hand shows.
func TestEventsCommands(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	must(t, s.sim.SetFaults(twiliosim.Faults{Seed: 7, Webhooks: []twiliosim.Rule{
		{Every: 2, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookRepeated}}},
		{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookDelayed, Delay: 200 * time.Millisecond}}},
	}}))
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	must(t, s.sim.Handset(string(ann)).Next(twiliosim.Outcome{Status: "undelivered", ErrorCode: 30003}, twiliosim.Outcome{Status: "read"}))
	for _, body := range []string{"HOURS", "canary", "stop", "HOURS", "start", "HOURS", "stop", "Start", "HOURS"} {
		s.says(ann, body)
		s.settled()
	}
	s.says(bob, "canary") // Twilio makes his conversation, and closes it
	s.settled()
	s.elsewhere(http.MethodPost, s.sidOf(bob), "State=closed")
	s.settled()
	about := "AccountSid=" + s.env["TWILIO_ACCOUNT_SID"] + "&EventType=onUserAdded&UserSid=US0123456789abcdef0123456789abcdef&Identity=agent-17"
	s.answers(s.webhook("/webhooks/twilio/conversations", about), http.StatusNoContent)
	if got := s.runs(exitOK, "", "events", "list", "--type", chat.UserAdded); !regexp.MustCompile(`(?m) webhook +onUserAdded +applied$`).MatchString(got) {
		t.Errorf("of a user, the list prints\n%s", got)
	}

	var events []chat.EventRecord
	must(t, json.Unmarshal([]byte(s.runs(exitOK, "", "events", "list", "--json", "--limit", "1000")), &events))
	if n := one[int](s, `SELECT count(*) FROM events`); len(events) != n || n < 20 {
		t.Errorf("%d of %d events are listed, want all of at least 20", len(events), n)
	}
	his := s.runs(exitOK, "", "events", "list", "--conversation", s.sidOf(bob), "--type", chat.MessageAdded, "--since", "1h")
	if got := strings.Count(his, " webhook "); got != 1 || !strings.Contains(his, "applied") {
		t.Errorf("%d texts of his came by webhook, want 1:\n%s", got, his)
	}
	s.runs(exitOK, "", "events", "list", "--parked")
	s.runs(exitOK, "", "events", "list", "--failed", "--before", events[0].ID.String())

	latest := events[len(events)-1].ID.String()
	private := s.runs(exitOK, "", "events", "show", latest)
	if strings.Contains(private, "Body") || !strings.Contains(private, latest) {
		t.Errorf("show prints\n%s", private)
	}
	if full := s.runs(exitOK, "", "events", "show", "--payload", latest); !strings.Contains(full, `"payload"`) {
		t.Errorf("show --payload prints\n%s", full)
	}

	for _, args := range [][]string{{latest}, {latest, "--dry-run"}, {"--all", "--dry-run"}, {"--all"}} {
		got := s.runs(exitOK, "", append([]string{"events", "replay"}, args...)...)
		if !regexp.MustCompile(`^\d+ applied\n$`).MatchString(got) {
			t.Errorf("replay %v prints %q", args, got)
		}
	}
	s.hearsNothingNew()
	if got := s.runs(exitOK, "", "events", "replay", "--all", "--onto-empty"); !strings.Contains(got, " 0 left out, 0 differences.") {
		t.Errorf("replay onto nothing prints\n%s", got)
	}
	s.wouldReplay()
	_, err := s.db.Exec(t.Context(), `UPDATE messages SET body = 'something else' WHERE index = 1`)
	must(t, err)
	if got := s.runs(exitFailed, "", "events", "replay", "--all", "--onto-empty"); !strings.Contains(got, ": differs in body\n") || strings.Contains(got, "something") {
		t.Errorf("with a text altered, replay onto nothing prints\n%s", got)
	}

	for _, args := range [][]string{
		{"list", "--conversation", "CH1"},
		{"list", "--since", "yesterday"},
		{"list", "--limit", "0"},
		{"list", "--parked", "--failed"},
		{"show", "7"},
		{"replay"},
		{"replay", latest, "--all"},
		{"replay", latest, "--onto-empty"},
	} {
		s.runs(exitUsage, "", append([]string{"events"}, args...)...)
	}
	missing := strings.Replace(latest, latest[:8], "00000000", 1)
	s.runs(exitFailed, "", "events", "show", missing)
	s.runs(exitFailed, "", "events", "replay", missing)
}

// wouldReplay loses a text and has a dry run tell of it, for one event and for all,
// before it is brought back.
func (s *story) wouldReplay() {
	s.t.Helper()
	const text = `message_sid = (SELECT min(message_sid) FROM messages WHERE direction = 'in' AND body = 'canary')`
	event := one[string](s, `SELECT id::text FROM events WHERE type = 'onMessageAdded' AND `+text)
	want := "messages " + one[string](s, `DELETE FROM messages WHERE `+text+` RETURNING message_sid`) + ": only replay\n"
	for _, args := range [][]string{{event, "--dry-run"}, {"--all", "--dry-run"}} {
		got := s.runs(exitOK, "", append([]string{"events", "replay"}, args...)...)
		if !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 2 || strings.Contains(got, "canary") {
			s.t.Errorf("with a text lost, replay %v prints %q, want %q and a count", args, got, want)
		}
	}
	if got := s.runs(exitOK, "", "events", "replay", event, "--dry-run", "--json"); !strings.Contains(got, `"only": "replay"`) {
		s.t.Errorf("as JSON it prints %q", got)
	}
	s.runs(exitOK, "", "events", "replay", event)
	s.settled()
	if got := s.runs(exitOK, "", "events", "replay", "--all", "--dry-run"); strings.Contains(got, ": ") {
		s.t.Errorf("with the text back, a dry run prints %q", got)
	}
}

// hearsNothingNew waits until everything has settled; no text may have been
// sent meanwhile.
func (s *story) hearsNothingNew() {
	s.t.Helper()
	before := s.sim.Calls()[twiliosim.RouteCreateMessage]
	s.settled()
	if after := s.sim.Calls()[twiliosim.RouteCreateMessage]; after != before {
		s.t.Errorf("%d texts were sent, want silence", after-before)
	}
}

// eventsState is all that events may change, and the jobs they may lead to.
const eventsState = `SELECT concat_ws(E'\n',
	(SELECT string_agg(c::text, E'\n' ORDER BY id) FROM conversations c), (SELECT string_agg(m::text, E'\n' ORDER BY id) FROM messages m),
	(SELECT string_agg(r::text, E'\n' ORDER BY id) FROM receipts r), (SELECT string_agg(o::text, E'\n' ORDER BY id) FROM opt_outs o),
	(SELECT string_agg(e::text, E'\n' ORDER BY id) FROM events e), (SELECT count(*) FROM river_job))`

// Row W5: webhooks captured a year ago are posted again, after their payloads
// were emptied. Nothing changes and nobody is texted.
func TestReplayedWebhooks(t *testing.T) {
	t.Parallel()
	var wire *wiretap
	s := newStoryAt(t, func(o *twiliosim.Options) { wire = tap(t, o) })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	for _, body := range []string{"HOURS", "stop", "start", "canary", "STOP"} {
		s.says(ann, body)
		s.settled()
	}
	s.says(bob, "HOURS")
	s.settled()
	s.elsewhere(http.MethodPost, s.sidOf(bob), "State=closed")
	s.settled()
	s.heard[ann], s.heard[bob] = len(s.ours(ann)), len(s.ours(bob))

	s.stop() // first: a poll that it had claimed and not ended would stay claimed for two minutes
	passes(t, s.db, 365*24*time.Hour)
	s.serve() // what is past its retention goes at once
	s.until("payloads are emptied", func() bool { return one[bool](s, `SELECT count(payload) = 0 FROM events`) })
	s.reconciled() // also what was closed long ago has had its turn
	before := one[string](s, eventsState)
	webhooks := wire.seen()
	const times = 20
	for range times {
		for _, w := range webhooks {
			if r := s.posts(w); r.StatusCode != http.StatusNoContent {
				t.Fatalf("a captured webhook is answered %s, want 204", r.Status)
			}
		}
	}
	s.hearsNothing(ann)
	s.hearsNothing(bob)
	if after := one[string](s, eventsState); after != before {
		t.Errorf("%d webhooks of a year ago, %d times each, changed something", len(webhooks), times)
	}
	if len(webhooks) < 12 {
		t.Errorf("only %d webhooks were captured", len(webhooks))
	}
}
