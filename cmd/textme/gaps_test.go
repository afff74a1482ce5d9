package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// Twilio's indexes have true gaps: nothing waits for a text that never was, and one
// that was lost in such a gap is found before the bot answers past it.
func TestTrueGaps(t *testing.T) {
	t.Parallel()
	s := newStoryAt(t, func(o *twiliosim.Options) { o.IndexStep, o.Ledger = 3, true })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	questions := 0
	asks := func(phone chat.Phone, question, answer string) {
		t.Helper()
		questions++
		s.says(phone, question)
		s.gets(phone, answer)
		s.settled()
	}
	for _, phone := range []chat.Phone{ann, bob} { // his conversation is of Twilio's making
		asks(phone, "HOURS", "open Mon-Fri 9-6")
		asks(phone, "PRICES", "City bike")
		asks(phone, "ADDRESS", "12 Pier Road")
	}
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{
		On: []string{chat.MessageAdded}, Limit: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}},
	}}}))
	s.says(ann, "STOP")
	s.until("that webhook is lost", func() bool { return s.sim.FaultCounts()[string(twiliosim.WebhookLost)] > 0 })
	s.says(ann, "HOURS")
	s.hearsNothing(ann)
	s.says(ann, "START")
	s.settled()
	asks(ann, "PRICES", "City bike")

	lists := 0
	for _, e := range s.sim.Ledger() {
		if call, ok := e.Fact.(twiliosim.APICall); ok && call.Route == twiliosim.RouteListMessages {
			lists++
		}
	}
	// One for each and for what is said around the STOP, some twice: who waits asks
	// again and again.
	if most := 2 * (questions + 2); lists > most {
		t.Errorf("Twilio was asked %d times for %d questions, want at most %d: somebody waited", lists, questions, most)
	}
	if n := one[int](s, `SELECT count(*) FROM conversations WHERE gaps_checked_through <
		(SELECT max(index) FROM messages m WHERE m.conversation_id = conversations.id AND direction = 'in')`); n != 0 {
		t.Errorf("%d conversations have a hole on record that is none", n)
	}
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
	if got := s.runs(exitOK, "", "events", "replay", "--all", "--onto-empty"); !strings.Contains(got, " 0 left out, 0 differences.") {
		t.Errorf("replay onto nothing prints\n%s", got)
	}
}

// Twilio's list of messages has a text of ours later than one of theirs that came after
// it, and nothing else tells of it: it is found all the same, and not posted again.
func TestListedBehindLaterTexts(t *testing.T) {
	t.Parallel()
	list := lateList{t: t, hides: "signing"}
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault = list.wrap })
	must(t, s.sim.SetFaults(twiliosim.Faults{
		Calls:    []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, Limit: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.LostAnswer}}}},
		Webhooks: []twiliosim.Rule{{Phones: []string{string(ann)}, Limit: 4, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}},
	}))
	list.late.Store(true)
	s.signsUp(ann, "Ann Canary")
	s.until("the welcome has left", func() bool { return len(s.ours(ann)) > 0 })
	s.says(ann, "HOURS")
	s.until("her text is known", func() bool {
		return one[int](s, `SELECT coalesce(max(gaps_checked_through), -1) FROM conversations`) >= 1
	})
	list.late.Store(false)
	s.gets(ann, "thanks for signing up")
	s.gets(ann, "open Mon-Fri 9-6")
	s.hearsNothing(ann)
	if again := repeatedAt(s.sim); len(again) > 0 {
		t.Errorf("sent more than once: %q", again)
	}
}

// lateList leaves the texts with these words out of Twilio's lists of messages.
type lateList struct {
	t     *testing.T
	hides string
	late  atomic.Bool
}

func (l *lateList) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/Messages") || !l.late.Load() {
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		var page map[string]any
		must(l.t, json.Unmarshal(answer.Body.Bytes(), &page))
		messages, _ := page["messages"].([]any)
		page["messages"] = slices.DeleteFunc(messages, func(m any) bool {
			body, _ := m.(map[string]any)["body"].(string)
			return strings.Contains(body, l.hides)
		})
		w.Header().Set("Content-Type", "application/json")
		must(l.t, json.NewEncoder(w).Encode(page))
	})
}
