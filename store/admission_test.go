package store_test

import (
	"testing"

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
	must(t, f.Activate(ctx, lease, mb1))
	got := one[string](f, `SELECT body FROM messages WHERE conversation_id = $1 AND purpose = 'welcome'`, id)
	if want := "Corner Shop says hello"; got != want {
		t.Errorf("the welcome is %q, want %q", got, want)
	}
	must(t, f.Decide(ctx, lease, nil, false))
	if n := one[int](f, `SELECT count(*) FROM messages`); n != 1 {
		t.Errorf("%d welcome texts, want 1", n)
	}
}
