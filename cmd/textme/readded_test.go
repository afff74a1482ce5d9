package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

var changeIn = regexp.MustCompile(`<li>((?:participant|conversation) [a-z ]+) <time`)

// Somebody whom others take out of the conversation is added again, and the page says
// both, in order, whether a webhook told of the first or a poll found it.
func TestPageTellsOfReadding(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsInAsStaff()
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	hers := s.sidOf(ann)
	expect := func(want ...string) {
		t.Helper()
		var got []string
		for _, found := range changeIn.FindAllStringSubmatch(s.pageOf(ann), -1) {
			got = append(got, found[1])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the page tells (-want +got):\n%s", diff)
		}
	}
	expect()

	must(t, s.sim.Console(true).RemoveParticipant(hers, s.sim.Participants(hers)[0].SID))
	s.hearsNothing(ann)
	expect("participant removed", "participant added")

	must(t, s.sim.Console(false).RemoveParticipant(hers, s.sim.Participants(hers)[0].SID))
	s.runs(exitOK, "", "reconcile")
	s.reconciled()
	s.hearsNothing(ann)
	expect("participant removed", "participant added", "participant removed", "participant added")

	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
	if got := s.runs(exitOK, "", "events", "list", "--conversation", hers, "--type", chat.ParticipantAdded); strings.Count(got, " poll ") != 2 {
		t.Errorf("events list prints\n%s", got)
	}
	s.runs(exitOK, "", "events", "replay", "--all")
	if got := s.runs(exitOK, "", "events", "replay", "--all", "--onto-empty"); !strings.Contains(got, " 0 left out, 0 differences.") {
		t.Errorf("replay onto nothing prints\n%s", got)
	}
	expect("participant removed", "participant added", "participant removed", "participant added")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
}
