package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// What happens at Twilio while a worker is in the middle of something.

// hold lets one kind of call begin only when the test says so.
type hold struct {
	once    sync.Once
	begun   chan struct{}
	goOn    chan struct{}
	matches func(*http.Request) bool
}

func newHold(matches func(*http.Request) bool) *hold {
	return &hold{begun: make(chan struct{}), goOn: make(chan struct{}), matches: matches}
}

// wrap is a simulator's Fault.
func (h *hold) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.matches(r) {
			h.once.Do(func() {
				close(h.begun)
				<-h.goOn
			})
		}
		next.ServeHTTP(w, r)
	})
}

func isPost(suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, suffix)
	}
}

// beforeSend holds a sign-up's worker when its conversation is live and the
// welcome text is about to leave, does something, and lets the worker go on.
func (s *story) beforeSend(add *hold, do func(conversation string), known string) {
	s.t.Helper()
	<-add.begun
	tx, err := s.db.Begin(s.t.Context())
	must(s.t, err)
	_, err = tx.Exec(s.t.Context(), `SELECT FROM customers FOR NO KEY UPDATE`) // the gate waits for it
	must(s.t, err)
	close(add.goOn)
	const state = `SELECT EXISTS (SELECT FROM conversations WHERE state = $1)`
	s.until("the conversation is live", func() bool { return one[bool](s, state, chat.Active) })
	do(s.sim.Conversations()[0].SID)
	s.until("the conversation is "+known, func() bool { return one[bool](s, state, known) })
	must(s.t, tx.Commit(s.t.Context()))
}

// The customer texts us between our create and our add: Twilio makes a
// conversation of its own, which takes the pair, and we hear of it while the
// sign-up's worker waits for its answer. There is one conversation, the answer
// and the welcome.
func TestTextCrossesSignUp(t *testing.T) {
	t.Parallel()
	add := newHold(isPost("/Participants"))
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault = add.wrap })
	s.signsUp(ann, "Ann Canary")
	<-add.begun
	s.says(ann, "HOURS")
	s.until("the text's conversation was looked at", func() bool {
		return one[bool](s, `SELECT EXISTS (SELECT FROM river_job WHERE kind = 'adopt' AND finalized_at IS NOT NULL)`)
	})
	close(add.goOn)
	s.settled()
	if got := strings.Join(s.ours(ann), " | "); strings.Count(got, "thanks for signing up") != 1 || strings.Count(got, "open Mon-Fri") != 1 {
		t.Errorf("the phone got %q, want the welcome and the hours, once each", got)
	}
	if n := one[int](s, `SELECT count(*) FROM conversations WHERE state = 'active'`); n != 1 {
		t.Errorf("%d live conversations, want 1", n)
	}
}

// Somebody closes the conversation before the welcome text has left, or while
// it is being sent: the sign-up still comes to a live conversation and its
// welcome.
func TestClosedBeforeWelcome(t *testing.T) {
	t.Parallel()
	t.Run("before it is sent", func(t *testing.T) {
		t.Parallel()
		add := newHold(isPost("/Participants"))
		s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault = add.wrap })
		s.signsUp(ann, "Ann Canary")
		s.beforeSend(add, func(sid string) { must(t, s.sim.Console(true).Close(sid)) }, string(chat.Closed))
		s.isWelcomedOnce()
	})
	t.Run("by its timer", func(t *testing.T) {
		t.Parallel()
		add, clock := newHold(isPost("/Participants")), twiliosim.NewClock(time.Now().Add(-closedTimer))
		s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault, o.Clock = add.wrap, clock })
		s.goesOn(clock)
		s.signsUp(ann, "Ann Canary")
		s.beforeSend(add, func(sid string) {
			must(t, s.sim.Console(true).SetTimers(sid, 0, closedTimer))
			clock.Advance(closedTimer)
		}, string(chat.Closed))
		s.isWelcomedOnce()
	})
	t.Run("while it is sent", func(t *testing.T) {
		t.Parallel()
		post := newHold(isPost("/Messages"))
		s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault = post.wrap })
		s.signsUp(ann, "Ann Canary")
		<-post.begun
		must(t, s.sim.Console(true).Close(s.sim.Conversations()[0].SID))
		s.until("the closing is known", func() bool {
			return one[bool](s, `SELECT EXISTS (SELECT FROM conversations WHERE state = 'closed')`)
		})
		close(post.goOn)
		s.isWelcomedOnce()
	})
}

// closedTimer is Twilio's shortest for closing a conversation.
const closedTimer = 10 * time.Minute

