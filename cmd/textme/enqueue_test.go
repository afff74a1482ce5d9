package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"textme/twilio/twiliosim"
)

// Row C4: when the wake-up cannot be enqueued, nothing of what it is about is recorded,
// and whoever brought it is not told that it was, but to come again. Then all goes well.
func TestNothingIsRecordedWithoutItsJob(t *testing.T) {
	t.Parallel()
	var wire *wiretap
	s := newStoryAt(t, func(o *twiliosim.Options) { wire = tap(t, o) }, func(env map[string]string) { env["RECONCILE_EVERY"] = "off" })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	token := tokenIn.FindStringSubmatch(s.get("/s/default", http.StatusOK))[1]

	website := s.request(http.MethodPost, "/signup", nil)
	website.Header.Set("Content-Type", "application/json")
	website.Header.Set("Idempotency-Key", "cleo")
	var webhook tapped
	doors := map[string]struct {
		ask  func() *http.Response
		well int // is answered when all goes well
	}{
		"a page": {func() *http.Response {
			return s.post("/signup/default", url.Values{"phone": {string(bob)}, "name": {"Bob Canary"}, "consent": {"yes"}, "form_token": {token}})
		}, http.StatusSeeOther},
		"a website": {func() *http.Response {
			website.Body = io.NopCloser(strings.NewReader(`{"phone":"+14155550177","name":"Cleo Canary","consent":true}`))
			return s.do(website)
		}, http.StatusAccepted},
		"a webhook": {func() *http.Response { return s.posts(webhook) }, http.StatusNoContent},
	}
	recorded := func() string {
		return one[string](s, `SELECT concat_ws(' ', (SELECT count(*) FROM customers), (SELECT count(*) FROM conversations), (SELECT count(*) FROM signups),
			(SELECT count(*) FROM signup_details), (SELECT count(*) FROM events), (SELECT count(*) FROM messages))`)
	}
	before := recorded()
	for _, why := range []string{"disk_full", "raise_exception"} { // what comes again by itself and what does not
		_, err := s.db.Exec(t.Context(), `CREATE OR REPLACE FUNCTION refuse_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN RAISE EXCEPTION 'no more jobs' USING ERRCODE = '`+why+`'; END $$;
			CREATE OR REPLACE TRIGGER refuse_jobs BEFORE INSERT ON river_job FOR EACH STATEMENT EXECUTE FUNCTION refuse_jobs()`)
		must(t, err)
		if webhook.body == nil {
			s.says(ann, "HOURS")
			must(t, s.sim.Settle(t.Context()))
			seen := wire.seen()
			webhook = seen[len(seen)-1]
			if after := recorded(); webhook.status != http.StatusServiceUnavailable || after != before {
				t.Fatalf("a webhook, where a job meets %s: answered %d, and the tables have %s rows, want 503 and %s as before", why, webhook.status, after, before)
			}
		}
		for name, door := range doors {
			if got := door.ask().StatusCode; got/100 != 5 {
				t.Errorf("%s, where a job meets %s: answered %d, want an error of ours", name, why, got)
			}
			if after := recorded(); after != before {
				t.Fatalf("%s, where a job meets %s: the tables have %s rows, want %s as before", name, why, after, before)
			}
		}
	}
	_, err := s.db.Exec(t.Context(), `DROP TRIGGER refuse_jobs ON river_job`)
	must(t, err)
	for name, door := range doors {
		if got := door.ask().StatusCode; got != door.well {
			t.Errorf("%s, with jobs again: answered %d, want %d", name, got, door.well)
		}
	}
	s.gets(ann, "open Mon-Fri")
	s.gets(bob, "thanks for signing up")
	s.gets("+14155550177", "thanks for signing up")
	s.settled()
	if n := one[int](s, `SELECT count(*) FROM signups`); n != 3 {
		t.Errorf("%d sign-ups are recorded, want one each", n)
	}
}
