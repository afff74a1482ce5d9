package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"textme/chat"
)

// What was queued before an outage ended waits until Twilio was asked about everybody who
// was due then, also by another replica, and about everybody new that was found.
func TestRestoring(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	const every, away = time.Minute, 10 * time.Minute
	id := f.live(ann, ch1, mb1)
	other := f.live(bob, ch2, mb2)
	f.exec(`UPDATE messages SET status = 'accepted'`)
	f.exec(`UPDATE conversations SET reconcile_at = now() + interval '1 hour'`)
	restoring := func() bool {
		t.Helper()
		facts, err := f.SendFacts(ctx, id)
		must(t, err)
		return facts.RestoringSince.After(time.Now().Add(-time.Hour))
	}
	look := func() {
		t.Helper()
		_, due, err := f.ClaimLook(ctx, every, away)
		must(t, err)
		if !due {
			t.Fatal("no look is due")
		}
	}
	check := func(when string, want bool) {
		t.Helper()
		if got := restoring(); got != want {
			t.Errorf("%s: restoring %t, want %t", when, got, want)
		}
		over, err := f.Restored(ctx)
		must(t, err)
		if over {
			t.Errorf("%s: the restoring ended", when)
		}
	}

	_, _, err := f.ClaimLook(ctx, every, away)
	must(t, err)
	check("a new database", false)
	f.exec(`UPDATE looks SET next_at = now() - interval '9 minutes'`)
	check("a late look", false)
	look()
	check("a look that was late", false)

	f.exec(`UPDATE looks SET next_at = now() - interval '6 hours'`)
	f.exec(`UPDATE conversations SET reconcile_at = now() - interval '1 hour'`)
	check("nobody has looked yet", true)
	look()
	f.exec(`UPDATE conversations SET reconcile_at = now() + interval '1 hour' WHERE id = $1`, other)
	check("the look is not done", true)
	_, err = f.FinishLook(ctx, nil, time.Now())
	must(t, err)
	check("somebody is due", true)
	polls, err := f.ClaimPolls(ctx, 10, time.Minute)
	must(t, err)
	if len(polls) != 1 {
		t.Fatalf("%d polls, want 1", len(polls))
	}
	check("another replica asks", true)
	f.exec(`UPDATE conversations SET reconcile_at = now() WHERE id = $1`, id)
	again, err := f.ClaimPolls(ctx, 10, time.Minute)
	must(t, err)
	check("a replica died that asked, and the next one asks", true)
	owed := chat.PollDone{Poll: again[0], Next: time.Hour, IfActive: time.Hour, Owed: true}
	must(t, f.FinishPoll(ctx, owed))
	check("it could not be asked", true)
	owed.Owed, f.untried = false, true
	must(t, f.FinishPoll(ctx, owed))
	check("somebody new was not gone after yet", true)

	f.untried = false
	f.exec(`INSERT INTO messages (id, conversation_id, direction, purpose, author, body, status, created_at)
		VALUES (gen_random_uuid(), $1, 'out', 'agent', 'agent', 'hello', 'queued', now() - interval '6 hours')`, other)
	f.hastened = nil
	over, err := f.Restored(ctx)
	must(t, err)
	if !over || restoring() {
		t.Errorf("when nothing is left to be asked: over %t, restoring %t", over, restoring())
	}
	if diff := cmp.Diff([]chat.AdvanceJob{{ConversationID: other}}, f.hastened); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}

	f.exec(`UPDATE looks SET restoring_since = now() - interval '59 minutes'`)
	check("it takes long", true)
	f.exec(`UPDATE looks SET restoring_since = now() - interval '61 minutes'`)
	check("it takes for ever", false)
	f.exec(`UPDATE looks SET next_at = now() - interval '6 hours'`)
	look()
	check("after that, another outage", true)

	f.exec(`UPDATE looks SET restoring_since = NULL, found_at = NULL, next_at = now() + interval '1 minute'`) // a program of before looks
	check("looked at by a program of before", false)
	f.exec(`UPDATE looks SET seen_through = now() - interval '6 hours'`)
	check("Twilio has been out of reach", false)
	f.exec(`UPDATE conversations SET reconcile_at = now() - interval '1 hour'`)
	_, err = f.FinishLook(ctx, nil, time.Now())
	must(t, err)
	check("Twilio was out of reach", true)
}

// While there is something to be restored, half of those polled were due by then, also
// if they could not be asked since.
func TestRestoredFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	due, quiet, owed := f.polled(1, 2*time.Minute), f.polled(2, time.Hour), f.polled(3, time.Second)
	f.exec(`UPDATE conversations SET last_activity_at = now() - interval '2 days' WHERE id = ANY($1)`, []uuid.UUID{quiet, owed})
	f.exec(`UPDATE conversations SET claimed_due_at = now() - interval '2 hours' WHERE id = $1`, owed)
	f.exec(`INSERT INTO looks (scope, restoring_since) VALUES ('conversations', now() - interval '30 minutes')`)
	older := f.polled(4, 2*time.Hour)
	f.exec(`UPDATE conversations SET last_activity_at = now() - interval '2 days' WHERE id = $1`, older)
	polls, err := f.ClaimPolls(t.Context(), 4, time.Minute)
	must(t, err)
	got := make([]uuid.UUID, len(polls))
	for i, p := range polls {
		got[i] = p.ConversationID
	}
	if diff := cmp.Diff([]uuid.UUID{older, quiet, due, owed}, got); diff != "" {
		t.Fatalf("claimed (-want +got):\n%s", diff)
	}
	if late := time.Since(polls[3].DueAt); late < time.Hour {
		t.Errorf("what was owed counts as late by %v", late)
	}
}

// A welcome text was called for by its sign-up, though it is queued when that is decided.
func TestCalledForAt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.live(ann, ch1, mb1)
	texts, err := f.Unsent(t.Context(), chat.Conversation{ID: id})
	must(t, err)
	signedUp := one[time.Time](f, `SELECT created_at FROM signups`)
	if len(texts) != 1 || !texts[0].CalledForAt.Equal(signedUp) || !signedUp.Before(texts[0].CreatedAt) {
		t.Errorf("the sign-up was at %v, and its texts are %+v", signedUp, texts)
	}
}
