package store_test

import (
	"testing"

	"textme/chat"
)

// Everything is made due, however much there is, and nobody has to wait for rows
// that it waits to lock itself: neither who has such a row, nor who needs others.
func TestPollAllKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.live(bob, ch2, mb2)
	const crowd = 1200 // several batches
	f.exec(`WITH k AS (INSERT INTO customers (id, phone) SELECT gen_random_uuid(), '+1415' || (2000000 + g) FROM generate_series(1, $1::int) g RETURNING id)
		INSERT INTO conversations (id, customer_id, sender, source_id, conversation_sid, participant_sid, state, closed_at)
		SELECT gen_random_uuid(), k.id, $2, $3, 'CH' || md5(state || k.id), 'MB' || md5(state || k.id), state, CASE state WHEN 'closed' THEN now() END
		FROM k, unnest(ARRAY['active', 'closed']) AS state`, crowd, sender, f.source.ID)
	f.live(ann, ch1, mb1)
	f.exec(`UPDATE conversations SET reconcile_at = now() + interval '1 day'`)
	const want = crowd + 2

	tx, err := f.db.Begin(ctx)
	must(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, `SELECT FROM conversations WHERE conversation_sid = $1 FOR NO KEY UPDATE`, ch1)
	must(t, err)
	done := make(chan int, 1)
	go func() {
		n, err := f.PollAll(ctx)
		if err != nil {
			t.Error(err)
		}
		done <- n
	}()
	for !one[bool](f, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`) {
		select {
		case n := <-done:
			t.Fatalf("ended with %d made due, one of them locked", n)
		default:
		}
	}
	const due = `SELECT count(*) FROM conversations WHERE mapping_checked_at = 'epoch' AND reconcile_at <= now()`
	if n := one[int](f, due); n != want-1 {
		t.Errorf("%d are due while one is locked, want %d", n, want-1)
	}
	const free = `SELECT count(*) FROM (SELECT FROM conversations WHERE state <> 'closed' FOR NO KEY UPDATE SKIP LOCKED) c`
	if n := one[int](f, free); n != want-1 {
		t.Fatalf("%d rows are free while one is locked, want %d", n, want-1)
	}
	if r := f.apply(f.text(ch2, mb2, bob, 1, "hello")); r[0].Applied != chat.EventApplied {
		t.Errorf("a text meanwhile: got %+v, want applied", r[0])
	}
	must(t, tx.Rollback(ctx))
	if n := <-done; n != want {
		t.Errorf("%d were made due, want %d", n, want)
	}
	if n := one[int](f, due); n != want {
		t.Errorf("%d are due, want %d", n, want)
	}
}
