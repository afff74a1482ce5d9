package main

import "testing"

// Without ADOPT_UNCLAIMED a sign-up leaves the conversation alone that has the
// number, though nobody has marked it as theirs. One in which somebody texts us
// is ours all the same.
func TestAdoptUnclaimedOff(t *testing.T) {
	t.Parallel()
	o := newOddStory(t, func(env map[string]string) { env["ADOPT_UNCLAIMED"] = "false" })
	_, _, err := o.console().Foreign("", "{}", string(carol), storySender)
	must(t, err)
	o.signsUp(carol, "Canary")
	o.hearsNothing(carol)
	o.expect("row", o.rows(carol), "failed 50416")
	o.says(bob, "HOURS")
	o.gets(bob, "open Mon-Fri 9-6")
	o.signsUp(bob, "Canary")
	o.gets(bob, "thanks for signing up")
	o.hearsNothing(bob)
}
