package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"textme/chat"
)

// adopted makes the conversation that Ann has texted in a row of ours, by whose id
// it is known from now on.
func (f *fixture) adopted(ch chat.ConversationSID, mb chat.ParticipantSID) uuid.UUID {
	f.t.Helper()
	must(f.t, f.AdoptConversation(f.t.Context(), chat.Adoption{SID: ch, Participant: chat.RemoteParticipant{SID: mb, Address: ann, ProxyAddress: sender}}))
	return one[uuid.UUID](f, `SELECT id FROM conversations WHERE conversation_sid = $1`, ch)
}

// signsUp has Ann sign up, and the holder of the lease decide on it.
func (f *fixture) signsUp(lease chat.Lease, outcome chat.Outcome) chat.Recorded {
	f.t.Helper()
	r, err := f.RecordSignup(f.t.Context(), f.signup(ann))
	must(f.t, err)
	must(f.t, f.Decide(f.t.Context(), lease, []chat.Decision{{SignupID: r.SignupID, Outcome: outcome}}, false))
	return r
}

// welcomeOf is the row's welcome text.
func (f *fixture) welcomeOf(conversation uuid.UUID) uuid.UUID {
	f.t.Helper()
	return one[uuid.UUID](f, `SELECT id FROM messages WHERE purpose = 'welcome' AND conversation_id = $1`, conversation)
}

// posting has the holder of the lease send the row's welcome text, without a word
// of what comes of it.
func (f *fixture) posting(lease chat.Lease) {
	f.t.Helper()
	v, err := f.BeginSend(f.t.Context(), lease, f.welcomeOf(lease.ConversationID), func(chat.GateFacts) chat.Verdict { return chat.Verdict{} })
	must(f.t, err)
	if !v.Goes() {
		f.t.Fatal("the welcome does not go")
	}
}

// welcomes counts the welcome texts that have not left for certain, and may.
func (f *fixture) welcomes() int {
	f.t.Helper()
	return one[int](f, `SELECT count(*) FROM messages WHERE purpose = 'welcome' AND status IN ('queued', 'sending')`)
}

// One text is in the dark while the welcome still waits behind it, and the pair
// moves to a newer conversation: there the welcome is owed.
func TestQueuedWelcomeBehindADarkText(t *testing.T) {
	t.Parallel()
	for _, left := range []bool{true, false} {
		f := newFixture(t)
		ctx := t.Context()
		id := f.live(ann, ch1, mb1) // admitted, welcome queued
		f.exec(`INSERT INTO messages (id, conversation_id, direction, purpose, turn, author, body, status, sending_at, attempts, created_at)
			VALUES ($1, $2, 'out', 'reply', 0, 'bot', 'We are open', 'sending', now(), 1, now() - interval '1 minute')`, uuid.New(), id)
		heir := f.adopted(ch2, mb2)
		lease := f.lease(id) // wrapUp: the reply is looked for
		if left {
			f.apply(chat.PolledMessage(ch1, chat.RemoteMessage{SID: im(1), Index: 1, OurID: one[uuid.UUID](f, `SELECT id FROM messages WHERE purpose = 'reply'`), Author: "bot", Body: "We are open", At: noon}))
		} else {
			must(t, f.Requeue(ctx, lease, one[uuid.UUID](f, `SELECT id FROM messages WHERE purpose = 'reply'`), true))
		}
		must(t, f.CloseConversation(ctx, lease, "closed at Twilio", true))
		if got := one[bool](f, `SELECT merged_into IS NOT DISTINCT FROM $2 FROM conversations WHERE id = $1`, id, heir); !got {
			t.Errorf("left %t: the sign-up whose welcome never left was not taken over by the live row", left)
		}
		c, err := f.Load(ctx, f.lease(heir))
		must(t, err)
		a, err := f.Admission(ctx, c)
		must(t, err)
		if !a.Owed {
			t.Errorf("left %t: nobody owes the welcome", left)
		}
	}
}

