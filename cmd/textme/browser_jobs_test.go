//go:build browser

package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

const jobsPage = storyPublic + "/admin/jobs"

// An admin finds the failed job on the queue's page, reads why it failed, and
// runs it again; the strict policy gets in nobody's way.
func TestBrowserJobs(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	s := newStoryAt(t, broken(&down))
	s.signsUp(ann, "Ann Canary")
	s.until("the job has failed, and its own next attempt is far away", func() bool { return s.putOff() > 0 })

	b := visit(s)
	b.signsIn(s, "carla")
	b.leads("open the jobs", http.StatusOK, click(".bar nav a"))
	b.shows("Running")
	b.opens(jobsPage+"/jobs?state=retryable", http.StatusOK)
	b.do("open the failed job", chromedp.Click(chromedp.CSS(`main a[href^="/admin/jobs/jobs/"]`)))
	b.shows("create conversation: 20500")
	down.Store(false)
	b.do("retry it", chromedp.Click(chromedp.Search(`//button[contains(., "Retry")]`)))
	s.gets(ann, "thanks for signing up")
	if n := one[int](s, `SELECT count(*) FROM audit_log WHERE actor = 'admin:carla' AND action = 'retry-jobs' AND subject LIKE 'jobs %'`); n != 1 {
		t.Errorf("the audit log has %d retries, want 1", n)
	}
	b.opens(jobsPage+"/queues", http.StatusOK)
	b.shows("background")
	b.opens(jobsPage+"/jobs?state=completed", http.StatusOK)
	b.shows("advance")
	b.untroubled()
}

// shows waits until the page's script has put the text on the page.
func (b *browser) shows(text string) {
	b.t.Helper()
	b.do("see "+text, chromedp.Poll[chromedp.Void](`document.body.innerText.includes(`+"`"+strings.ReplaceAll(text, "`", "")+"`"+`)`))
}
