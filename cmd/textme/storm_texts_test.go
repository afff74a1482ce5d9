//go:build storm

package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"textme/twilio/twiliosim"
)

// A storm of texts: people who never signed up write to the sender, and every
// webhook comes three times, late and in any order, but for one in fifty, which
// never comes. STORM_TEXTS is how many texts, STORM_LATE by how many seconds
// webhooks may be late: 10000 and 60 is the size of row W1.
func newTextStorm(t *testing.T, change func(map[string]string)) (*storm, *wiretap) {
	t.Helper()
	var tapped *wiretap
	s := newStorm(t, func(opts *twiliosim.Options, env map[string]string) {
		tapped = tap(t, opts)
		env["BOT_SCRIPT"], env["RECONCILE_RATE"] = "../../bot/scripts/default.txt", "off"
		change(env)
	})
	late := time.Duration(size("STORM_LATE", 5)) * time.Second
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{
		{Chance: 0.02, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}},
		{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookRepeated, Copies: 2}}},
		{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookDelayed, Delay: late}}},
	}}))
	return s, tapped
}

// texters is how many people write.
const texters = 200

// texts has people write n texts in turn, spread over the given time. Of the
// last ones some say STOP.
func (s *storm) texts(n int, over time.Duration) {
	s.t.Helper()
	pace := time.NewTicker(over / time.Duration(n))
	defer pace.Stop()
	for i := range n {
		<-pace.C
		body := fmt.Sprintf("canary %d", i)
		switch {
		case i >= n-texters && i%6 == 0:
			body = "STOP"
		case i/texters%3 == 0:
			body = "HOURS"
		}
		_, err := s.sim.Handset(string(number(i%texters))).Text(storySender, body)
		must(s.t, err)
	}
}

// checkTranscripts lets one round of polling pass, compares everything with what Twilio
// has, and each answer with what calls for it.
func (s *storm) checkTranscripts(tapped *wiretap) {
	s.t.Helper()
	s.settled(faultyTime) // with all webhooks delivered, however late
	s.checkCommitted(tapped.seen())
	if s.sim.FaultCounts()[string(twiliosim.WebhookLost)] == 0 {
		s.t.Error("no webhook was lost: the test proves nothing")
	}
	must(s.t, s.sim.SetFaults(twiliosim.Faults{}))
	s.passes(15 * time.Minute)
	// Who signs up while they text may have had one made that is not used.
	atTwilio := recordsAt(s.sim)
	maps.DeleteFunc(atTwilio, func(sid string, r record) bool { return slices.Equal(r, record{"open"}) && s.discarding([]string{sid}) })
	if diff := cmp.Diff(atTwilio, recordsWith(s.t, s.db)); diff != "" {
		s.t.Errorf("-Twilio +ours:\n%s", diff)
	}
	if again := repeatedAt(s.sim); len(again) > 0 {
		s.t.Errorf("sent more than once: %q", again)
	}
	for _, wrong := range misanswered(s.t, s.db) {
		s.fail("%s", wrong)
	}
}

// passes lets that much time pass, and a round of polling.
func (s *storm) passes(d time.Duration) {
	s.t.Helper()
	passes(s.t, s.db, d)
	deadline := time.Now().Add(settleTime)
	for tick := time.NewTicker(100 * time.Millisecond); !polled(s.t, s.db); <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatal("not every conversation has been polled")
		}
	}
	s.settled(settleTime)
}