// goesOn advances the clock as time goes by, until the test ends.
func (s *story) goesOn(clock *twiliosim.Clock) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-tick.C:
				clock.Advance(5 * time.Millisecond)
			case <-stop:
				tick.Stop()
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		close(stop)
		<-ended
	})
}

// isWelcomedOnce expects ann to be in one live conversation, with one welcome.
func (s *story) isWelcomedOnce() {
	s.t.Helper()
	s.gets(ann, "thanks for signing up")
	s.hearsNothing(ann)
	if n := one[int](s, `SELECT count(*) FROM conversations WHERE state = 'active'`); n != 1 {
		s.t.Errorf("%d live conversations, want 1", n)
	}
}

// A sign-up on a conversation that closes before it is decided moves on to a
// new one.
func TestClosedBeforeDecision(t *testing.T) {
	t.Parallel()
	s := newStory(t, func(env map[string]string) { env["WELCOME_EVERY"] = "off" })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	// The worker is kept from the conversation while both facts arrive.
	_, err := s.db.Exec(t.Context(), `UPDATE conversations SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 hour'`)
	must(t, err)
	s.signsUp(ann, "Ann Canary")
	must(t, s.sim.Console(true).Close(s.sim.Conversations()[0].SID))
	s.until("the closing is known", func() bool {
		return one[bool](s, `SELECT EXISTS (SELECT FROM conversations WHERE state = 'closed')`)
	})
	_, err = s.db.Exec(t.Context(), `UPDATE conversations SET lease_token = NULL, lease_until = NULL`)
	must(t, err)
	s.settled()
	if n := one[int](s, `SELECT count(*) FROM conversations WHERE state = 'active'`); n != 1 {
		t.Errorf("%d live conversations, want 1", n)
	}
	if got := one[string](s, `SELECT string_agg(outcome, ' ' ORDER BY created_at) FROM signups JOIN signup_outcomes ON signup_id = id`); got != "admitted admitted" {
		t.Errorf("outcomes are %q, want admitted admitted", got)
	}
}

// Somebody removes the participant just before the welcome text leaves: it
// waits until they are there again.
func TestRemovedBeforeWelcome(t *testing.T) {
	t.Parallel()
	add := newHold(isPost("/Participants"))
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault = add.wrap })
	s.signsUp(ann, "Ann Canary")
	s.beforeSend(add, func(sid string) {
		must(t, s.sim.Console(true).RemoveParticipant(sid, s.sim.Participants(sid)[0].SID))
	}, string(chat.Pending))
	s.isWelcomedOnce()
}

// A number that another system had, and that texts us later, is heard and
// answered.
func TestFailedNumberTexts(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	theirs := strings.TrimSpace(s.runs(exitOK, "", "conversations", "create", "--unique-name", "another-system"))
	s.runs(exitOK, "", "participants", "add", "--conversation", theirs, "--phone", string(ann), "--database-url", "")
	s.signsUp(ann, "Ann Canary")
	s.settled()
	if got := one[string](s, `SELECT state FROM conversations`); got != string(chat.Failed) {
		t.Fatalf("the conversation is %s, want failed", got)
	}
	must(t, s.sim.Console(true).Close(theirs))
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.hearsNothing(ann)
}

// The pair rule knows no Conversation Services: a number that is in a conversation of
// another one is another system's, which is said at once, and is welcomed after that one
// has ended.
func TestNumberInAnotherService(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	theirs := s.inAnotherService(ann)
	s.signsUp(ann, "Ann Canary")
	s.settled()
	if got := one[string](s, `SELECT state || ': ' || failure_reason FROM conversations WHERE state <> 'closed'`); got != "failed: "+chat.ForeignClaimed {
		t.Fatalf("the conversation is %s", got)
	}
	s.says(ann, "HOURS") // to them, not to us
	s.hearsNothing(ann)
	s.another(http.MethodPost, theirs, "State=closed")
	s.runs(exitOK, "", "conversations", "retry", one[string](s, `SELECT id::text FROM conversations WHERE state = 'failed'`))
	s.gets(ann, "thanks for signing up")
	s.hearsNothing(ann)
}

// Credentials that may not look into other services pause nobody: the number that is in
// one waits, and is welcomed when it is free.
func TestOtherServicesAreForbidden(t *testing.T) {
	t.Parallel()
	var looks atomic.Int64
	s := newStoryAt(t, func(o *twiliosim.Options) {
		o.Fault = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/v1/Services" {
					next.ServeHTTP(w, r)
					return
				}
				looks.Add(1)
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `{"status": 403, "code": 20003, "message": "Permission denied"}`) // who hangs up is answered enough
			})
		}
	}, quickProbes)
	theirs := s.inAnotherService(ann)
	s.signsUp(ann, "Ann Canary")
	s.until("we have looked into other services twice", func() bool { return looks.Load() >= 2 })
	s.signsUp(drifter, "Canary")
	s.gets(drifter, "thanks for signing up")
	if n := s.alerts("sending paused"); n > 0 {
		t.Error("sending was paused")
	}
	s.another(http.MethodPost, theirs, "State=closed")
	s.gets(ann, "thanks for signing up")
	s.hearsNothing(ann)
}

