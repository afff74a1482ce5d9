package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"textme/twilio/twiliosim"
)

// Row D4: when one kind of caller has taken all of its database connections and
// does not give them back, its callers are told to come again, soon, and
// everybody else is served as ever.
func TestNobodyStarvesTheOthers(t *testing.T) {
	t.Parallel()
	var tapped *wiretap
	s := newStoryAt(t, func(o *twiliosim.Options) { tapped = tap(t, o) }, func(env map[string]string) { env["RECONCILE_EVERY"] = "off" })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.settled()
	s.signsIn()
	captured := tapped.seen()[0] // posted again it changes nothing, but it is looked up

	var signups int
	var mu sync.Mutex
	doors := map[string]struct {
		ask    func() *http.Request
		served int
	}{
		"forms": {func() *http.Request {
			mu.Lock()
			defer mu.Unlock()
			signups++
			r := s.request(http.MethodPost, "/signup", strings.NewReader(fmt.Sprintf(`{"phone":"+1415555%04d","name":"Canary","consent":"yes"}`, 2000+signups)))
			r.Header.Set("Content-Type", "application/json")
			return r
		}, http.StatusAccepted},
		"webhooks": {func() *http.Request {
			r := s.request(http.MethodPost, captured.target, bytes.NewReader(captured.body))
			r.Header = captured.header.Clone()
			return r
		}, http.StatusNoContent},
		"staff":  {func() *http.Request { return s.request(http.MethodGet, "/admin/conversations", http.NoBody) }, http.StatusOK},
		"probes": {func() *http.Request { return s.request(http.MethodGet, "/readyz", http.NoBody) }, http.StatusOK},
	}
	ask := func(door string) (status int, took time.Duration) {
		begin := time.Now()
		return s.do(doors[door].ask()).StatusCode, time.Since(begin)
	}

	for _, c := range []struct {
		table, hungry string
		within        time.Duration // for the hungry to be told; slow machines included
	}{
		{"disclosures", "forms", 4 * time.Second},
		{"events", "webhooks", 5 * time.Second},
		{"sessions", "staff", 4 * time.Second},
		{"signup_outcomes", "work", 0},
	} {
		t.Run(c.hungry, func(t *testing.T) {
			release := s.hold(c.table)
			defer release()
			var callers sync.WaitGroup
			for range 40 {
				if c.hungry == "work" {
					ask("forms") // a job each
					continue
				}
				callers.Go(func() {
					if status, took := ask(c.hungry); status != http.StatusServiceUnavailable || took > c.within {
						t.Errorf("answered %d after %v, want 503 within %v", status, took, c.within)
					}
				})
			}
			s.until("connections wait for the table", func() bool {
				return one[bool](s, `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
			})
			for door, d := range doors {
				if door == c.hungry {
					continue
				}
				for range 5 {
					if status, took := ask(door); status != d.served || took > 2*time.Second {
						t.Errorf("%s: answered %d after %v, want %d at once", door, status, took, d.served)
					}
				}
			}
			callers.Wait()
		})
	}
	s.settled()
	const welcomed = `SELECT count(DISTINCT customer_id) FROM signups`
	if got := one[int](s, `SELECT count(*) FROM messages WHERE purpose = 'welcome' AND message_sid IS NOT NULL`); got != one[int](s, welcomed) {
		t.Errorf("%d were welcomed, want %d", got, one[int](s, welcomed))
	}
}

// hold keeps everybody else from a table until it is released.
func (s *story) hold(table string) (release func()) {
	s.t.Helper()
	tx, err := s.db.Begin(s.t.Context())
	must(s.t, err)
	_, err = tx.Exec(s.t.Context(), `LOCK TABLE `+table+` IN ACCESS EXCLUSIVE MODE`)
	must(s.t, err)
	return func() {
		s.t.Helper()
		must(s.t, tx.Rollback(context.WithoutCancel(s.t.Context())))
	}
}