// A row that is brought back queues its welcome again, which was cancelled only
// because the row had been closed.
func TestReopenedRowWelcomes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	first := f.live(ann, ch1, mb1) // welcome queued
	heir := f.adopted(ch2, mb2)    // closes it; the heir owes
	// ch2 is closed at Twilio before the heir has sent anything; its heir finds the pair in ch1.
	f.apply(chat.PolledClosed(ch2, time.Now()))
	must(t, f.CloseConversation(ctx, f.lease(heir), "closed at Twilio", true))
	third := one[uuid.UUID](f, `SELECT id FROM conversations WHERE state = 'pending'`)
	lease := f.lease(third)
	must(t, f.Merge(ctx, lease, ch1))
	again := f.lease(first)
	f.activate(again, ch1, "MB33333333333333333333333333333333")
	if n := f.welcomes(); n != 1 {
		t.Errorf("%d welcome texts are going to be sent, want 1; rows: %s", n, one[string](f, `SELECT string_agg(purpose || ' ' || status || ' ' || reason, '; ') FROM messages`))
	}
}

// The heir's welcome is in the dark when its worker would merge the heir into the
// row it had inherited from, which would welcome its own sign-up at once.
func TestMergeIntoTheRowInheritedFrom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	// The person texted first: the row has a text, is emptied (pending), and the
	// sign-up that comes now is admitted but has no welcome queued.
	old := f.adopted(ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 0, "HOURS"), f.event(chat.PolledParticipantRemoved(ch1, mb1, noon)))
	lease := f.lease(old)
	r := f.signsUp(lease, chat.Admitted)
	_, err := f.GiveBack(ctx, lease, 0, 0)
	must(t, err)
	// She texts, Twilio makes ch2, it is adopted and is the heir, which decides anew; its welcome is posted into the dark.
	heir := f.adopted(ch2, mb2)
	hl := f.lease(heir)
	must(t, f.Decide(ctx, hl, []chat.Decision{{SignupID: r.SignupID, Outcome: chat.Admitted}}, false))
	f.posting(hl)
	// She is moved back to ch1; the heir's worker follows and merges.
	f.apply(f.event(chat.PolledParticipantRemoved(ch2, mb2, noon)))
	if err := f.Merge(ctx, hl, ch1); !errors.Is(err, chat.ErrInTheDark) {
		t.Errorf("merged with %v, want ErrInTheDark", err)
	}
	must(t, f.Decide(ctx, hl, nil, false))
	if n := f.welcomes(); n != 1 {
		t.Errorf("%d welcome texts of one sign-up are on their way, want the one in the dark", n)
	}
}

// A closed row's worker wraps up while another row's worker merges into it: the
// row that has just been opened again stays open.
func TestWrapUpOfAReopenedRow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	into := f.live(ann, ch1, mb1)
	f.exec(`UPDATE messages SET status = 'accepted', message_sid = $1, index = 0, sending_at = now()`, im(9))
	f.exec(`UPDATE conversations SET state = 'closed', closed_at = now(), lease_token = NULL, lease_until = NULL`)
	f.apply(f.text(ch1, mb1, ann, 1, "HOURS")) // wakes the closed row's worker
	wrapping := f.lease(into)
	c, err := f.Load(ctx, wrapping)
	must(t, err)
	if c.State != chat.Closed {
		t.Fatal("not closed")
	}
	id, lease := f.conversation(ann) // a new sign-up finds the pair in ch1
	must(t, f.Decide(ctx, lease, []chat.Decision{{SignupID: one[uuid.UUID](f, `SELECT id FROM signups WHERE conversation_id = $1`, id), Outcome: chat.Admitted}}, false))
	must(t, f.Merge(ctx, lease, ch1))
	must(t, f.WrapUp(ctx, wrapping))
	if got := one[string](f, `SELECT state FROM conversations WHERE id = $1`, into); got != "pending" {
		t.Errorf("the reopened row is %s; open rows: %d", got, one[int](f, `SELECT count(*) FROM conversations WHERE state <> 'closed'`))
	}
}

