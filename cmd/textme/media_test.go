package main

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// signsInAsStaff lets the story's browser see the admin page.
func (s *story) signsInAsStaff() {
	s.t.Helper()
	s.runs(exitOK, "a long canary password\n", "admins", "add", "carla")
	in := s.post("/admin/sign-in", url.Values{"username": {"carla"}, "password": {"a long canary password"}})
	if in.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("sign-in answered %s", in.Status)
	}
}

// pageOf is the admin page of the phone's newest conversation.
func (s *story) pageOf(phone chat.Phone) string {
	s.t.Helper()
	return s.get("/admin/conversations/"+one[string](s, `SELECT c.id::text FROM conversations c JOIN customers k ON k.id = customer_id
		WHERE phone = $1 ORDER BY c.created_at DESC LIMIT 1`, phone), http.StatusOK)
}

// An MMS is in the transcript once, and its file one link away on the page, whether a
// webhook told of it, a poll, or one after the other.
func TestPictures(t *testing.T) {
	t.Parallel()
	s := newStoryAt(t, minutesAgo)
	s.signsInAsStaff()
	lost := twiliosim.Rule{On: []string{chat.MessageAdded}, Phones: []string{string(bob)}, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{lost}}))
	picture := twiliosim.File{Name: "canary & co.jpg", Type: "image/jpeg", Size: 81920}
	sent := map[chat.Phone]twiliosim.Text{}
	for _, phone := range []chat.Phone{ann, bob} {
		s.signsUp(phone, "Canary")
		s.gets(phone, "thanks for signing up")
		var err error
		sent[phone], err = s.sim.Handset(string(phone)).Text(storySender, "", picture)
		must(t, err)
	}
	s.settled()
	s.runs(exitOK, "", "reconcile")
	s.reconciled()

	link := regexp.MustCompile(`<a class="file" href="([^"]*)" target="_blank" rel="noreferrer noopener"[^>]*>([^<]*)<`)
	for phone, via := range map[chat.Phone]string{ann: "webhook", bob: "poll"} {
		text := sent[phone]
		if got := one[string](s, `SELECT string_agg(via, ' ') FROM events WHERE message_sid = $1 AND type = 'onMessageAdded'`, text.MessageSID); got != via {
			t.Errorf("the text came by %q, want %s", got, via)
		}
		page := s.pageOf(phone)
		found := link.FindAllStringSubmatch(page, -1)
		if len(found) != 1 {
			t.Errorf("by %s: %d links to a file, want 1:\n%s", via, len(found), page)
			continue
		}
		want := s.env["TWILIO_BASE_URL"] + "/v1/Services/" + s.sim.ServiceSID() + "/Media/" + text.Files[0].SID + "/Content"
		if got := html.UnescapeString(found[0][1]); got != want {
			t.Errorf("by %s: the link leads to %q, want %q", via, got, want)
		}
		if got := html.UnescapeString(found[0][2]); got != "canary & co.jpg (image/jpeg, 82 kB)" {
			t.Errorf("by %s: the link reads %q", via, got)
		}
		if strings.Contains(page, s.env["TWILIO_ACCOUNT_SID"]) || strings.Contains(page, s.env["TWILIO_AUTH_TOKEN"]) {
			t.Errorf("by %s: the page tells the account", via)
		}
	}
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
	if got := s.runs(exitOK, "", "events", "replay", "--all", "--onto-empty"); !strings.Contains(got, " 0 left out, 0 differences.") {
		t.Errorf("replay onto nothing prints\n%s", got)
	}
}
