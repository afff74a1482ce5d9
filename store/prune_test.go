package store_test

import (
	"testing"
	"time"

	"textme/chat"
)

// Payloads go after a month, keys much later, in batches; a webhook of a year
// ago is still known.
func TestPrune(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.live(ann, ch1, mb1)
	var all []chat.Event
	for i := range 10 {
		all = append(all, f.text(ch1, mb1, ann, i, "hello"))
	}
	all = append(all, f.text(ch2, mb2, bob, 20, "parked"))
	f.apply(all...)
	const day = 24 * time.Hour
	now := time.Now()
	prune := func() (batches int) {
		for {
			n, err := f.PruneEvents(ctx, now.Add(-chat.PayloadRetention), now.Add(-chat.KeyRetention), 4)
			must(t, err)
			if n == 0 {
				return batches
			}
			batches++
		}
	}
	for _, tt := range []struct {
		age                  time.Duration
		batches, keys, texts int
	}{
		{29 * day, 0, 11, 11},
		{365 * day, 3, 11, 0},
		{401 * day, 3, 0, 0},
	} {
		f.exec(`UPDATE events SET received_at = now() - $1::interval`, tt.age)
		if got := prune(); got != tt.batches {
			t.Errorf("at %v: %d batches, want %d", tt.age, got, tt.batches)
		}
		if keys, texts := one[int](f, `SELECT count(*) FROM events`), one[int](f, `SELECT count(payload) FROM events`); keys != tt.keys || texts != tt.texts {
			t.Errorf("at %v: %d keys and %d payloads are kept, want %d and %d", tt.age, keys, texts, tt.keys, tt.texts)
		}
		if tt.age != 365*day {
			continue
		}
		before := f.projection()
		for i, r := range f.apply(all...) {
			if r.Applied != chat.EventDuplicate {
				t.Errorf("event %d of a year ago is %s, want duplicate", i, r.Applied)
			}
		}
		if f.projection() != before {
			t.Error("a webhook of a year ago changed something")
		}
		if n := one[int](f, `SELECT count(*) FROM events WHERE applied_at IS NULL AND error = ''`); n != 0 {
			t.Errorf("%d events wait without a payload", n)
		}
	}
}

func TestPruneSubmissions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	for _, age := range []time.Duration{0, 29, 31, 365} {
		s := f.signup(ann)
		s.At = s.At.Add(-age * 24 * time.Hour)
		_, err := f.RecordSignup(ctx, s)
		must(t, err)
	}
	for _, want := range []int{1, 1, 0} {
		if n, err := f.PruneSubmissions(ctx, time.Now().Add(-chat.PayloadRetention), 1); err != nil || n != want {
			t.Errorf("pruned %d, %v, want %d", n, err, want)
		}
	}
	if got := one[string](f, `SELECT count(*) || ' ' || count(payload) || ' ' || count(name) FROM signup_details`); got != "4 2 4" {
		t.Errorf("sign-ups, payloads and names kept: %s, want 4 2 4", got)
	}
}
