package store_test

import (
	"testing"

	"textme/chat"
)

// Trying again brings back the welcome text that the failure cancelled.
func TestTryAgainWelcomes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, ch1, mb1)
	_, err := f.RecordSignup(ctx, f.signup(ann))
	must(t, err)
	lease := f.lease(id)
	must(t, f.FailConversation(ctx, lease, 50407, "canary"))
	_, err = f.GiveBack(ctx, lease, 0, 0)
	must(t, err)
	if got := one[string](f, `SELECT status FROM messages WHERE purpose = 'welcome'`); got != "cancelled" {
		t.Fatalf("the welcome of a failed conversation is %s", got)
	}
	tried, err := f.TryAgain(ctx, id, chat.AuditEntry{Actor: "admin:rosa", Action: "try-again", Subject: id.String()})
	must(t, err)
	lease = f.lease(id)
	c, err := f.Load(ctx, lease)
	must(t, err)
	a, err := f.Admission(ctx, c)
	must(t, err)
	must(t, f.Decide(ctx, lease, []chat.Decision{{SignupID: a.Undecided[0].ID, Outcome: chat.Admitted}}, false))
	f.activate(lease, ch1, mb2)
	if got := one[string](f, `SELECT status FROM messages WHERE purpose = 'welcome'`); got != "queued" || !tried {
		t.Errorf("tried again (%v) the welcome is %s, want queued", tried, got)
	}
}

// A worker that was about to note a failure finds that somebody has just asked to
// try again: the sign-up stays to be decided.
func TestDecideAfterTryAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id, lease := f.conversation(ann)
	must(t, f.FailConversation(ctx, lease, 50407, "canary"))
	c, err := f.Load(ctx, lease)
	must(t, err)
	a, err := f.Admission(ctx, c)
	must(t, err)
	failed := []chat.Decision{{SignupID: a.Undecided[0].ID, Outcome: chat.SignupFailed, Reason: "canary"}}
	_, err = f.TryAgain(ctx, id, chat.AuditEntry{Actor: "admin:rosa", Action: "try-again", Subject: id.String()})
	must(t, err)
	must(t, f.Decide(ctx, lease, failed, false))
	if n := one[int](f, `SELECT count(*) FROM signup_outcomes`); n != 0 {
		t.Errorf("%d sign-ups were decided, want none", n)
	}
}
