package main

import (
	"bufio"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"textme/chat"
	"textme/jobs"
	"textme/store/storetest"
)

// sidLike finds a SID of Twilio's.
var sidLike = regexp.MustCompile(`[A-Z]{2}[0-9a-f]{32}`)

// scrape reads the metrics as they are now, by name and labels.
func (s *story) scrape() map[string]float64 {
	s.t.Helper()
	address := regexp.MustCompile(`metrics are at (\S+)`).FindStringSubmatch(s.out.String())
	if address == nil {
		s.t.Fatal("serve does not say where the metrics are")
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address[1], nil)
	must(s.t, err)
	r := s.do(req)
	if r.StatusCode != http.StatusOK {
		s.t.Fatalf("the metrics answered %s", r.Status)
	}
	found := map[string]float64{}
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if name := line[:at]; canaries.MatchString(name) || strings.Contains(name, "555") || sidLike.MatchString(name) {
			s.t.Errorf("a metric tells too much: %s", line)
		}
		value, err := strconv.ParseFloat(line[at+1:], 64)
		must(s.t, err)
		found[line[:at]] = value
	}
	must(s.t, lines.Err())
	return found
}

func withMetrics(env map[string]string) { env["METRICS_LISTEN"] = "127.0.0.1:0" }

// Everything that watching needs is there, and no person is.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newStory(t, withMetrics)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.settled()
	s.get("/s/Canary+14155550142?phone=%2B14155550142", http.StatusNotFound)
	s.get("/nowhere/+14155550142", http.StatusNotFound)
	made, err := http.NewRequestWithContext(t.Context(), "CANARY", s.url+"/healthz", nil)
	must(t, err)
	s.answers(made, http.StatusMethodNotAllowed)

	const swept = `textme_job_last_finished_timestamp_seconds{kind="sweep"}`
	s.until("the first sweep has ended", func() bool { return s.scrape()[swept] > 0 })
	got := s.scrape()
	for _, want := range []struct {
		name  string
		least float64
	}{
		{`textme_http_request_seconds_count{method="POST",route="/signup/:source",status="303"}`, 1},
		{`textme_http_request_seconds_count{method="POST",route="/webhooks/twilio/conversations",status="204"}`, 2},
		{`textme_http_request_seconds_count{method="GET",route="/s/:source",status="404"}`, 1},
		{`textme_http_request_seconds_count{method="other",route="/healthz",status="405"}`, 1},
		{`textme_twilio_calls_total{code="0",op="create message",status="201"}`, 2},
		{`textme_twilio_calls_total{code="0",op="add participant",status="201"}`, 1},
		{`textme_twilio_call_seconds_count{op="create conversation"}`, 1},
		{`textme_job_runs_total{kind="advance",result="done"}`, 1},
		{`textme_job_last_finished_timestamp_seconds{kind="advance"}`, 1_700_000_000},
		{swept, 1_700_000_000},
		{`textme_job_run_seconds_count{kind="advance"}`, 1},
		{`textme_database_up`, 1},
		{`textme_jobs{state="discarded"}`, 0},
		{`textme_queue_oldest_due_seconds`, 0},
		{`textme_paused{scope="account"}`, 0},
		{`textme_events_parked`, 0},
		{`textme_messages_unsent_oldest_seconds`, 0},
		{`textme_webhooks_lost_total{kind="text"}`, 0},
		{`textme_webhooks_lost_total{kind="deletion"}`, 0},
		{`go_goroutines`, 1},
	} {
		if v, there := got[want.name]; !there || v < want.least {
			t.Errorf("%s is %v (there: %v), want at least %v", want.name, v, there, want.least)
		}
	}
}

