package main

import (
	"encoding/json"
	"strings"
	"testing"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// why asks about the phone and expects every one of these in the answer, and
// the number in none.
func (s *story) why(phone chat.Phone, want ...string) string {
	s.t.Helper()
	said := s.runs(exitOK, "", "why", string(phone))
	for _, w := range want {
		if !strings.Contains(said, w) {
			s.t.Errorf("why lacks %q:\n%s", w, said)
		}
	}
	if strings.Contains(said, string(phone[2:])) {
		s.t.Errorf("why tells the number:\n%s", said)
	}
	return said
}

// From the first sign-up to the last word: admitted and delivered, joined,
// opted out, back again.
func TestWhyAdmittedJoinedOptedOut(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	ch := s.sim.Conversations()[0].SID
	mb := s.sim.Participants(ch)[0].SID
	s.why(ann, "+1 ••• 0142, known since",
		"Sign-up 1,", "at the source default", "the box was ticked, disclosure 1", "the token of our page",
		"admitted", "passed every rule",
		"active since", ch, mb, "with          the sender +15005550006",
		"welcome       delivered", " as IM", "attempt 1",
		"a new sign-up: the person is in the conversation already", "a text: would be sent\n",
		"policy           ok", "opt-out          ok", "consent          ok", "pause            ok", "quiet hours      ok")

	s.signsUp(ann, "Ann Canary")
	s.hearsNothing(ann)
	s.why(ann, "Sign-up 2,", "joined", "no second welcome text")

	s.says(ann, "STOP")
	s.hearsNothing(ann)
	s.signsUp(ann, "Ann Canary")
	s.hearsNothing(ann)
	s.why(ann, "Sign-up 3,", "opted_out", "the person replied STOP; only their START lifts it",
		"Opt-outs", "heard by text IM", "for organisation",
		"opt-out          NO", "a text: would not be sent: the person replied STOP",
		"a new sign-up: recorded, but not texted")

	s.says(ann, "START")
	s.hearsNothing(ann)
	said := s.why(ann, "; lifted ", " by text", "a text: would be sent\n")
	if strings.Contains(said, "opt-out          NO") {
		t.Errorf("after START the opt-out still objects:\n%s", said)
	}

	for spelling, code := range map[string]int{"(415) 555-0142": exitOK, "415.555.0142": exitOK, "12": exitUsage, "+14155550199": exitFailed} {
		if said := s.runs(code, "", "why", spelling); code == exitFailed && !strings.Contains(said, "nothing is on record of +1 ••• 0199") {
			t.Errorf("an unknown phone: %s", said)
		}
	}
	if said := s.runs(exitOK, "", "why", "--show-phone", string(ann)); !strings.Contains(said, string(ann)+", known since") {
		t.Errorf("--show-phone shows\n%s", said)
	}
	var printed struct {
		Phone   string
		Signups []struct{ Outcome, Source string }
		OptOuts []struct {
			Via       string
			ClearedAt *string `json:"cleared_at"`
		} `json:"opt_outs"`
		Now []struct {
			Text struct{ Rules []struct{ Rule, Says string } }
		}
	}
	text := s.runs(exitOK, "", "why", "--json", string(ann))
	must(t, json.Unmarshal([]byte(text), &printed))
	if printed.Phone != "+1 ••• 0142" || len(printed.Signups) != 3 || len(printed.OptOuts) != 1 || printed.OptOuts[0].ClearedAt == nil ||
		len(printed.Now) != 1 || len(printed.Now[0].Text.Rules) < 6 || strings.Contains(text, string(ann[2:])) || strings.Contains(text, "Canary") {
		t.Errorf("--json prints\n%s", text)
	}
}

// A number that policy refuses was never heard of at Twilio.
func TestWhyRefused(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp("+18005550199", "Canary")
	s.settled()
	s.why("+18005550199", "refused", "because       a toll-free number", "closed since", "no sign-up was admitted",
		"at Twilio     none yet", "policy           NO  a toll-free number", "a new sign-up: refused by policy")
}

// A second welcome within a day is capped, and the answer says until when.
func TestWhyCapped(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	s.runs(exitOK, "", "conversations", "close", s.sim.Conversations()[0].SID)
	s.says(ann, "HOURS") // Twilio makes another conversation
	s.gets(ann, "open Mon-Fri 9-6")
	s.settled()
	s.signsUp(ann, "Ann Canary")
	s.hearsNothing(ann)
	s.why(ann, "capped", "because       the number was welcomed a short while ago", "closed at Twilio", "taken over from whoever made it",
		"welcome cap      NO  the number was welcomed a short while ago, until ")
	if said := s.runs(exitOK, "", "why", "--welcome-every", "off", string(ann)); !strings.Contains(said, "welcome cap      ok") {
		t.Errorf("without the cap, why says\n%s", said)
	}
}

// A number that Twilio refuses fails with its code explained, and is left
// alone for a while; a text that the carrier loses tells why.
func TestWhyFailed(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.sim.RefuseNumber(string(ann), 50407)
	s.signsUp(ann, "Ann Canary")
	s.settled()
	s.why(ann, "failed", "Twilio does not accept the number", "50407", "ask the person for another number",
		"earlier failure  NO  the number failed before and is not tried again yet, until ")
	if said := s.runs(exitOK, "", "why", "--retry-failed-after", "off", string(ann)); !strings.Contains(said, "earlier failure  ok") {
		t.Errorf("with retries at once, why says\n%s", said)
	}

	must(t, s.sim.Handset(string(bob)).Next(twiliosim.Outcome{Status: "undelivered", ErrorCode: 30006}))
	s.signsUp(bob, "Bob Canary")
	s.settled()
	s.why(bob, "welcome       undelivered", "30006 a landline, or a carrier that cannot be reached")
}

// While the sender is broken, everybody's texts wait, and why says so; when it
// is repaired, the record of it stays.
func TestWhyPaused(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.sim.RefuseSender(storySender, 50413)
	s.signsUp(ann, "Ann Canary")
	s.until("the sender is paused", func() bool { return one[bool](s, `SELECT EXISTS (SELECT FROM pauses)`) })
	s.why(ann, "pending since", "work          is left", "Times in which nothing was sent", "until now: twilio: add participant: 50413", "pause            NO  twilio:")
	s.sim.RefuseSender(storySender, 0)
	s.until("the probe gets through", func() bool {
		for _, q := range []string{`UPDATE pauses SET probe_at = now()`, `UPDATE river_job SET scheduled_at = now() WHERE state IN ('scheduled', 'retryable')`} {
			_, err := s.db.Exec(t.Context(), q)
			must(t, err)
		}
		return len(s.ours(ann)) > 0
	})
	s.gets(ann, "thanks for signing up")
	s.settled()
	s.why(ann, "welcome       delivered", "Times in which nothing was sent", " to ", "pause            ok")
}