// The participant is taken out after Twilio answered our add and before the row
// says so. What was told of one before the add does not count: a list that lags
// behind may have been wrong.
func TestRemovedBeforeActivate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id, lease := f.conversation(ann)
	must(t, f.SaveSID(ctx, lease, chat.Found{SID: ch1}))
	since := one[time.Time](f, `SELECT now()`)
	f.apply(f.event(chat.PolledParticipantRemoved(ch1, mb1, noon)))
	active, err := f.Activate(ctx, lease, chat.Joining{SID: ch1, Participant: mb1, Since: since})
	must(t, err)
	if active {
		t.Error("the conversation became active")
	}
	state := func() string {
		return one[string](f, `SELECT state || ' ' || coalesce(participant_sid, 'nobody') FROM conversations WHERE id = $1`, id)
	}
	if got := state(); got != "pending nobody" {
		t.Errorf("the row is %q", got)
	}
	f.activate(lease, ch1, mb1)
	f.apply(chat.PolledParticipantRemoved(ch1, mb1, noon.Add(time.Hour)))
	if got := state(); got != "pending nobody" {
		t.Errorf("found missing a second time the row is %q", got)
	}
}

// A row that was closed although its conversation goes on is opened again, once.
func TestReopen(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	first := f.live(ann, ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 0, "HOURS"), f.event(chat.PolledClosed(ch1, noon)))
	lease := f.lease(first)
	rows := func() string {
		return one[string](f, `SELECT string_agg(coalesce(conversation_sid, 'none') || ' ' || state, ', ' ORDER BY created_at) FROM conversations`)
	}
	for _, open := range []bool{false, true} {
		if reopened, err := f.Reopen(ctx, lease); err != nil || reopened == open {
			t.Errorf("an open row is there: %t; reopened: %t, %v", open, reopened, err)
		}
		if want := ch1 + " pending"; rows() != string(want) {
			t.Errorf("rows %s, want %s", rows(), want)
		}
	}
}

// A conversation that was only thought to be gone is gone for good later, whoever
// tells of it.
func TestGoneAgain(t *testing.T) {
	t.Parallel()
	webhook := chat.Event{Key: chat.EventKey(chat.ConversationRemoved, string(ch1)), Type: chat.ConversationRemoved, SID: ch1, At: noon.Add(time.Hour)}
	for name, gone := range map[string]chat.Event{"webhook": webhook, "poll": chat.PolledRemoved(ch1, noon.Add(time.Hour))} {
		f := newFixture(t)
		id := f.live(ann, ch1, mb1)
		f.apply(f.event(chat.PolledRemoved(ch1, noon)))
		if reopened, err := f.Reopen(t.Context(), f.lease(id)); err != nil || !reopened {
			t.Fatalf("reopened %t, %v", reopened, err)
		}
		r := f.apply(f.event(gone))
		if state := one[string](f, `SELECT state FROM conversations`); state != "closed" {
			t.Errorf("by %s it is %v, and the row %s", name, r[0].Applied, state)
		}
	}
}

// A worker fails a row that was closed and inherited meanwhile: the sign-ups are
// another row's by now.
func TestFailureOfAClosedRow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, ch1, mb1) // admitted, welcome queued
	f.apply(f.text(ch1, mb1, ann, 0, "HOURS"), f.event(chat.PolledParticipantRemoved(ch1, mb1, noon)))
	lease := f.lease(id) // its worker is about to add her again
	heir := f.adopted(ch2, mb2)
	must(t, f.FailConversation(ctx, lease, 50416, "foreign"))
	if got := one[string](f, `SELECT outcome FROM signup_outcomes`); got != "admitted" {
		t.Errorf("the sign-up is %s", got)
	}
	must(t, f.Decide(ctx, f.lease(heir), nil, false))
	if n := f.welcomes(); n != 1 {
		t.Errorf("%d welcomes are going to be sent, want 1", n)
	}
}

