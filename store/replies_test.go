package store_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

// A turn says up to where nothing is missing, which may be less than what it
// answers.
func TestTurnKeepsHoles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 0, "a"), f.text(ch1, mb1, ann, 2, "c"))
	lease := f.lease(id)
	c, err := f.Load(ctx, lease)
	must(t, err)
	for _, tt := range []struct {
		turn     chat.Turn
		complete bool // what is not answered yet has no hole
	}{
		{chat.Turn{Through: -1, GapsChecked: -1}, false},
		{chat.Turn{Through: 0, GapsChecked: 0}, false},
		{chat.Turn{Through: 1, GapsChecked: 1}, true},
		{chat.Turn{Through: 1, GapsChecked: 2}, true},
	} {
		must(t, f.FinishTurn(ctx, lease, tt.turn))
		c.GapsChecked = tt.turn.GapsChecked
		b, err := f.Burst(ctx, c)
		must(t, err)
		if b.Complete != tt.complete {
			t.Errorf("with holes checked through %d: complete is %t, want %t", c.GapsChecked, b.Complete, tt.complete)
		}
	}
	must(t, f.FinishTurn(ctx, lease, chat.Turn{Through: 2, GapsChecked: 0}))
	if got := one[int](f, `SELECT gaps_checked_through FROM conversations`); got != 1 {
		t.Errorf("holes count as checked through %d, want 1", got)
	}
}

// A text that lifts an opt-out is told from one that finds none, also when it is
// told of late.
func TestBurstTellsWhatLifts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		f := newFixture(t)
		id := f.live(ann, ch1, mb1)
		var events []chat.Event
		for i, body := range []string{"YES", "STOP", "hello", "YES", "yes", "stop", "START", "UNSTOP"} {
			events = append(events, f.text(ch1, mb1, ann, i, body))
		}
		if seed > 0 {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		}
		for _, e := range events {
			f.apply(e)
		}
		c, err := f.Load(t.Context(), f.lease(id))
		must(t, err)
		b, err := f.Burst(t.Context(), c)
		must(t, err)
		var lifted []int
		for _, text := range b.Texts {
			if text.Lifted {
				lifted = append(lifted, text.Index)
			}
		}
		if diff := cmp.Diff([]int{3, 6}, lifted); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}
