package main

import (
	"net/http"
	"strings"
	"testing"
)

// The credentials stop being valid in a quiet hour, in which nobody is to be texted or polled:
// polling tells the operator, once, and ends the pause when they are valid again.
func TestCredentialsFailInAQuietHour(t *testing.T) {
	t.Parallel()
	s := newStory(t, func(env map[string]string) { env["RECONCILE_EVERY"], env["RECONCILE_RATE"] = "2s", "off" })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	_, err := s.db.Exec(t.Context(), `UPDATE conversations SET last_activity_at = now() - interval '60 days', live_at = now() - interval '60 days', reconcile_at = now() + interval '2 days'`)
	must(t, err)
	paused := func(yes bool) func() bool {
		return func() bool { return one[bool](s, `SELECT EXISTS (SELECT FROM pauses WHERE ended_at IS NULL)`) == yes }
	}
	s.sim.RevokeCredentials(true)
	s.until("all is paused", paused(true))
	s.signsIn()
	if page := s.get("/admin/conversations", http.StatusOK); !strings.Contains(page, "wrong credentials") {
		t.Errorf("the admin page does not say why nothing is sent:\n%s", page)
	}
	s.sim.RevokeCredentials(false)
	s.until("sending goes on", paused(false))
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	for _, said := range []string{"sending paused", "sending resumed"} {
		times := func() int { return strings.Count(s.out.String(), said) }
		s.until("the log says that "+said, func() bool { return times() > 0 }) // the row comes before its line
		if n := times(); n != 1 {
			t.Errorf("the log says %q %d times, want once", said, n)
		}
	}
}
