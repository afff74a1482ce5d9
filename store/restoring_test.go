package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"textme/chat"
)

// What was queued before an outage ended waits until Twilio was asked about everybody,
// also by another replica, and about everybody new that was found.
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

	const down = `UPDATE looks SET seen_through = now() - interval '6 hours', outage_ended_at = now() - interval '7 hours'`

	_, _, err := f.ClaimLook(ctx, every, away)
	must(t, err)
	check("a new database", false)
	f.exec(`UPDATE looks SET seen_through = now() - interval '9 minutes', next_at = now()`)
	check("a late look", false)
	look()
	_, err = f.FinishLook(ctx, nil, time.Now(), every, away)
	must(t, err)
	check("a look that was late", false)

	f.exec(down + `, next_at = now()`)
	f.exec(`UPDATE conversations SET reconcile_at = now() - interval '1 hour'`)
	check("nobody has looked yet", true)
	look()
	f.exec(`UPDATE conversations SET reconcile_at = now() + interval '1 hour' WHERE id = $1`, other)
	check("the look is not done", true)
	_, err = f.FinishLook(ctx, nil, time.Now(), every, away)
	must(t, err)
	check("nobody was asked about", true)
	claim := func(want ...uuid.UUID) (polls []chat.Poll) {
		t.Helper()
		polls, err := f.ClaimPolls(ctx, 10, time.Minute)
		must(t, err)
		var got []uuid.UUID
		for _, p := range polls {
			got = append(got, p.ConversationID)
			if !p.Uncompared {
				t.Errorf("%+v is not to be compared", p)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("claimed (-want +got):\n%s", diff)
		}
		return polls
	}
	done := chat.PollDone{Poll: claim(id, other)[1], Next: 100 * time.Hour, IfActive: 100 * time.Hour, Mapping: true}
	must(t, f.FinishPoll(ctx, done))
	check("another replica asks", true)
	f.exec(`UPDATE conversations SET reconcile_at = now() WHERE id = $1`, id)
	done.Poll, done.Mapping, done.Owed = claim(id)[0], false, true
	check("a replica died that asked, and the next one asks", true)
	must(t, f.FinishPoll(ctx, done))
	check("it could not be asked", true)
	claim()
	f.exec(`UPDATE conversations SET reconcile_at = now() WHERE id = $1`, id)
	done.Poll, done.Owed, done.LetOff, f.untried = claim(id)[0], false, true, true
	must(t, f.FinishPoll(ctx, done))
	claim()
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
	f.exec(`UPDATE conversations SET reconcile_at = now() WHERE id = $1`, id)
	claim(id) // who was let off is compared when it can be
	f.exec(down + `, restoring_since = now() - interval '7 hours', next_at = now()`)
	look()
	check("after that, another outage", true)
	_, err = f.FinishLook(ctx, nil, time.Now(), every, away)
	must(t, err)
	f.exec(`UPDATE conversations SET reconcile_at = now() WHERE id = $1`, id)
	done.Poll, done.LetOff = claim(id, other)[0], false // asked about, and not compared
	must(t, f.FinishPoll(ctx, done))
	check("one was not compared", true)
	done.Poll, done.Mapping = claim(id)[0], true
	must(t, f.FinishPoll(ctx, done))
	f.exec(`UPDATE conversations SET state = 'closed', closed_at = now(), reconcile_at = NULL WHERE id = $1`, other)
	claim()
	over, err = f.Restored(ctx)
	must(t, err)
	if !over {
		t.Error("nobody is left, and it is not over")
	}

	f.exec(`UPDATE looks SET restoring_since = NULL, found_at = NULL, next_at = now() + interval '1 minute'`) // a program of before looks
	check("looked at by a program of before", false)
	f.exec(`UPDATE looks SET seen_through = now() - interval '6 hours'`)
	check("a look took long, though all is compared", false)
	f.exec(down)
	check("Twilio is out of reach", true)
	lease := f.lease(id)
	outage := func(when string, want bool) {
		t.Helper()
		c, err := f.Load(ctx, lease)
		must(t, err)
		if c.Outage != want {
			t.Errorf("%s: an outage %t, want %t", when, c.Outage, want)
		}
	}
	outage("Twilio is out of reach", true)
	must(t, f.BackInReach(ctx))
	check("Twilio is back", true)
	outage("Twilio is back", false)
	look()
	f.exec(`UPDATE looks SET restoring_since = now() - interval '61 minutes'`)
	must(t, f.BackInReach(ctx))
	check("looks fail, though Twilio is back", false)
	outage("looks fail, though Twilio is back", false)
	_, err = f.FinishLook(ctx, nil, time.Now(), every, away)
	must(t, err)
	if restoring() {
		t.Error("a look has ended when nobody waits any longer: they wait again")
	}
	if since := one[time.Duration](f, `SELECT now() - outage_ended_at FROM looks`); since > time.Minute {
		t.Errorf("what the look may have missed is compared as of %v ago", since)
	}
	f.exec(`UPDATE looks SET restoring_since = now() - interval '50 minutes', seen_through = now() - interval '6 hours', found_at = NULL`)
	_, err = f.FinishLook(ctx, nil, time.Now(), every, away)
	must(t, err)
	if since := one[time.Duration](f, `SELECT now() - restoring_since FROM looks`); since < 49*time.Minute {
		t.Errorf("for that, texts wait as of %v ago", since)
	}
	f.exec(down + `, restoring_since = now() - interval '61 minutes', found_at = NULL`)
	outage("looks fail", false)
	f.exec(`UPDATE looks SET restoring_since = now() - interval '71 minutes'`)
	check("Twilio was back for a moment only", true)
	outage("Twilio was back for a moment only", true)
	f.exec(`UPDATE looks SET restoring_since = now() - interval '61 minutes', next_at = now() - interval '30 minutes'`)
	outage("we were back for a moment only", true)
	look()
	outage("we were back for a moment only, and are again", true)
	check("we were back for a moment only, and are again", true)

	f.exec(`UPDATE looks SET seen_through = now() - interval '20 minutes', away = '2 hours', restoring_since = NULL, next_at = now()`)
	look()
	outage("what counts as an outage was longer", false)
	_, err = f.FinishLook(ctx, nil, time.Now(), every, away)
	must(t, err)
	if got := one[time.Duration](f, `SELECT away FROM looks`); got != away {
		t.Errorf("from the next look on an outage takes %v, want %v", got, away)
	}
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

// One that was tried in vain, since long ago, comes after those that were due before it was
// to be tried again: or a few that fail would come first each time.
func TestTriedInVainComesLater(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	failing, due := f.polled(1, time.Second), f.polled(2, time.Minute)
	f.exec(`UPDATE conversations SET claimed_due_at = now() - interval '1 hour' WHERE id = $1`, failing)
	for _, when := range []string{"first", "once not reached"} {
		polls, err := f.ClaimPolls(t.Context(), 2, time.Minute)
		must(t, err)
		if len(polls) != 2 || polls[0].ConversationID != due || polls[1].ConversationID != failing {
			t.Errorf("%s: claimed %+v, want %v and then %v", when, polls, due, failing)
		}
		must(t, f.UnclaimPolls(t.Context(), polls))
	}
}

// A program of before notes only since when texts wait.
func TestUncomparedByOlderProgram(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	quiet := f.polled(1, -time.Hour)
	f.exec(`UPDATE conversations SET mapping_checked_at = now() - interval '1 day'`)
	f.exec(`INSERT INTO looks (scope, restoring_since) VALUES ('conversations', now() - interval '30 minutes')`)
	if diff := cmp.Diff([]uuid.UUID{quiet}, f.claims(10)); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
}

// Compared after an outage is every open conversation that was not since, whenever it is
// due; also when nobody waits for it any longer, though others come first then.
func TestUncompared(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	quiet, failing, gone, compared, usual := f.polled(1, 0), f.polled(2, 0), f.polled(3, 0), f.polled(4, 0), f.polled(5, time.Minute)
	f.exec(`UPDATE conversations SET last_activity_at = now() - interval '9 days'`)
	f.exec(`UPDATE conversations SET reconcile_at = now() + interval '5 days' WHERE id <> $1`, usual)
	f.exec(`UPDATE conversations SET mapping_checked_at = now() - interval '2 days' WHERE id <> ALL($1)`, []uuid.UUID{compared, usual})
	f.exec(`UPDATE conversations SET claimed_due_at = now() - interval '1 day', reconcile_at = now() + interval '5 minutes' WHERE id = $1`, failing)
	f.exec(`UPDATE conversations SET state = 'closed', closed_at = now() WHERE id = $1`, gone)
	claim := func(when string, most int, want ...uuid.UUID) {
		t.Helper()
		polls, err := f.ClaimPolls(t.Context(), most, time.Minute)
		must(t, err)
		var got []uuid.UUID
		for _, p := range polls {
			got = append(got, p.ConversationID)
			if p.Uncompared != (p.ConversationID == quiet) || p.DueAt.After(time.Now()) {
				t.Errorf("%s: %+v", when, p)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, claimed (-want +got):\n%s", when, diff)
		}
		must(t, f.UnclaimPolls(t.Context(), polls))
		f.exec(`UPDATE conversations SET claimed_due_at = NULL, reconcile_at = CASE id WHEN $1 THEN now() ELSE now() + interval '5 days' END
			WHERE id = ANY($2)`, usual, []uuid.UUID{quiet, usual})
	}
	claim("no outage", 10, usual)
	f.exec(`INSERT INTO looks (scope, restoring_since, outage_ended_at) VALUES ('conversations', now() - interval '30 minutes', now() - interval '30 minutes')`)
	claim("an outage", 1, quiet)
	f.exec(`UPDATE conversations SET reconcile_at = NULL WHERE id = $1`, quiet)
	claim("who is never polled", 1, quiet)
	f.exec(`UPDATE looks SET restoring_since = NULL`)
	claim("when nobody waits, of one", 1, usual)
	claim("when nobody waits", 10, usual, quiet)
}

// What we have made ourselves after an outage has missed nothing; what somebody else has
// made may have.
func TestMadeIsCompared(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, made := range []bool{true, false} {
		phone, ch := map[bool]chat.Phone{true: ann, false: bob}[made], map[bool]chat.ConversationSID{true: ch1, false: ch2}[made]
		id, lease := f.conversation(phone)
		f.exec(`UPDATE conversations SET mapping_checked_at = now() - interval '6 hours' WHERE id = $1`, id)
		must(t, f.SaveSID(t.Context(), lease, chat.Found{SID: ch, Made: made}))
	}
	f.exec(`INSERT INTO looks (scope, outage_ended_at) VALUES ('conversations', now() - interval '1 hour')`)
	polls, err := f.ClaimPolls(t.Context(), 10, time.Minute)
	must(t, err)
	if len(polls) != 1 || polls[0].SID != ch2 {
		t.Errorf("to be compared are %+v, want %s", polls, ch2)
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
