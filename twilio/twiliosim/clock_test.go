package twiliosim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/twilio/twiliosim"
)

func TestClock(t *testing.T) {
	t.Parallel()
	c := twiliosim.NewClock(noon)
	var ran []string
	note := func(name string) func() {
		return func() { ran = append(ran, fmt.Sprint(name, " at ", c.Now().Sub(noon))) }
	}
	c.AfterFunc(3*time.Second, note("third"))
	c.AfterFunc(time.Second, func() {
		note("first")()
		c.AfterFunc(time.Second, note("set by first"))
		c.AfterFunc(time.Hour, note("too far"))
	})
	c.AfterFunc(time.Second, note("second"))
	c.AfterFunc(-time.Second, note("overdue"))
	stop := c.AfterFunc(2*time.Second, note("stopped"))
	if !stop() || stop() {
		t.Error("stop does not tell whether it came in time")
	}
	if len(ran) != 0 {
		t.Errorf("ran before Advance: %v", ran)
	}
	c.Advance(5 * time.Second)
	want := []string{"overdue at 0s", "first at 1s", "second at 1s", "set by first at 2s", "third at 3s"}
	if diff := cmp.Diff(want, ran); diff != "" {
		t.Errorf("ran (-want +got):\n%s", diff)
	}
	c.Advance(-time.Hour)
	if got := c.Now().Sub(noon); got != 5*time.Second {
		t.Errorf("shows %v after noon, want 5s", got)
	}
}

// A conversation's timers run out while the clock is advanced, at their moment,
// and one that was put off by activity runs out later.
func TestAdvanceRunsTimers(t *testing.T) {
	t.Parallel()
	s, now := newClockSim(t, func(o *twiliosim.Options) { o.Ledger = true })
	rec := s.listen("onConversationStateUpdated")
	ch := s.conversation("timed")
	if err := s.Console(false).SetTimers(ch, 10*time.Minute, time.Hour); err != nil {
		t.Fatal(err)
	}
	now.Advance(9 * time.Minute)
	s.say(ch, "still there")
	now.Advance(8 * time.Minute)
	if c, _ := s.Conversation(ch); c.State != "active" {
		t.Errorf("state %s eight minutes after the last message", c.State)
	}
	soon := s.conversation("sooner than what is set already")
	if err := s.Console(false).SetTimers(soon, time.Minute, 0); err != nil {
		t.Fatal(err)
	}
	now.Advance(2 * time.Hour) // over all of it at once
	s.settle()
	type move struct {
		From, To, Reason string
		After            time.Duration
	}
	var got []move
	for _, e := range s.Ledger() {
		if m, ok := e.Fact.(twiliosim.ConversationMoved); ok {
			got = append(got, move{m.From, m.To, m.Reason, e.At.Sub(noon)})
		}
	}
	want := []move{
		{"active", "inactive", "TIMER", 18 * time.Minute}, // that is soon
		{"active", "inactive", "TIMER", 19 * time.Minute},
		{"inactive", "closed", "TIMER", 69 * time.Minute},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	told := map[string][]string{} // by conversation: only there they have an order
	for _, e := range rec.events() {
		told[e.Get("ConversationSid")] = append(told[e.Get("ConversationSid")], e.Get("StateTo")+" "+e.Get("StateUpdated"))
	}
	wantTold := map[string][]string{
		ch:   {"inactive 2026-03-01T12:19:00.000Z", "closed 2026-03-01T13:09:00.000Z"},
		soon: {"inactive 2026-03-01T12:18:00.000Z"},
	}
	if diff := cmp.Diff(wantTold, told); diff != "" {
		t.Errorf("webhooks (-want +got):\n%s", diff)
	}
}

// What a fault puts off passes by the clock too.
func TestAdvanceEndsHanging(t *testing.T) {
	t.Parallel()
	s, now := newClockSim(t)
	s.script(twiliosim.Faults{Calls: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.Hang}}}}})
	hung := make(chan answer)
	go func() { hung <- s.post("/v1/Conversations", nil, time.Minute) }()
	s.until(func() bool { return s.FaultCounts()[string(twiliosim.Hang)] == 1 })
	// The fault is counted just before the wait begins, so once may be too soon.
	for deadline := within(t); ; now.Advance(12 * time.Second) {
		select {
		case got := <-hung:
			if got.err == nil {
				t.Errorf("answered: %+v", got)
			}
			return
		case <-deadline.Done():
			t.Fatal("still hanging")
		default:
		}
	}
}

// A late commit happens when it is due and not before, long after the caller
// has gone.
func TestAdvanceCommitsLate(t *testing.T) {
	t.Parallel()
	s, now := newClockSim(t, func(o *twiliosim.Options) { o.Ledger = true })
	s.script(twiliosim.Faults{Calls: []twiliosim.Rule{{
		Faults: []twiliosim.Fault{{Kind: twiliosim.LateCommit, Delay: 8 * time.Second}},
	}}})
	if got := s.post("/v1/Conversations", nil, 30*time.Millisecond); got.err == nil {
		t.Fatalf("answered: %+v", got)
	}
	s.until(func() bool { return len(facts[twiliosim.APICall](s)) == 1 })
	s.settle()
	now.Advance(7999 * time.Millisecond)
	if n := len(s.Conversations()); n != 0 {
		t.Fatalf("%d conversations before the time", n)
	}
	now.Advance(time.Millisecond)
	if n := len(s.Conversations()); n != 1 {
		t.Errorf("%d conversations at the time, want 1", n)
	}
}

func TestClockExcludesNow(t *testing.T) {
	t.Parallel()
	_, err := twiliosim.New(twiliosim.Options{
		AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender},
		Now: time.Now, Clock: twiliosim.NewClock(noon),
	})
	if err == nil {
		t.Error("New took a Clock and a Now")
	}
}
