package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
	"textme/store"
)

func TestBacklog(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	check := func(what string, want store.Backlog) {
		t.Helper()
		got, err := f.Backlog(ctx)
		must(t, err)
		oldest := got.OldestUnsent - want.OldestUnsent
		if got.OldestUnsent, want.OldestUnsent = 0, 0; !cmp.Equal(got, want) || oldest < 0 || oldest > time.Minute {
			t.Errorf("%s: (-want +got)\n%s\nthe oldest text waits %v too long", what, cmp.Diff(want, got), oldest)
		}
	}
	run := func(q string) {
		t.Helper()
		_, err := f.db.Exec(ctx, q)
		must(t, err)
	}
	check("nothing waits", store.Backlog{})
	f.live(ann, "CH00000000000000000000000000000001", "MB00000000000000000000000000000001")
	run(`UPDATE messages SET created_at = now() - interval '2 hours'`)
	check("a text waits", store.Backlog{OldestUnsent: 2 * time.Hour})
	run(`UPDATE messages SET not_before = now() - interval '1 hour'`)
	check("it was held for an hour", store.Backlog{OldestUnsent: time.Hour})
	run(`UPDATE messages SET not_before = now() + interval '1 hour'`)
	check("it is held for another hour", store.Backlog{})
	run(`UPDATE messages SET status = 'sending', not_before = NULL`)
	check("its call hangs", store.Backlog{OldestUnsent: 2 * time.Hour})
	run(`UPDATE messages SET status = 'cancelled'`)

	for _, scope := range []string{chat.AccountScope, string(sender), "+15005550009"} {
		_, err := f.Pause(ctx, scope, 20003, "wrong", time.Now())
		must(t, err)
	}
	check("all is paused", store.Backlog{AccountPaused: true, SendersPaused: 2})
	_, err := f.Resume(ctx, sender)
	must(t, err)
	check("another sender is paused", store.Backlog{SendersPaused: 1})

	run(`INSERT INTO events (id, key_hash, via, type, conversation_sid, applied_at, error)
		SELECT gen_random_uuid(), sha256(n::text::bytea), 'webhook', 'onMessageAdded', 'CH00000000000000000000000000000002',
			CASE WHEN n = 2 THEN now() END, CASE WHEN n = 3 THEN 'not ours' ELSE '' END FROM generate_series(1, 4) AS n`)
	check("events are parked", store.Backlog{SendersPaused: 1, EventsParked: 2})
}
