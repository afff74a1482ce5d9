package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// A conversation that somebody else made, and that was taken over, stays when its
// row follows the person to another.
func TestPairLeavesSomebodyElsesConversation(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	theirs, _, err := o.console().Foreign("", "", string(drifter), storySender)
	must(t, err)
	o.refusesTexts()
	o.signsUp(drifter, "Canary")
	o.until("the welcome was refused", func() bool { return o.sim.FaultCounts()[string(twiliosim.Busy)] > 0 })
	if got := o.bound(drifter); got[0] != theirs {
		t.Fatal("the conversation was not taken over: the test proves nothing")
	}
	o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
		_, _, err := o.console().Foreign("", "", string(drifter), storySender)
		must(t, err)
	})
	o.takesOut(theirs)
	o.until("the row has followed", func() bool { m := o.mapping(drifter); return m != "none" && !strings.HasPrefix(m, theirs) })
	must(t, o.sim.SetFaults(twiliosim.Faults{}))
	o.gets(drifter, "thanks for signing up")
	_, err = o.db.Exec(t.Context(), `UPDATE river_job SET state = 'available', scheduled_at = now() WHERE kind = 'discard'`) // if there is one
	must(t, err)
	o.settled()
	if _, there := o.sim.Conversation(theirs); !there {
		t.Error("the conversation that somebody else made is deleted")
	}
}

// The row that is to welcome somebody is closed when they text from a new
// conversation, the row of which does it and ends. The row of a third conversation
// follows them when staff move them back to the first one: they have been welcomed.
func TestPairMovedBackAfterTheWelcome(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	rows := func(n int) {
		t.Helper()
		o.until("the new conversation is a row", func() bool { return one[int](o.story, `SELECT count(*) FROM conversations`) == n })
	}
	o.refusesTexts()
	o.signsUp(drifter, "Canary")
	o.until("the welcome was refused", func() bool { return o.sim.FaultCounts()[string(twiliosim.Busy)] > 0 })
	first := o.bound(drifter)[0]
	o.says(drifter, "canary")
	o.until("that is known", func() bool { return o.heardFrom(drifter) == "canary" })
	o.before(twiliosim.RouteAddParticipant, func(*http.Request) { o.says(drifter, "HOURS") })
	o.takesOut(first)
	rows(2)
	must(t, o.sim.SetFaults(twiliosim.Faults{}))
	o.until("she is welcomed", func() bool { return o.welcomes(drifter) == 1 })
	o.settled()
	must(t, o.loudConsole().Close(o.live(drifter)))
	o.settled()
	o.says(drifter, "HOURS")
	rows(3)
	o.settled()
	third := o.live(drifter)
	o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
		_, err := o.loudConsole().Add(first, string(drifter), storySender)
		must(t, err)
	})
	o.takesOut(third)
	o.until("her first row is open again", func() bool { return strings.HasPrefix(o.mapping(drifter), first) })
	o.settled()
	if n := o.welcomes(drifter); n != 1 {
		t.Errorf("one sign-up (%s), %d welcome texts: %q", o.outcomes(drifter), n, o.ours(drifter))
	}
}

// Two jobs look at one new conversation, since its webhooks call for several. When
// the slower one is done, the conversation has been closed, and she has texted from
// a newer one: the row of that stays.
func TestPairLateTwinOfAnAdoption(t *testing.T) {
	t.Parallel()
	o := newOddStory(t, slowJobs)
	var begun atomic.Bool
	done := make(chan struct{})
	meddle := func(r *http.Request) {
		if r.Pattern != twiliosim.RouteListMessages || begun.Swap(true) {
			return
		}
		defer close(done)
		o.until("the twin has made it a row", func() bool { return o.mapping(drifter) != "none" })
		must(t, o.loudConsole().Close(r.PathValue("ConversationSid")))
		o.until("its end is known", func() bool { return o.mapping(drifter) == "none" })
		must(t, o.sim.SetFaults(twiliosim.Faults{}))
		o.says(drifter, "HOURS")
		o.until("the newer one is a row", func() bool { return o.mapping(drifter) != "none" })
		o.idle()
	}
	o.meddle.Store(&meddle)
	must(t, o.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{
		On: []string{chat.MessageAdded}, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookDelayed, Delay: time.Second}},
	}}}))
	o.says(drifter, "canary")
	<-done
	o.settled()
	o.live(drifter)
}

