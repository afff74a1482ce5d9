package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

// However often a probe is passed on while a pause lasts, those who wait have the one
// job each that they had: none comes on top of it, for it would wait as well.
func TestPassProbeAddsNoJobs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	const probe = time.Minute
	oldest, lease := f.conversation(ann)
	_, err := f.GiveBack(ctx, lease, probe, 0)
	must(t, err)
	_, probing := f.conversation(bob)
	_, err = f.Pause(ctx, string(sender), 30034, "not registered", time.Now())
	must(t, err)
	f.jobs = nil
	want := []chat.AdvanceJob{}
	for range 3 {
		must(t, f.PassProbe(ctx, probing, sender, probe))
		want = append(want, chat.AdvanceJob{ConversationID: oldest})
		_, err := f.GiveBack(ctx, f.lease(oldest), probe, 0) // she is blocked, and waits again
		must(t, err)
	}
	if diff := cmp.Diff(want, f.hastened); diff != "" || len(f.jobs) != 0 {
		t.Errorf("%d jobs were added; pulled forward (-want +got):\n%s", len(f.jobs), diff)
	}
}

// Pages tell what is not being sent: the account first, then who was paused first.
func TestPausedLists(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	for _, scope := range []string{"+15005550009", "+15005550008", chat.AccountScope, "+15005550007"} {
		_, err := f.Pause(ctx, scope, 50413, "why "+scope, time.Now())
		must(t, err)
	}
	_, err := f.Resume(ctx, "+15005550008")
	must(t, err)
	_, err = f.Pause(ctx, chat.AccountScope, 20403, "why not", time.Now())
	must(t, err)
	got, err := f.Paused(ctx)
	must(t, err)
	want := []chat.Pause{{Scope: chat.AccountScope, Reason: "why not"}, {Scope: "+15005550009", Reason: "why +15005550009"}, {Scope: "+15005550007", Reason: "why +15005550007"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paused (-want +got):\n%s", diff)
	}
}

// Whoever loads a conversation learns what its pauses allow: of the account's also whether
// it was the credentials.
func TestLoadTellsThePause(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	_, lease := f.conversation(ann)
	check := func(name string, account, credentials bool) {
		t.Helper()
		c, err := f.Load(ctx, lease)
		must(t, err)
		if c.Paused == "" || c.AccountPaused != account || c.CredentialsRefused != credentials {
			t.Errorf("%s: paused because %q, the account %t, the credentials %t; want %t and %t", name, c.Paused, c.AccountPaused, c.CredentialsRefused, account, credentials)
		}
	}
	pause := func(scope string, code int, probe time.Duration) {
		t.Helper()
		_, err := f.Pause(ctx, scope, code, "why", time.Now().Add(probe))
		must(t, err)
	}
	pause(string(sender), 30034, time.Hour)
	check("the sender", false, false)
	pause(chat.AccountScope, 20403, time.Minute)
	check("the account, forbidden", true, false)
	_, err := f.ResumeAccount(ctx, sender)
	must(t, err)
	pause(chat.AccountScope, chat.CodeCredentials, time.Minute)
	check("the account, credentials", true, true)
}
