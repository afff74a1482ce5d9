package main

import (
	"net/http"
	"strings"
	"testing"

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

// refusesTexts has Twilio refuse every text, for being busy.
func (o *oddStory) refusesTexts() {
	o.t.Helper()
	must(o.t, o.sim.SetFaults(twiliosim.Faults{
		Calls: []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}}}},
	}))
}
