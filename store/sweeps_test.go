package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

// A dead worker's conversation is woken as soon as its lease has run out, and
// again only when the job had its time.
func TestSweepWakesOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.conversation(ann)
	sweep := func(want int) {
		t.Helper()
		woken, err := f.WakeForgotten(t.Context(), time.Minute)
		must(t, err)
		if woken != want {
			t.Errorf("%d woken, want %d", woken, want)
		}
	}
	sweep(0)
	_, err := f.db.Exec(t.Context(), `UPDATE conversations SET lease_until = now() - interval '1 second'`)
	must(t, err)
	sweep(1)
	sweep(0)
	_, err = f.db.Exec(t.Context(), `UPDATE conversations SET retry_at = retry_at - interval '61 seconds'`)
	must(t, err)
	sweep(1)
}

// While events stay parked, their conversation is seen to ever less often, and once
// however many they are.
func TestSweepOfParkedEvents(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		age, swept time.Duration // swept when it was how old; 0: never
		want       bool
	}{
		"new":                      {20 * time.Second, 0, false},
		"never seen to":            {40 * time.Second, 0, true},
		"seen to lately":           {10 * time.Minute, 6 * time.Minute, false},
		"seen to when half as old": {10 * time.Minute, 4 * time.Minute, true},
		"old, seen to a while ago": {6 * time.Hour, 6*time.Hour - 11*time.Minute, true},
		"old, seen to lately":      {6 * time.Hour, 6*time.Hour - 9*time.Minute, false},
	} {
		f := newFixture(t)
		f.apply(f.text(ch1, mb1, ann, 0, "whose?"))
		f.exec(`UPDATE events SET received_at = now() - $1::interval, swept_at = now() - $1::interval + nullif($2, interval '0')`, tt.age, tt.swept)
		f.apply(f.text(ch1, mb1, ann, 1, "and this?"))
		f.exec(`UPDATE events SET received_at = received_at - $1::interval WHERE message_sid = $2`, tt.age-time.Second, im(1))
		f.jobs = nil
		for range 3 {
			_, err := f.WakeForgotten(t.Context(), 30*time.Second)
			must(t, err)
		}
		var want []chat.Job
		if tt.want {
			want = []chat.Job{chat.AdoptJob{ConversationSID: ch1}}
		}
		if diff := cmp.Diff(want, f.jobs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