// A poll that was claimed for one conversation ends when the row has another: what
// it asked says nothing about that.
func TestPollOfTheConversationBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id, lease := f.conversation(ann)
	must(t, f.SaveSID(ctx, lease, chat.Found{SID: ch1}))
	f.exec(`UPDATE conversations SET reconcile_at = now()`)
	polls, err := f.ClaimPolls(ctx, 1, time.Minute)
	must(t, err)
	must(t, f.SaveSID(ctx, lease, chat.Found{SID: ch2, Adopted: true}))
	must(t, f.FinishPoll(ctx, chat.PollDone{Poll: chat.Poll{ConversationID: polls[0].ConversationID, SID: polls[0].SID, GapsChecked: 3}, Next: time.Minute, IfActive: time.Minute}))
	if got := one[int](f, `SELECT gaps_checked_through FROM conversations WHERE id = $1`, id); got != -1 {
		t.Errorf("texts of the new conversation up to index %d are never going to be asked for", got)
	}
}

// What a closed row owes goes to the pair's open row also when that has failed.
func TestFailedHeir(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, ch1, mb1)
	f.exec(`UPDATE messages SET status = 'sending', sending_at = now(), attempts = 1`)
	heir := f.adopted(ch2, mb2)
	hl := f.lease(heir)
	must(t, f.FailConversation(ctx, hl, 50416, "foreign"))
	_, err := f.Finish(ctx, hl, 0)
	must(t, err)
	lease := f.lease(id)
	must(t, f.Requeue(ctx, lease, one[uuid.UUID](f, `SELECT id FROM messages`), true))
	must(t, f.WrapUp(ctx, lease))
	if got := one[string](f, `SELECT outcome || ' of a ' || c.state || ' row' FROM signup_outcomes, conversations c WHERE c.id = $1`, heir); got != "failed of a failed row" {
		t.Errorf("the sign-up is %s", got)
	}
}

// The heir's welcome is in the dark when its conversation closes, the person is put
// back into the first one and texts: the first row waits with being reopened.
func TestReopenWhileTheHeirIsInTheDark(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	a := f.live(ann, ch1, mb1) // admitted, welcome queued
	r := f.adopted(ch2, mb2)
	rl := f.lease(r)
	must(t, f.Decide(ctx, rl, nil, false))
	f.posting(rl)
	_, err := f.GiveBack(ctx, rl, time.Second, 0) // no answer
	must(t, err)
	f.apply(chat.PolledClosed(ch2, time.Now()))
	f.apply(f.text(ch1, "MB33333333333333333333333333333333", ann, 0, "HOURS")) // she is back in ch1
	if reopened, err := f.Reopen(ctx, f.lease(a)); !errors.Is(err, chat.ErrInTheDark) {
		t.Errorf("reopened: %t, %v; it would welcome her, and the heir's welcome may have left", reopened, err)
	}
}

// The row of somebody who only texted was merged into one whose sign-up was refused:
// reopened, it takes that over. Nothing would call for a third.
func TestReopenTakesOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	a := f.adopted(ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 0, "HOURS"), f.event(chat.PolledParticipantRemoved(ch1, mb1, noon)))
	r, err := f.RecordSignup(ctx, f.signup(ann)) // undecided
	must(t, err)
	heir := f.adopted(ch2, mb2)
	hl := f.lease(heir)
	must(t, f.Decide(ctx, hl, []chat.Decision{{SignupID: r.SignupID, Outcome: chat.Capped, Reason: "the number was welcomed a short while ago"}}, false))
	f.apply(chat.PolledClosed(ch2, time.Now()))
	must(t, f.WrapUp(ctx, hl))
	f.apply(f.text(ch1, "MB33333333333333333333333333333333", ann, 1, "HOURS")) // she is back in ch1
	if reopened, err := f.Reopen(ctx, f.lease(a)); err != nil || !reopened {
		t.Errorf("reopened: %t, %v", reopened, err)
	}
	rows := one[string](f, `SELECT string_agg(conversation_sid || ' ' || state || ' ' || (merged_into = $1), ', ' ORDER BY created_at) FROM conversations`, a)
	if want := ch2 + " closed true"; rows != string(want) { // the first row is merged into none
		t.Errorf("rows %s, want %s", rows, want)
	}
	if got := one[string](f, `SELECT state FROM conversations WHERE id = $1`, a); got != "pending" {
		t.Errorf("the first row is %s", got)
	}
}

