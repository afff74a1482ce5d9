package store_test

import (
	"testing"

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