// While workers stand still, sign-ups are accepted and the queue's age tells.
func TestMetricsTellOfFrozenWorkers(t *testing.T) {
	t.Parallel()
	s := newStory(t, withMetrics)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	const age, due, beat = "textme_queue_oldest_due_seconds", `textme_jobs{state="available"}`, `textme_job_last_finished_timestamp_seconds{kind="advance"}`
	healthy := s.scrape()
	if healthy[age] != 0 || healthy[due] != 0 {
		t.Errorf("with nothing to do the queue is %v s old with %v jobs", healthy[age], healthy[due])
	}

	s.runs(exitOK, "a long canary password\n", "admins", "add", "carla")
	s.post("/admin/sign-in", url.Values{"username": {"carla"}, "password": {"a long canary password"}})
	queue := func(act string) {
		t.Helper()
		req := s.request(http.MethodPut, "/admin/jobs/api/queues/default/"+act, nil)
		req.Header.Set("Origin", storyPublic)
		s.answers(req, http.StatusOK)
	}
	queue("pause")
	s.until("the workers stand still", func() bool { return strings.Contains(s.out.String(), `"msg":"producer: Paused"`) })
	before := s.scrape()
	s.signsUp(bob, "Bob Canary") // accepted all the same
	first := s.scrape()
	var second map[string]float64
	s.until("the queue grows older", func() bool { second = s.scrape(); return second[age] > first[age] })
	if first[due] != 1 || first[age] <= 0 || second[beat] != before[beat] {
		t.Errorf("with frozen workers there are %v jobs, the oldest due for %v and then %v s; the last ended at %v, before at %v",
			first[due], first[age], second[age], second[beat], before[beat])
	}
	queue("resume")
	s.gets(bob, "thanks for signing up")
	s.until("the queue is young again and the heartbeat goes on", func() bool {
		after := s.scrape()
		return after[age] == 0 && after[beat] > before[beat]
	})
}

// What stops sending shows: a broken sender as a pause and in the calls, and
// texts that do not go out in their age.
func TestMetricsTellOfAPause(t *testing.T) {
	t.Parallel()
	s := newStory(t, withMetrics)
	s.sim.RefuseSender(storySender, 50413)
	s.signsUp(ann, "Ann Canary")
	s.until("the sender is paused", func() bool { return s.scrape()[`textme_paused{scope="sender"}`] == 1 })
	if n := s.scrape()[`textme_twilio_calls_total{code="50413",op="add participant",status="400"}`]; n < 1 {
		t.Errorf("%v refused calls are counted, want 1 or more", n)
	}
}

// A pause of the account is told apart from one of a sender.
func TestMetricsTellOfThePausedAccount(t *testing.T) {
	t.Parallel()
	s := newStory(t, withMetrics)
	s.sim.RevokeCredentials(true)
	s.signsUp(ann, "Ann Canary")
	s.until("the account is paused", func() bool { return s.scrape()[`textme_paused{scope="account"}`] == 1 })
	if n := s.scrape()[`textme_paused{scope="sender"}`]; n != 0 {
		t.Errorf("%v senders are paused, want none", n)
	}
}

// Without its database the process still answers a scrape, and says so.
func TestMetricsWithoutDatabase(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t)
	keys, err := chat.NewKeyring(make([]byte, chat.MinSecret))
	must(t, err)
	queue, err := jobs.NewQueue(pool)
	must(t, err)
	pool.Close()
	m := newMetrics()
	handler := m.handler(waiting{newStore(pool, keys, nil), queue, slog.New(slog.DiscardHandler)})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	text := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(text, "textme_database_up 0\n") || strings.Contains(text, "textme_jobs") {
		t.Errorf("the metrics answered %d:\n%s", w.Code, text)
	}
}

// Row S4: while the auth token is rotated no webhook is refused, and it can be
// watched which token signs.
func TestTokenRotation(t *testing.T) {
	t.Parallel()
	next := randomHex(16)
	s := newStory(t, withMetrics, func(env map[string]string) { env["TWILIO_AUTH_TOKEN_SECONDARY"] = next })
	signed := func(token string) float64 { return s.scrape()[`textme_webhooks_verified_total{token="`+token+`"}`] }
	heard := func(n int) func() bool {
		return func() bool {
			return one[int](s, `SELECT count(*) FROM events WHERE type = 'onMessageAdded' AND via = 'webhook'`) == n
		}
	}
	s.says(ann, "one")
	s.until("the first text is known", heard(1))
	s.settled() // with all that was signed because of it
	before := signed("primary")
	if before == 0 || signed("secondary") != 0 {
		t.Errorf("before: %v by the primary token, %v by the other", before, signed("secondary"))
	}
	s.sim.PromoteAuthToken(next)
	s.says(ann, "two")
	s.says(ann, "three")
	s.until("the others are known too", heard(3))
	if signed("secondary") < 2 || signed("primary") != before {
		t.Errorf("after: %v by the primary token, %v by the other", signed("primary"), signed("secondary"))
	}
	if strings.Contains(s.out.String(), "webhook refused") {
		t.Error("a webhook was refused")
	}
}
