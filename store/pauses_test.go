package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

// However often a probe is passed on while a pause lasts, those who wait have the one
// job each that they had: none comes on top of it, for it would wait as well.
func TestPassProbeAddsNoJobs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	const probe = time.Minute
	oldest, lease := f.conversation(ann)
	_, err := f.GiveBack(ctx, lease, probe, 0)
	must(t, err)
	_, probing := f.conversation(bob)
	_, err = f.Pause(ctx, string(sender), 30034, "not registered", time.Now())
	must(t, err)
	f.jobs = nil
	want := []chat.AdvanceJob{}
	for range 3 {
		must(t, f.PassProbe(ctx, probing, sender, probe))
		want = append(want, chat.AdvanceJob{ConversationID: oldest})
		_, err := f.GiveBack(ctx, f.lease(oldest), probe, 0) // she is blocked, and waits again
		must(t, err)
	}
	if diff := cmp.Diff(want, f.hastened); diff != "" || len(f.jobs) != 0 {
		t.Errorf("%d jobs were added; pulled forward (-want +got):\n%s", len(f.jobs), diff)
	}
}
