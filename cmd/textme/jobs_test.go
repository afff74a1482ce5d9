package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"textme/twilio/twiliosim"
)

// broken makes every create of a conversation fail while it is true, for a
// reason of Twilio's own.
func broken(while *atomic.Bool) func(*twiliosim.Options) {
	return func(o *twiliosim.Options) {
		o.Fault = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !while.Load() || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/Conversations") {
					next.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = w.Write([]byte(`{"code": 20500, "message": "Internal error", "status": 500}`))
			})
		}
	}
}

// An operator sees why a job fails and runs it again once the cause is gone.
func TestFailedJobIsSeenAndRetried(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	s := newStoryAt(t, broken(&down))
	if got := s.runs(exitOK, "", "jobs", "list"); got != "No failed jobs.\n" {
		t.Errorf("with nothing failed, jobs list says %q", got)
	}
	down.Store(true)
	s.signsUp(ann, "Ann Canary")
	s.until("the job has failed, and its own next attempt is far away", func() bool { return s.putOff() > 0 })

	list := s.runs(exitOK, "", "jobs", "list")
	id := one[string](s, `SELECT id FROM conversations`)
	for _, want := range []string{"advance", "retryable", "of 100", id, "create conversation: 20500 Twilio had an internal error"} {
		if !strings.Contains(list, want) {
			t.Errorf("jobs list lacks %q:\n%s", want, list)
		}
	}
	var rows []struct {
		ID    json.Number
		State string
		Args  map[string]string
	}
	must(t, json.Unmarshal([]byte(s.runs(exitOK, "", "jobs", "list", "--state", "retryable,discarded", "--json")), &rows))
	if len(rows) != 1 || rows[0].State != "retryable" || rows[0].Args["conversation_id"] != id {
		t.Errorf("jobs list --json prints %+v", rows)
	}

	down.Store(false)
	if said := s.runs(exitOK, "", "jobs", "retry", rows[0].ID.String()); !strings.Contains(said, "is available") {
		t.Errorf("jobs retry says %q", said)
	}
	s.gets(ann, "thanks for signing up")
	s.hearsNothing(ann)
	if got := s.runs(exitOK, "", "jobs", "retry", "--all-failed"); got != "made due: 0\n" {
		t.Errorf("with nothing failed, jobs retry says %q", got)
	}
	if list := s.runs(exitOK, "", "jobs", "list", "--state", "all", "--limit", "1"); !strings.Contains(list, "completed") {
		t.Errorf("jobs list --state all says:\n%s", list)
	}

	for name, args := range map[string][]string{
		"nothing to retry": {"retry"},
		"both":             {"retry", "1", "--all-failed"},
		"no such state":    {"list", "--state", "lost"},
		"no limit":         {"list", "--limit", "0"},
	} {
		if said := s.runs(exitUsage, "", append([]string{"jobs"}, args...)...); strings.Contains(said, "goroutine") {
			t.Errorf("%s: %s", name, said)
		}
	}
	if said := s.runs(exitFailed, "", "jobs", "retry", "987654321"); !strings.Contains(said, "there is no job 987654321") {
		t.Errorf("retrying a job that is not there says %q", said)
	}
}

// putOff puts the next attempt of failed jobs an hour off and counts them.
func (s *story) putOff() int64 {
	s.t.Helper()
	tag, err := s.db.Exec(s.t.Context(), `UPDATE river_job SET state = 'retryable', scheduled_at = now() + interval '1 hour'
		WHERE state IN ('available', 'retryable') AND errors IS NOT NULL`)
	must(s.t, err)
	return tag.RowsAffected()
}

// The queue's page is for signed-in staff, and what they change is written
// down.
func TestJobsPageIsForStaff(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	const list = "/admin/jobs/api/jobs?state=completed"
	s.get("/admin/jobs/", http.StatusSeeOther)
	s.get(list, http.StatusSeeOther)

	s.runs(exitOK, "a long canary password\n", "admins", "add", "carla")
	s.post("/admin/sign-in", url.Values{"username": {"carla"}, "password": {"a long canary password"}})
	if page := s.get("/admin/conversations", http.StatusOK); !strings.Contains(page, `href="/admin/jobs"`) {
		t.Error("the admin page does not link to the jobs")
	}
	if page := s.get("/admin/jobs/", http.StatusOK); !strings.Contains(page, "/admin/jobs/assets/") {
		t.Errorf("the jobs page is\n%s", page)
	}
	if jobs := s.get(list, http.StatusOK); !strings.Contains(jobs, `"advance"`) || strings.Contains(jobs, "5550142") {
		t.Errorf("the completed jobs are %s", jobs)
	}
	pause := s.request(http.MethodPut, "/admin/jobs/api/queues/background/pause", nil)
	s.answers(pause.Clone(t.Context()), http.StatusForbidden)
	pause.Header.Set("Origin", storyPublic)
	s.answers(pause, http.StatusOK)
	if who := one[string](s, `SELECT actor FROM audit_log WHERE action = 'pause-queue' AND subject = 'queue background'`); who != "admin:carla" {
		t.Errorf("the pause is by %q in the audit log, want admin:carla", who)
	}
}