// A welcome given up for a STOP in the heir does not come back in the row that it
// inherited from.
func TestStoppedWelcomeStaysStopped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	a := f.live(ann, ch1, mb1) // welcome queued
	r := f.adopted(ch2, mb2)
	rl := f.lease(r)
	must(t, f.Decide(ctx, rl, nil, false))
	_, err := f.BeginSend(ctx, rl, f.welcomeOf(r), func(chat.GateFacts) chat.Verdict { return chat.Verdict{Cancel: "the person replied STOP"} })
	must(t, err)
	// moved back to ch1 by staff; the heir follows
	must(t, f.Merge(ctx, rl, ch1))
	al := f.lease(a)
	f.activate(al, ch1, "MB33333333333333333333333333333333")
	if n := f.welcomes(); n != 0 {
		t.Errorf("the welcome that a STOP cancelled is queued again")
	}
}

// A sign-up that joins while the person is out of the conversation fails with it,
// although somebody was welcomed there before.
func TestJoinedThenFailed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, ch1, mb1)
	f.exec(`UPDATE messages SET status = 'delivered', message_sid = $1, index = 0, twilio_at = now(), body_at = now()`, im(50))
	f.apply(f.event(chat.PolledParticipantRemoved(ch1, mb1, time.Now())))
	lease := f.lease(id)
	f.signsUp(lease, chat.Joined)
	must(t, f.FailConversation(ctx, lease, 50416, "foreign"))
	if got := one[string](f, `SELECT string_agg(outcome, ', ' ORDER BY decided_at) FROM signup_outcomes`); got != "admitted, failed" {
		t.Errorf("the sign-ups are %s", got)
	}
}

// Whoever joined while the person was out, in a row that then merged into an earlier
// one, fails with that: the welcome was of before.
func TestJoinedWhileOutThenMergedAndFailed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	first := f.adopted(ch1, mb1)
	f.apply(f.event(chat.PolledClosed(ch1, time.Now())))
	fl := f.lease(first)
	must(t, f.WrapUp(ctx, fl))
	_, err := f.Finish(ctx, fl, 0)
	must(t, err)
	second := f.live(ann, ch2, mb2)
	f.exec(`UPDATE messages SET status = 'delivered', message_sid = $1, index = 0, sending_at = now(), twilio_at = now(), body_at = now() WHERE purpose = 'welcome'`, im(50))
	f.apply(f.event(chat.PolledParticipantRemoved(ch2, mb2, time.Now())))
	lease := f.lease(second)
	f.signsUp(lease, chat.Joined)
	if err := f.SaveSID(ctx, lease, chat.Found{SID: ch1}); !errors.Is(err, chat.ErrHeld) {
		t.Fatal(err)
	}
	must(t, f.Merge(ctx, lease, ch1))
	must(t, f.FailConversation(ctx, f.lease(first), 50416, "held by another system"))
	if got, want := one[string](f, `SELECT string_agg(outcome, ', ' ORDER BY decided_at) FROM signup_outcomes`), "admitted, failed"; got != want {
		t.Errorf("the sign-ups are %s, want %s", got, want)
	}
}
