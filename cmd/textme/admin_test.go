package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// An admin signs in, finds a customer by any spelling of the number or by
// SID, reads the transcript, and reveals the number on the record.
func TestAdminSeesTheMapping(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.settled()

	s.get("/admin/conversations", http.StatusSeeOther)
	s.runs(exitOK, "a long canary password\n", "admins", "add", "carla")
	wrong := s.post("/admin/sign-in", url.Values{"username": {"carla"}, "password": {"another canary password"}})
	if wrong.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("a wrong password answered %s", wrong.Status)
	}
	in := s.post("/admin/sign-in", url.Values{"username": {"carla"}, "password": {"a long canary password"}})
	if in.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign-in answered %s", in.Status)
	}

	ch := s.sim.Conversations()[0].SID
	mb := s.sim.Participants(ch)[0].SID
	for _, spelling := range []string{"", "+14155550142", "(415) 555-0142", "415.555.0142", ch, mb} {
		page := s.get("/admin/conversations?q="+url.QueryEscape(spelling), http.StatusOK)
		for _, want := range []string{"Ann Canary", ch, mb, "active"} {
			if !strings.Contains(page, want) {
				t.Errorf("searching for %q, the list lacks %q", spelling, want)
			}
		}
		if strings.Contains(page, "555-0142") && spelling == "" {
			t.Error("the list shows a whole number")
		}
	}
	if page := s.get("/admin/conversations?q="+url.QueryEscape("+14155550199"), http.StatusOK); strings.Contains(page, ch) {
		t.Error("searching for another number finds Ann")
	}

	list := s.get("/admin/conversations", http.StatusOK)
	link := regexp.MustCompile(`/admin/conversations/[0-9a-f-]{36}`).FindString(list)
	if link == "" {
		t.Fatal("the list links to no conversation")
	}
	page := s.get(link, http.StatusOK)
	for _, want := range []string{"HOURS", "open Mon-Fri 9-6", "thanks for signing up", "delivered", "admitted", ch, mb} {
		if !strings.Contains(page, want) {
			t.Errorf("the conversation page lacks %q", want)
		}
	}
	if strings.Contains(page, "555-0142") || strings.Contains(page, "5550142") {
		t.Error("the conversation page shows the whole number unasked")
	}

	csrf := csrfOf(page)
	before := one[int](s, `SELECT count(*) FROM audit_log WHERE action = 'reveal-phone'`)
	shown := s.post(link+"/reveal", csrf)
	if text := bodyOf(s, shown); shown.StatusCode != http.StatusOK || !regexp.MustCompile(`555.?0142`).MatchString(text) {
		t.Errorf("reveal answered %s without the number", shown.Status)
	}
	if after := one[int](s, `SELECT count(*) FROM audit_log WHERE action = 'reveal-phone' AND actor = 'admin:carla'`); after != before+1 {
		t.Errorf("the audit log has %d reveals, want %d", after, before+1)
	}

	if out := s.post("/admin/sign-out", csrf); out.StatusCode != http.StatusSeeOther {
		t.Errorf("sign-out answered %s", out.Status)
	}
	s.get(link, http.StatusSeeOther)
}

// csrfOf is what a form of an admin page sends along.
func csrfOf(page string) url.Values {
	return url.Values{"csrf_token": {regexp.MustCompile(`name="csrf_token"[^>]*value="([^"]+)"`).FindStringSubmatch(page)[1]}}
}
