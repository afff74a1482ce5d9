//go:build browser

package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	adminPassword = "a long canary password"
	adminList     = storyPublic + "/admin/conversations"
)

// An admin finds somebody by a spelling of the number, reads the talk, reveals
// the number and leaves; afterwards the pages are shut.
func TestBrowserAdmin(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann Canary")
	s.signsUp(bob, "Bob Canary")
	s.gets(ann, "thanks for signing up")
	s.gets(bob, "thanks for signing up")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.settled()

	b := visit(s)
	b.expect(storyPublic+"/admin/sign-in", http.StatusUnprocessableEntity)
	s.runs(exitOK, adminPassword+"\n", "admins", "add", "carla")
	b.opens(adminList, http.StatusOK)
	b.leads("sign in wrongly", http.StatusUnprocessableEntity, fill("username", "carla"), fill("password", "another canary password"), click("form button"))
	b.has("[role=alert]", "do not match")
	b.leads("sign in", http.StatusOK, fill("password", adminPassword), click("form button"))

	b.has("tbody", "Ann Canary", "Bob Canary", "active", "••• ••• 0142")
	if list := ask(b, "read the list", chromedp.Text(chromedp.CSS("table"))); strings.Contains(list, "555-0142") {
		t.Error("the list shows a whole number")
	}
	b.leads("search", http.StatusOK, fill("q", "415.555 0142\r"))
	if got := js[int](b, `document.querySelectorAll("tbody tr").length`); got != 1 {
		t.Errorf("the search finds %d conversations, want 1", got)
	}
	b.has("tbody", "Ann Canary")
	b.leads("reveal in the list", http.StatusOK, click("tbody .reveal button"))
	b.has("tbody", "+1 (415) 555-0142")

	b.leads("open the conversation", http.StatusOK, click("tbody td:last-child a"))
	b.has("h1", "Ann Canary")
	b.has(".transcript", "thanks for signing up", "HOURS", "open Mon-Fri 9-6", "delivered")
	b.has(".facts", "••• ••• 0142", s.sim.Participants(s.sim.Conversations()[0].SID)[0].SID[:2])
	at := b.leads("reveal", http.StatusOK, click(".reveal button"))
	b.has(".facts", "+1 (415) 555-0142")
	b.opens(strings.TrimSuffix(at, "/reveal"), http.StatusOK)
	b.has(".facts", "••• ••• 0142")

	if got := js[string](b, `document.cookie`); got != "" {
		t.Errorf("scripts can read the cookies %q", got)
	}
	b.leads("sign out", http.StatusOK, click(".bar button"))
	b.do("go back", chromedp.NavigateBack())
	b.has("h1", "Sign in")
	b.untroubled()
}

// signsIn adds an admin and signs in.
func (b *browser) signsIn(s *story, username string) {
	b.t.Helper()
	s.runs(exitOK, adminPassword+"\n", "admins", "add", username)
	b.opens(adminList, http.StatusOK)
	at := b.leads("sign in", http.StatusOK, fill("username", username), fill("password", adminPassword), click("form button"))
	if at != adminList {
		b.t.Fatalf("sign-in led to %s, want %s", at, adminList)
	}
}
