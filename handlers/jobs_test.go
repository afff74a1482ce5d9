package handlers

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

// sameOriginScript is what a browser says of a call by a script of our page.
var sameOriginScript = header("Sec-Fetch-Site", "same-origin")

// What the browser asks of the queue's page reaches it whole.
func TestJobsPage(t *testing.T) {
	t.Parallel()
	s := newService(t)
	jar, _ := s.signIn(t)
	for _, target := range []string{"/admin/jobs", "/admin/jobs/", "/admin/jobs/queues/default", "/admin/jobs/api/jobs?state=retryable&limit=20"} {
		w := s.get(target, cookies(jar))
		wantStatus(t, w, http.StatusOK)
		if got, want := w.Body.String(), "GET "+target+" "; got != want {
			t.Errorf("the page got %q, want %q", got, want)
		}
		if got := w.Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s may be cached: %q", target, got)
		}
	}
	if got := s.get("/admin/jobs/assets/main-c38GOSge.js", cookies(jar)).Header().Get("Cache-Control"); !strings.HasPrefix(got, "private,") {
		t.Errorf("the page's script is cached as %q, want private", got)
	}
	if got := s.get("/admin/jobs/assets/main-c38GOSge.js").Code; got != http.StatusSeeOther {
		t.Errorf("a stranger gets %d for the page's script, want the sign-in page", got)
	}
}

// A change is written down, with who and what, and then passed on unaltered.
func TestJobsChanges(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, target, body string
		status               int
		action, subject      string // "": nothing is written down
	}{
		"retry one":      {"POST", "jobs/retry", `{"ids":["12"]}`, 200, "retry-jobs", "jobs 12"},
		"cancel two":     {"POST", "jobs/cancel", `{"ids":["12","13"]}`, 200, "cancel-jobs", "jobs 12 13"},
		"delete one":     {"POST", "jobs/delete", `{"ids":["7"]}`, 200, "delete-jobs", "jobs 7"},
		"pause":          {"PUT", "queues/background/pause", ``, 200, "pause-queue", "queue background"},
		"resume":         {"PUT", "queues/default/resume", ``, 200, "resume-queue", "queue default"},
		"no number":      {"POST", "jobs/retry", `{"ids":["+12015550123"]}`, 400, "", ""},
		"no JSON":        {"POST", "jobs/retry", `ids=12`, 400, "", ""},
		"too much":       {"POST", "jobs/retry", `{"ids":["` + strings.Repeat("1", maxAdminForm) + `"]}`, 413, "", ""},
		"no queue":       {"PUT", "queues/+12015550123/pause", ``, 404, "", ""},
		"undeclared":     {"PUT", "jobs/retry", ``, 405, "", ""},
		"queue settings": {"PATCH", "queues/default", `{}`, 405, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			jar, _ := s.signIn(t)
			before := len(s.store.audits)
			target := "/admin/jobs/api/" + tt.target
			// The page's script sends JSON without saying so.
			w := s.do(tt.method, target, strings.NewReader(tt.body), cookies(jar), sameOriginScript, header("Content-Type", "text/plain;charset=UTF-8"))
			wantStatus(t, w, tt.status)
			var want []chat.AuditEntry
			if tt.action != "" {
				want = []chat.AuditEntry{{Actor: "admin:rosa", Action: tt.action, Subject: tt.subject, IP: netip.MustParseAddr("203.0.113.7")}}
				if got := w.Body.String(); got != tt.method+" "+target+" "+tt.body {
					t.Errorf("the page got %q", got)
				}
			}
			if diff := cmp.Diff(want, append([]chat.AuditEntry(nil), s.store.audits[before:]...), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("written down (-want +got):\n%s", diff)
			}
		})
	}
}

// What cannot be written down is not done.
func TestJobsChangeNeedsItsAuditEntry(t *testing.T) {
	t.Parallel()
	s := newService(t)
	jar, _ := s.signIn(t)
	s.store.auditErr = chat.ErrUnavailable
	w := s.do("PUT", "/admin/jobs/api/queues/default/pause", nil, cookies(jar), sameOriginScript)
	wantStatus(t, w, http.StatusServiceUnavailable)
	if strings.HasPrefix(w.Body.String(), "PUT") {
		t.Error("the queue was paused")
	}
}

func TestNoJobsPage(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c *Config) { c.Jobs = nil })
	jar, _ := s.signIn(t)
	wantStatus(t, s.get("/admin/jobs", cookies(jar)), http.StatusNotFound)
}