// idle waits until no conversation has work left.
func (o *oddStory) idle() {
	o.t.Helper()
	o.until("the workers are done", func() bool { return one[bool](o.story, `SELECT bool_and(work_seq = done_seq) FROM conversations`) })
}

// slowJobs lets a job that a story holds up finish, instead of being rescued.
func slowJobs(env map[string]string) { env["RESCUE_AFTER"] = "2m" }

// The conversation that she texted from while her row had lost her is closed after
// a job has read it. By the time that job is done the row has her back: it is taken
// for the one that has lost her, and the answer that was about to leave is lost.
func TestPairStaleAdoption(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		back    func(*oddStory)
		answers int
	}{
		{"with nothing to do", (*oddStory).idle, 0},
		{"with an answer to send", func(o *oddStory) {
			must(o.t, o.sim.SetFaults(twiliosim.Faults{
				Calls: []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}}}},
			}))
			o.says(drifter, "HOURS")
			o.until("the answer was put off", func() bool { return o.sim.FaultCounts()[string(twiliosim.Busy)] > 0 })
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newOddStory(t, slowJobs)
			o.welcomed(drifter)
			ch := o.live(drifter)
			o.staleAdoption(ch, "canary", func() { c.back(o) })
			o.settled()
			o.expect("conversation", o.live(drifter), ch)
			if n := len(o.ours(drifter)) - o.heard[drifter]; n != c.answers {
				t.Errorf("she got %d answers, want %d", n, c.answers)
			}
		})
	}
}

// Staff put her back into her first conversation, and the row of the second is
// open still: active, since nobody has told that its conversation was closed, or
// failed. What she writes in the first is answered.
func TestPairPutBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		becomes func(o *oddStory, second string)
	}{
		{"from one closed unheard", func(o *oddStory, second string) { must(o.t, o.console().Close(second)) }},
		{"from a failed one", func(o *oddStory, second string) {
			var theirs, mb string
			o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
				var err error
				theirs, mb, err = o.console().Foreign("crm-17", "", string(drifter), storySender)
				must(o.t, err)
			})
			o.takesOut(second)
			o.until("the row has failed", func() bool { return strings.Contains(o.rows(drifter), "failed") })
			must(o.t, o.console().RemoveParticipant(theirs, mb))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newOddStory(t)
			o.welcomed(drifter)
			first := o.live(drifter)
			must(t, o.console().RemoveParticipant(first, o.sim.Participants(first)[0].SID))
			o.says(drifter, "HOURS")
			o.gets(drifter, "open Mon-Fri 9-6")
			o.settled()
			c.becomes(o, o.live(drifter))
			_, err := o.loudConsole().Add(first, string(drifter), storySender)
			must(t, err)
			o.says(drifter, "HOURS")
			o.until("that is known", func() bool { return strings.Count(o.heardFrom(drifter), "HOURS") == 2 })
			o.settled()
			o.expect("conversation", o.live(drifter), first)
			if n := len(o.ours(drifter)) - o.heard[drifter]; n != 1 {
				t.Errorf("she got %d answers, want 1", n)
			}
		})
	}
}

// welcomes counts the welcome texts that the phone got.
func (o *oddStory) welcomes(phone chat.Phone) (n int) {
	for _, b := range o.ours(phone) {
		if strings.Contains(b, "thanks for signing up") {
			n++
		}
	}
	return n
}

// refusesTexts has Twilio refuse every text, for being busy.
func (o *oddStory) refusesTexts() {
	o.t.Helper()
	must(o.t, o.sim.SetFaults(twiliosim.Faults{
		Calls: []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}}}},
	}))
}
