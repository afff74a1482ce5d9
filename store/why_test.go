package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"textme/chat"
)

// What the gate let wait, and for what, is still on record when the text has
// gone out.
func TestPastKeepsWhatWasHeld(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, "CH00000000000000000000000000000001", "MB00000000000000000000000000000001")
	_, err := f.db.Exec(ctx, `UPDATE conversations SET work_seq = work_seq + 1`)
	must(t, err)
	lease := f.lease(id)
	welcome := one[uuid.UUID](f, `SELECT id FROM messages`)
	until := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	held := func() chat.PastText {
		t.Helper()
		past, err := f.Past(ctx, ann)
		must(t, err)
		if len(past.Conversations) != 1 || len(past.Conversations[0].Texts) != 1 {
			t.Fatalf("on record are %+v, want one conversation with one text", past.Conversations)
		}
		return past.Conversations[0].Texts[0]
	}
	if got := held(); got.HeldAt != nil || got.HeldFor != "" || got.Purpose != chat.Welcome || got.Status != chat.Queued {
		t.Errorf("before the gate the text is %+v", got)
	}
	hold := func(chat.GateFacts) chat.Verdict { return chat.Verdict{Until: until, Why: "quiet hours"} }
	_, err = f.BeginSend(ctx, lease, welcome, hold)
	must(t, err)
	first := held()
	if first.HeldAt == nil || first.HeldFor != "quiet hours" || first.NotBefore == nil || !first.NotBefore.Equal(until) || first.Status != chat.Queued {
		t.Errorf("a held text is %+v", first)
	}
	_, err = f.BeginSend(ctx, lease, welcome, hold)
	must(t, err)
	_, err = f.BeginSend(ctx, lease, welcome, func(chat.GateFacts) chat.Verdict { return chat.Verdict{} })
	must(t, err)
	if got := held(); got.HeldAt == nil || !got.HeldAt.Equal(*first.HeldAt) || got.HeldFor != "quiet hours" || got.Status != chat.Sending || got.Attempts != 1 {
		t.Errorf("a text that went out after it was held is %+v, want held since %v", got, first.HeldAt)
	}
}

// Of a phone that nobody used, nothing is known.
func TestPastOfAStranger(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, "CH00000000000000000000000000000001", "MB00000000000000000000000000000001")
	_, err := f.Pause(t.Context(), chat.AccountScope, 20003, "wrong", time.Now())
	must(t, err)
	past, err := f.Past(t.Context(), bob)
	must(t, err)
	if past.CustomerID != uuid.Nil || past.Since != nil || len(past.Signups)+len(past.Conversations)+len(past.OptOuts) > 0 {
		t.Errorf("of a stranger is on record: %+v", past)
	}
}

// A pause that has ended holds nothing back but stays on record; the next one
// is another.
func TestPausesAreKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, "CH00000000000000000000000000000001", "MB00000000000000000000000000000001")
	_, err := f.db.Exec(ctx, `UPDATE conversations SET work_seq = work_seq + 1`)
	must(t, err)
	lease := f.lease(id)
	now := time.Now()
	pause := func(scope, reason string, want bool) {
		t.Helper()
		began, err := f.Pause(ctx, scope, 50413, reason, now)
		must(t, err)
		if began != want {
			t.Errorf("pausing %s began: %v, want %v", scope, began, want)
		}
	}
	paused := func(want string) {
		t.Helper()
		list, err := f.Paused(ctx)
		must(t, err)
		reason := ""
		if len(list) > 0 {
			reason = list[0].Reason
		}
		facts, err := f.SendFacts(ctx, id)
		must(t, err)
		c, err := f.Load(ctx, lease)
		must(t, err)
		if reason != want || facts.Paused != want || c.Paused != want {
			t.Errorf("paused for %q, at the gate for %q, to its worker for %q, want %q", reason, facts.Paused, c.Paused, want)
		}
	}
	claim := func(want bool) {
		t.Helper()
		claimed, err := f.ClaimProbe(ctx, sender, now, now.Add(time.Minute))
		must(t, err)
		if claimed != want {
			t.Errorf("the probe was claimed: %v, want %v", claimed, want)
		}
	}
	paused("")
	pause(string(sender), "first", true)
	pause(string(sender), "again", false)
	paused("first")
	claim(true)
	claim(false)
	_, err = f.Resume(ctx, sender)
	must(t, err)
	paused("")
	claim(false)
	pause(string(sender), "second", true)
	pause("+15005550009", "somebody else's", true)
	paused("second")

	past, err := f.Past(ctx, ann)
	must(t, err)
	if p := past.Pauses; len(p) != 2 || p[0].Reason != "first" || p[0].EndedAt == nil || p[1].Reason != "second" || p[1].EndedAt != nil || p[1].Failure.Code != 50413 {
		t.Errorf("on record are the pauses %+v", p)
	}
}
