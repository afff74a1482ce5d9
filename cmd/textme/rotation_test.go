package main

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A rotation is two replicas whose auth token is replaced, restarted one after
// the other, while webhooks signed by the old and the new token come in.
type rotation struct {
	replicas [2]*story
	account  string
	valid    sync.RWMutex // held by whoever posts; to change it, nothing is under way
	tokens   []string     // that Twilio may sign with
	taken    sync.Map     // token: *atomic.Int64, how many webhooks of it were answered 204
	posted   atomic.Int64
}

// restarts restarts the replicas one after the other with tokens as settings.
func (r *rotation) restarts(primary, secondary string) {
	for _, replica := range r.replicas {
		replica.stop()
		replica.env = maps.Clone(replica.env)
		replica.env["TWILIO_AUTH_TOKEN"], replica.env["TWILIO_AUTH_TOKEN_SECONDARY"] = primary, secondary
		replica.serve()
	}
}

// signsWith has webhooks signed with these tokens from now on, and waits until
// some of each were taken.
func (r *rotation) signsWith(tokens ...string) {
	r.valid.Lock()
	r.tokens = tokens
	r.valid.Unlock()
	r.someMore()
}

// someMore waits until more webhooks of every token were taken.
func (r *rotation) someMore() {
	s := r.replicas[0]
	s.t.Helper()
	for _, token := range r.tokens {
		n := r.count(token)
		enough := n.Load() + 50
		s.until("more webhooks are taken", func() bool { return n.Load() >= enough })
	}
}

func (r *rotation) count(token string) *atomic.Int64 {
	n, _ := r.taken.LoadOrStore(token, new(atomic.Int64))
	return n.(*atomic.Int64)
}

// post posts webhooks by turns of all tokens until done is closed. One that meets
// with a replica that is being restarted goes to the other, as behind a balancer.
func (r *rotation) post(done <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
			r.postOne(i)
		}
	}
}

func (r *rotation) postOne(i int) {
	r.valid.RLock()
	defer r.valid.RUnlock()
	token := r.tokens[i%len(r.tokens)]
	n := r.posted.Add(1)
	for attempt := n; ; attempt++ {
		s := r.replicas[attempt%2]
		req, err := r.signedBy(token, s.at.Load().String(), n)
		if err != nil {
			s.t.Error(err)
			return
		}
		answer, err := http.DefaultTransport.RoundTrip(req)
		if s.t.Context().Err() != nil {
			return
		}
		if err != nil {
			continue // it is the one that is down
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusNoContent {
			s.t.Errorf("a valid webhook was answered %s (%v)", answer.Status, err)
		}
		r.count(token).Add(1)
		return
	}
}

// signedBy is the n-th webhook, signed with the token. Nobody keeps its connection,
// which a replica that stops would cut.
func (r *rotation) signedBy(token, at string, n int64) (*http.Request, error) {
	const path = "/webhooks/twilio/conversations"
	body := fmt.Sprintf("AccountSid=%s&EventType=onTypingStarted&N=%d", r.account, n)
	req, err := http.NewRequestWithContext(r.replicas[0].t.Context(), http.MethodPost, at+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", signWebhook(token, storyPublic+path, body))
	return req, nil
}

// Row S4: the token is rotated as docs/twilio-setup.md says, under load. No
// webhook is refused that Twilio may have signed, and once the old token is out of
// the settings no replica takes it any more.
func TestTokenRotationUnderLoad(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	before, after := s.env["TWILIO_AUTH_TOKEN"], randomHex(16)
	peer := &story{t: t, env: s.env, out: new(output), web: s.web}
	peer.serve()
	t.Cleanup(func() { peer.stop() })
	r := &rotation{replicas: [2]*story{s, peer}, account: s.env["TWILIO_ACCOUNT_SID"], tokens: []string{before}}

	done := make(chan struct{})
	var posters sync.WaitGroup
	for range 4 {
		posters.Go(func() { r.post(done) })
	}
	end := sync.OnceFunc(func() { close(done); posters.Wait() })
	t.Cleanup(end)
	r.someMore()
	r.restarts(before, after)
	r.signsWith(before, after) // Twilio promotes the new one, and what the old one signed is still under way
	s.sim.PromoteAuthToken(after)
	r.signsWith(after)
	r.restarts(after, "")
	r.someMore()
	end()

	if got, want := one[int64](s, `SELECT count(*) FROM events WHERE type = 'onTypingStarted'`), r.posted.Load(); got != want {
		t.Errorf("%d webhooks are stored, %d were taken", got, want)
	}
	for _, replica := range r.replicas {
		for token, status := range map[string]int{before: http.StatusForbidden, after: http.StatusNoContent} {
			req, err := r.signedBy(token, replica.url, -1)
			must(t, err)
			replica.answers(req, status)
		}
		if n := strings.Count(replica.out.String(), `"msg":"webhook refused"`); n != 1 {
			t.Errorf("%d webhooks were refused, want only the last of the old token:\n%s", n, replica.out)
		}
	}
	t.Logf("%d webhooks were posted", r.posted.Load())
}
