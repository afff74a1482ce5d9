package main

import "testing"

// Twilio takes YES for START, and answers it, from those who are opted out: then it
// is no answer for the bot. From anybody else it is.
func TestYesLiftsAnOptOut(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann")
	s.gets(ann, "thanks for signing up")
	s.says(ann, "YES")
	s.settled()
	if len(s.ours(ann)) == s.heard[ann] {
		t.Error("the bot did not take YES for a text like any other")
	}
	s.heard[ann] = len(s.ours(ann))

	s.says(ann, "STOP")
	s.says(ann, "YES")
	s.hearsNothing(ann)
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.hearsNothing(ann)
}
