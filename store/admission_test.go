package store_test

import (
	"testing"

	"github.com/google/uuid"

	"textme/chat"
)

// Somebody who texted first, or signed up elsewhere in vain, is welcomed by the
// business where they were admitted.
func TestWelcomeIsTheSourcesOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	other, err := f.CreateSource(ctx, chat.Source{
		Key: "shop", Kind: chat.PageSource, Business: "Corner Shop", Sender: sender, Disclosure: "I agree.",
		Settings: chat.SourceSettings{Welcome: "{business} says hello"},
	})
	must(t, err)
	id, lease := f.conversation(ann) // the row begins at Harbor Bikes
	second := f.signup(ann)
	second.Source = other
	_, err = f.RecordSignup(ctx, second)
	must(t, err)
	c, err := f.Load(ctx, lease)
	must(t, err)
	a, err := f.Admission(ctx, c)
	must(t, err)
	must(t, f.Decide(ctx, lease, []chat.Decision{
		{SignupID: a.Undecided[0].ID, Outcome: chat.OptedOut}, {SignupID: a.Undecided[1].ID, Outcome: chat.Admitted},
	}, false))
	must(t, f.SaveSID(ctx, lease, chat.Found{SID: ch1}))
	f.activate(lease, ch1, mb1)
	got := one[string](f, `SELECT body FROM messages WHERE conversation_id = $1 AND purpose = 'welcome'`, id)
	if want := "Corner Shop says hello"; got != want {
		t.Errorf("the welcome is %q, want %q", got, want)
	}
	must(t, f.Decide(ctx, lease, nil, false))
	if n := one[int](f, `SELECT count(*) FROM messages`); n != 1 {
		t.Errorf("%d welcome texts, want 1", n)
	}
}

// The worker of a live conversation looks at its sign-ups only while one of them
// waits for its outcome or its welcome text, also one of a row merged into it.
func TestDecided(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, ch1, mb1)
	lease := f.lease(id)
	decided := func(when string, want bool) {
		t.Helper()
		c, err := f.Load(ctx, lease)
		must(t, err)
		if c.Decided != want {
			t.Errorf("%s: decided is %t, want %t", when, c.Decided, want)
		}
	}
	does := func(q string, args ...any) {
		t.Helper()
		_, err := f.db.Exec(ctx, q, args...)
		must(t, err)
	}
	decided("live and welcomed", true)
	again, err := f.RecordSignup(ctx, f.signup(ann))
	must(t, err)
	decided("somebody signed up again", false)
	must(t, f.Decide(ctx, lease, []chat.Decision{{SignupID: again.SignupID, Outcome: chat.Joined}}, false))
	decided("they have joined", true)
	does(`UPDATE messages SET status = 'cancelled', reason = 'the conversation failed'`)
	decided("its failure had cancelled the welcome", false)
	does(`DELETE FROM messages`)
	decided("no welcome was ever queued", false)
	does(`UPDATE signup_outcomes SET outcome = 'joined'`)
	decided("nobody was admitted", true)

	earlier := uuid.New()
	does(`INSERT INTO conversations (id, customer_id, sender, source_id, state, closed_at, merged_into)
		SELECT $2, customer_id, sender, source_id, 'closed', now(), id FROM conversations WHERE id = $1`, id, earlier)
	does(`INSERT INTO signups SELECT (g).* FROM (SELECT jsonb_populate_record(g, jsonb_build_object('id', gen_random_uuid(), 'dedupe_key', 'other',
		'conversation_id', $1::uuid)) AS g FROM signups g LIMIT 1) AS copy`, earlier)
	decided("a merged row has an undecided sign-up", false)
	does(`INSERT INTO signup_outcomes (signup_id, outcome, reason, decided_at) SELECT id, 'admitted', '', now() FROM signups WHERE conversation_id = $1`, earlier)
	decided("a merged row's sign-up was admitted and not welcomed", false)
}
