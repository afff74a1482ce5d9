package main

import "testing"

// A refusal in other words than the keywords is one that Twilio does not act
// on: only we keep silent.
func TestRefusesInOwnWords(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	const ana = "+14155550173"
	s.signsUp(ana, "Ana")
	s.gets(ana, "Harbor Bikes")

	s.says(ana, "can I stop by at 5?")
	s.settled()
	if one[bool](s, `SELECT EXISTS (SELECT FROM opt_outs)`) {
		t.Error("a question was taken for a refusal")
	}
	s.heard[ana] = len(s.ours(ana))

	s.says(ana, "plz stop txting me, wrong number")
	s.hearsNothing(ana)
	if via := one[string](s, `SELECT via FROM opt_outs WHERE cleared_at IS NULL`); via != "text" {
		t.Errorf("opted out via %q, want text", via)
	}
	s.signsUp(ana, "Ana")
	s.says(ana, "HOURS")
	s.hearsNothing(ana)

	s.says(ana, "START")
	s.settled()
	s.heard[ana] = len(s.ours(ana))
	s.says(ana, "HOURS")
	s.gets(ana, "9")
}