// inAnotherService puts the phone into a conversation of another system's service, and is
// its path.
func (s *story) inAnotherService(phone chat.Phone) (path string) {
	s.t.Helper()
	path = "Services/" + s.another(http.MethodPost, "Services", "FriendlyName=Theirs") + "/Conversations"
	path += "/" + s.another(http.MethodPost, path, "")
	s.another(http.MethodPost, path+"/Participants", url.Values{"MessagingBinding.Address": {string(phone)}, "MessagingBinding.ProxyAddress": {storySender}}.Encode())
	return path
}

// A row that was closed while its conversation stands, as after a restored
// backup, is opened again by a new sign-up, and welcomes whom it never has.
func TestSignUpReopensEarlierRow(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.settled()
	_, err := s.db.Exec(t.Context(), `UPDATE conversations SET state = 'closed', closed_at = now()`)
	must(t, err)
	s.signsUp(ann, "Ann Canary")
	s.isWelcomedOnce()
	if n := len(s.sim.Conversations()); n != 1 {
		t.Errorf("Twilio has %d conversations, want 1", n)
	}
}

// A Conversations service that is not there is the operator's to repair: it
// makes no end of rows, and closes no conversation of those that stand.
func TestUnknownService(t *testing.T) {
	t.Parallel()
	s := newStory(t, func(env map[string]string) { env["RECONCILE_EVERY"] = "1h" })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	s.env["TWILIO_SERVICE_SID"] = "IS" + strings.Repeat("0", 32)
	s.stop()
	s.serve()
	s.isPaused("a sign-up", func() { s.signsUp(bob, "Bob Canary") })
	s.isPaused("a conversation", func() { s.says(ann, "HOURS") })
	s.env["RECONCILE_EVERY"] = "1s"
	s.stop()
	s.serve()
	s.isPaused("a poll", func() {
		_, err := s.db.Exec(t.Context(), `UPDATE conversations SET reconcile_at = now() WHERE conversation_sid IS NOT NULL`)
		must(t, err)
	})
	if got := one[string](s, `SELECT string_agg(state, ' ' ORDER BY created_at) FROM conversations`); got != "active pending" {
		t.Errorf("the rows are %s, want active pending", got)
	}
}

// isPaused expects what do brings about to pause sending.
func (s *story) isPaused(by string, do func()) {
	s.t.Helper()
	_, err := s.db.Exec(s.t.Context(), `UPDATE pauses SET ended_at = now()`)
	must(s.t, err)
	do()
	s.until("sending is paused by "+by, func() bool {
		return one[bool](s, `SELECT EXISTS (SELECT FROM pauses WHERE ended_at IS NULL)`)
	})
}

// Somebody texts STOP, and their conversation ends before we have looked at it:
// it was said to us all the same.
func TestEndedBeforeAdopted(t *testing.T) {
	t.Parallel()
	// Who was in it is told last.
	late := []twiliosim.Rule{{On: []string{chat.ParticipantAdded}, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookDelayed, Delay: 6 * time.Second}}}}
	for _, how := range []struct {
		name, reason string
		end          func(console twiliosim.Console, ch, mb string) error
		faults       []twiliosim.Rule
	}{
		{"closed", "closed at Twilio", func(c twiliosim.Console, ch, _ string) error { return c.Close(ch) }, nil},
		{"deleted", "deleted at Twilio", func(c twiliosim.Console, ch, _ string) error { return c.Delete(ch) }, nil},
		{"deleted, told late", "deleted at Twilio", func(c twiliosim.Console, ch, _ string) error { return c.Delete(ch) }, late},
		{"emptied", "nobody is in it at Twilio", twiliosim.Console.RemoveParticipant, nil},
		{"emptied, told late", "nobody is in it at Twilio", twiliosim.Console.RemoveParticipant, late},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			fetch := newHold(func(r *http.Request) bool {
				return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/Conversations/CH")
			})
			s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault = fetch.wrap })
			must(t, s.sim.SetFaults(twiliosim.Faults{Seed: 1, Webhooks: how.faults}))
			s.says(ann, "STOP")
			<-fetch.begun
			ch := s.sim.Conversations()[0].SID
			must(t, how.end(s.sim.Console(true), ch, s.sim.Participants(ch)[0].SID))
			close(fetch.goOn)
			s.until("what was said is known", func() bool {
				return one[bool](s, `SELECT EXISTS (SELECT FROM messages WHERE body = 'STOP')`)
			})
			s.settled()
			if got := one[string](s, `SELECT state || ' ' || failure_reason FROM conversations`); got != "closed "+how.reason {
				t.Errorf("the row is %q", got)
			}
			s.signsUp(ann, "Ann Canary")
			s.settled()
			if got := one[string](s, `SELECT outcome FROM signup_outcomes`); got != string(chat.OptedOut) {
				t.Errorf("her sign-up came to %q, want opted_out", got)
			}
			s.hearsNothing(ann)
		})
	}
}