// checkReplay posts every webhook that was taken once more, a day later (row W5 at its
// size): nothing changes, and nobody is texted. Without the events' keys all of them are
// recorded again; nobody is texted even then, since messages have keys of their own.
func (s *storm) checkReplay(tapped *wiretap) {
	s.t.Helper()
	s.passes(24 * time.Hour)
	state := func() (state string) {
		s.t.Helper()
		must(s.t, s.db.QueryRow(s.t.Context(), eventsState).Scan(&state))
		return state
	}
	before, texts := state(), s.sim.Calls()[twiliosim.RouteCreateMessage]
	feed := make(chan *http.Request)
	var posters sync.WaitGroup
	for range 16 {
		posters.Go(func() {
			for r := range feed {
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					s.t.Error(err)
					continue
				}
				if _ = res.Body.Close(); res.StatusCode != http.StatusNoContent {
					s.t.Errorf("a webhook of yesterday is answered %s", res.Status)
				}
			}
		})
	}
	posted := map[string]bool{}
	for _, w := range tapped.seen() {
		if posted[string(w.body)] || w.status != http.StatusNoContent {
			continue
		}
		posted[string(w.body)] = true
		r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.anyReplica().String()+w.target, bytes.NewReader(w.body))
		must(s.t, err)
		r.Header = w.header.Clone()
		feed <- r
	}
	close(feed)
	posters.Wait()
	s.settled(settleTime)
	if n := s.sim.Calls()[twiliosim.RouteCreateMessage] - texts; n > 0 || state() != before {
		s.t.Errorf("%d webhooks of yesterday changed something, and %d texts were posted", len(posted), n)
		return
	}
	s.t.Logf("%d webhooks of yesterday changed nothing", len(posted))
}

// answersOf are the answers to webhooks.
func answersOf(webhooks []tapped) (all []answer) {
	for _, w := range webhooks {
		all = append(all, w.answer)
	}
	return all
}

// checkCommitted sees that every webhook that was answered with success is in
// the database, and tells how the webhooks were answered.
func (s *storm) checkCommitted(webhooks []tapped) {
	s.t.Helper()
	type key struct{ ch, event, message string }
	rows, err := s.db.Query(s.t.Context(), `SELECT conversation_sid, type, message_sid FROM events`)
	must(s.t, err)
	var k key
	committed := map[key]bool{}
	_, err = pgx.ForEachRow(rows, []any{&k.ch, &k.event, &k.message}, func() error { committed[k] = true; return nil })
	must(s.t, err)
	statuses := map[int]int{}
	var slowest, gap time.Duration
	var last time.Time // of the answers with success
	for _, w := range webhooks {
		statuses[w.status]++
		slowest = max(slowest, w.took)
		if w.status < 200 || w.status >= 300 {
			continue
		}
		if end := w.begun.Add(w.took); last.IsZero() || end.After(last) {
			if !last.IsZero() {
				gap = max(gap, end.Sub(last))
			}
			last = end
		}
		form, err := url.ParseQuery(string(w.body))
		must(s.t, err)
		if k := (key{form.Get("ConversationSid"), form.Get("EventType"), form.Get("MessageSid")}); !committed[k] {
			s.fail("a webhook is answered %d and not there: %v", w.status, k)
		}
	}
	s.t.Logf("webhooks answered, by status: %v; the slowest took %v; at most %v without success", statuses, slowest.Round(time.Millisecond), gap.Round(time.Millisecond))
}

// Row W1: the transcripts are Twilio's, byte for byte, and every text that calls for an
// answer has got it once, although replicas are killed while the webhooks come.
func TestStormTexts(t *testing.T) {
	s, tapped := newTextStorm(t, func(map[string]string) {})
	n := size("STORM_TEXTS", 2000)
	kills, random := n/200, rand.New(rand.NewPCG(s.seed, 4))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.texts(n, time.Duration(kills)*time.Second)
	}()
	for range kills {
		pause(time.Duration(random.Int64N(int64(2 * time.Second))))
		s.kill(random.IntN(len(s.replicas)))
	}
	<-done
	s.checkTranscripts(tapped)
	s.checkReplay(tapped)
	t.Logf("%d texts of %d people, %d kills", n, texters, kills)
}

// Row D1 for webhooks: Postgres is restarted and killed while they come. None is
// answered with success and lost, and no replica has to be restarted.
func TestStormTextsDatabaseRestarts(t *testing.T) {
	pg := newPostgres(t)
	s, tapped := newTextStorm(t, func(env map[string]string) { env["DATABASE_URL"] = pg.server.DSN })
	restarts, n := size("STORM_RESTARTS", 3), size("STORM_TEXTS", 2000)
	answers := func() []answer { return answersOf(tapped.seen()) }
	s.throughRestarts(pg, restarts, answers, func(enough <-chan struct{}) {
		s.texts(n, pg.lasts(restarts))
		s.textsUntil(enough)
	})
	s.checkTranscripts(tapped)
	s.checkAnswers("webhooks", answers(), pg.spells)
	t.Logf("%d restarts and as many kills of Postgres, at least %d texts of %d people", restarts, n, texters)
}
