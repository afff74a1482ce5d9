package store_test

import (
	"testing"
	"time"
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
