package main

import (
	"fmt"
	"testing"
)

// The account's webhook brings the events of other systems' conversations as well:
// one look at each is enough, until its owner gives it up. Then it is ours, with all
// that was said in it.
func TestForeignConversationIsLookedAtOnce(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	ch, _, err := o.console().Foreign("", `{"ticket":17}`, string(bob), storySender)
	must(t, err)
	o.says(bob, "HOURS, canary 0?")
	o.hearsNothing(bob)
	const looks = `SELECT count(*) FROM river_job WHERE kind = 'adopt'`
	calls, jobs := total(o.sim.Calls()), one[int](o.story, looks)
	if jobs == 0 {
		t.Error("it was not looked at")
	}
	for i := range 20 {
		o.says(bob, fmt.Sprintf("canary %d", i+1))
		_, err := o.loudConsole().Post(ch, "crm", fmt.Sprintf("canary %d, says the other system", i+1))
		must(t, err)
	}
	o.settled()
	if n := total(o.sim.Calls()) - calls; n != 0 {
		t.Errorf("what else was said came to %d calls, want none", n)
	}
	if n := one[int](o.story, looks) - jobs; n != 0 {
		t.Errorf("what else was said came to %d jobs, want none", n)
	}
	o.says(bob, "STOP") // which may be said to us
	o.settled()
	if n := one[int](o.story, looks) - jobs; n != 1 {
		t.Errorf("the STOP came to %d jobs, want one look", n)
	}
	if n := one[int](o.story, `SELECT count(*) FROM events WHERE payload IS NOT NULL`); n != 0 {
		t.Errorf("%d events are kept", n)
	}
	const kept = `SELECT (SELECT count(*) FROM messages WHERE direction = 'in') || ' texts, ' || (SELECT count(*) FROM opt_outs) || ' opt-outs'`
	o.expect("kept", one[string](o.story, kept), "0 texts, 0 opt-outs")

	o.elsewhere("POST", ch, "Attributes={}")
	o.settled()
	o.expect("kept", one[string](o.story, kept), "22 texts, 1 opt-outs")
}
