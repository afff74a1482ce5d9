//go:build browser

package main

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"textme/chat"
	"textme/twilio/twiliosim"
)

const (
	maya   = chat.Phone("+14155550161") // has the longest talk
	priya  = chat.Phone("+14155550169") // asked once
	aisha  = chat.Phone("+14155550162") // opted out
	marcus = chat.Phone("+14155550163") // a text did not arrive; was taken out, and added again
	robin  = chat.Phone("+14155550164") // closed
	casey  = chat.Phone("+14155550165") // texted first, gave no name
	theo   = chat.Phone("+14155550171") // failed: another system talks with him
	lucia  = chat.Phone("+14155550170") // pending: her sender cannot send

	payable = chat.Phone("+18005550199") // refused: toll-free
)

// newTown tells a story with somebody in every state that staff may meet, the
// service's pages at their fullest. One state comes with an alert: see pauses.
func newTown(t *testing.T) *story {
	t.Helper()
	s := newStory(t)
	s.runs(exitOK, "", "sources", "add", "harbor", "--business", "Harbor Bikes", "--sender", storySender,
		"--pitch", "Leave your number and we’ll text you today’s bikes and prices.",
		"--terms-url", "https://textme.example/terms", "--privacy-url", "https://textme.example/privacy")
	s.runs(exitOK, "", "sources", "add", "pier", "--business", "Pier 12 Kayaks", "--sender", storySender, "--accent", "#8a2be2")

	s.twilio(false, "Conversations", url.Values{"UniqueName": {"crm-4711"}})
	s.twilio(false, "Conversations/crm-4711/Participants", url.Values{"MessagingBinding.Address": {string(theo)}, "MessagingBinding.ProxyAddress": {storySender}})

	s.joins("harbor", payable, "Accounts Payable")
	s.joins("harbor", theo, "Theo Brandt")
	s.joins("harbor", robin, "Robin Castellanos")
	s.joins("harbor", "+14155550166", "Jonas Lindqvist")
	s.joins("harbor", "+14155550167", "Dr. Anastasia-Valentina Konstantinopoulou-Fitzgerald of Upper Winterbourne")
	s.joins("harbor", "+14155550168", "سلمى حداد")
	s.joins("harbor", priya, "Priya Raghunathan")
	s.joins("harbor", aisha, "Aisha Rahman")
	must(t, s.sim.Handset(string(marcus)).Next(twiliosim.Outcome{Status: "undelivered", ErrorCode: 30003}))
	s.joins("harbor", marcus, "Marcus Oyelaran-Whitfield")
	s.joins("harbor", maya, "Maya Okafor")
	s.settled()

	for _, body := range []string{"HOURS", "how much", "Can I bring my dog along? He is small 🐕", "AGENT"} {
		s.says(maya, body)
		s.settled()
	}
	s.says(priya, "prices")
	s.says(casey, "Hi, is this the bike place on the pier?")
	_, err := s.sim.Handset(string(casey)).Text(storySender, "Is this bike one of yours?",
		twiliosim.File{Name: "IMG_20261122_153012_leaning_against_the_railing_of_the_pier_edited_final.jpg", Type: "image/jpeg", Size: 2_400_000},
		twiliosim.File{Type: "audio/amr", Size: 81_920})
	must(t, err)
	his := one[string](s, `SELECT conversation_sid FROM conversations WHERE id = $1`, s.conversationOf(marcus))
	must(t, s.sim.Console(true).RemoveParticipant(his, s.sim.Participants(his)[0].SID))
	s.says(aisha, "STOP")
	s.twilio(true, "Conversations/"+one[string](s, `SELECT conversation_sid FROM conversations WHERE id = $1`, s.conversationOf(robin)), url.Values{"State": {"closed"}})
	s.settled()
	s.ages()
	return s
}

// pauses brings the town a sign-up that cannot go on, and the alert for it.
func (s *story) pauses() {
	s.t.Helper()
	const nobodys = "+15005550001" // a sender that the account does not own
	s.runs(exitOK, "", "sources", "add", "island", "--business", "Island Ferries", "--sender", nobodys)
	s.joins("island", lucia, "Lucía Fernández-Ortega")
	s.until("the sender is paused", func() bool { return one[bool](s, `SELECT EXISTS (SELECT FROM pauses)`) })
}

// joins signs somebody up at a source, as the page's form does.
func (s *story) joins(source string, phone chat.Phone, name string) {
	s.t.Helper()
	token := tokenIn.FindStringSubmatch(s.get("/s/"+source, http.StatusOK))[1]
	r := s.post("/signup/"+source, url.Values{"phone": {string(phone)}, "name": {name}, "consent": {"yes"}, "form_token": {token}})
	if !strings.HasSuffix(r.Header.Get("Location"), "/thanks") {
		s.t.Fatalf("sign-up answered %s", r.Status)
	}
}

// twilio writes to the account as another system would, which decides whether
// webhooks tell of it.
func (s *story) twilio(webhooks bool, resource string, fields url.Values) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.env["TWILIO_BASE_URL"]+"/v1/"+resource, strings.NewReader(fields.Encode()))
	must(s.t, err)
	req.SetBasicAuth(s.env["TWILIO_ACCOUNT_SID"], s.env["TWILIO_AUTH_TOKEN"])
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Webhook-Enabled", strconv.FormatBool(webhooks))
	if r := s.do(req); r.StatusCode >= 300 {
		s.t.Fatalf("POST %s answered %s", resource, r.Status)
	}
}

// ages spreads what happened in seconds over minutes and days, for pages that
// tell times apart.
func (s *story) ages() {
	s.t.Helper()
	for _, q := range []string{
		`UPDATE messages SET twilio_at = twilio_at + coalesce(index, 0) * interval '70 seconds'`,
		`UPDATE conversations c SET last_activity_at = now() - age.n * age.n * interval '23 minutes' FROM (
			SELECT id, row_number() OVER (ORDER BY last_activity_at DESC) - 1 AS n FROM conversations) age WHERE age.id = c.id`,
	} {
		_, err := s.db.Exec(s.t.Context(), q)
		must(s.t, err)
	}
}