// Twilio takes every text but one person's welcome: that is posted less and less
// often, keeps nobody's answer waiting, and arrives in the end.
func TestWelcomeThatIsNotTaken(t *testing.T) {
	t.Parallel()
	not := notTaken{t: t, has: "signing", broken: true}
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault = not.wrap }, func(env map[string]string) { env["RESCUE_AFTER"] = "10s" })
	s.signsUp(ann, "Ann Canary")
	s.until("the welcome has been posted in vain", func() bool { return not.posts("signing") >= 2 })
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	not.recovers(func([]string) bool { return true })
	s.gets(ann, "thanks for signing up")
	s.settled()
	if again := repeatedAt(s.sim); len(again) > 0 {
		t.Errorf("sent more than once: %q", again)
	}
}

// Row Q2: a number fails at each of its texts. Those leave in their order when it has
// recovered, also the ones that were posted less often and would be due sooner.
func TestDeadNumberKeepsItsOrder(t *testing.T) {
	t.Parallel()
	not := notTaken{t: t, broken: true}
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault = not.wrap }, func(env map[string]string) {
		env["RESCUE_AFTER"] = "6s" // a call that a busy machine gives up is no post that is seen here
	})
	s.signsUp(ann, "Ann Canary")
	s.until("the welcome has been posted in vain", func() bool { return not.posts("signing") >= 2 })
	s.says(ann, "HOURS")
	s.until("the answer has been too", func() bool { return not.posts("open Mon-Fri") >= 1 })
	s.says(ann, "ADDRESS")
	s.until("both have been since the welcome was last", func() bool {
		return not.recovers(func(failed []string) bool {
			for i, text := range slices.Backward(failed) {
				if strings.Contains(text, "signing") {
					since := strings.Join(failed[i:], "\n")
					return strings.Contains(since, "open Mon-Fri") && strings.Contains(since, "Pier Road")
				}
			}
			return false
		})
	})
	for _, text := range []string{"thanks for signing up", "open Mon-Fri 9-6", "12 Pier Road"} {
		s.gets(ann, text)
	}
	s.hearsNothing(ann)
}

// Twilio carries the welcome's post out when we have long given the call up: later than
// the looks would end that count from its beginning, sooner than those that count from its
// end. It is found and not posted again.
func TestPostCarriedOutLate(t *testing.T) {
	t.Parallel()
	s := newStory(t) // it waits 4 s for a call, and looks the last time 10 s after one
	late := twiliosim.Fault{Kind: twiliosim.LateCommit, Hang: time.Minute, Delay: 8 * time.Second}
	must(t, s.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, First: 1, Faults: []twiliosim.Fault{late}}}}))
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	if again := repeatedAt(s.sim); len(again) > 0 {
		t.Errorf("sent more than once: %q", again)
	}
}

// notTaken has Twilio fail, while it is broken, at each text that has these words.
type notTaken struct {
	t   *testing.T
	has string

	mu     sync.Mutex
	broken bool
	failed []string
}

func (n *notTaken) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		must(n.t, err)
		r.Body = io.NopCloser(bytes.NewReader(body))
		fields, err := url.ParseQuery(string(body))
		must(n.t, err)
		if n.takes(fields.Get("Body")) {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
}

// takes reports whether Twilio takes the text, and notes it if not.
func (n *notTaken) takes(text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if text == "" || !strings.Contains(text, n.has) || !n.broken {
		return true
	}
	n.failed = append(n.failed, text)
	return false
}

// recovers ends it if what has failed so far is as it should be, and reports whether it is.
func (n *notTaken) recovers(when func(failed []string) bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken = !when(n.failed)
	return !n.broken
}

// posts counts the posts of a text with these words that have failed.
func (n *notTaken) posts(words string) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, text := range n.failed {
		if strings.Contains(text, words) {
			count++
		}
	}
	return count
}
