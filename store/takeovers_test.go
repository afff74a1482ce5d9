package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"textme/chat"
)

// The create call had no answer when another system took the pair, so the row
// failed. Tried again it closes, since its sign-up is refused: what that call may
// have made is discarded. Without such a call there is nothing to discard.
func TestClosedAfterACreateCall(t *testing.T) {
	t.Parallel()
	for _, called := range []bool{true, false} {
		f := newFixture(t)
		ctx := t.Context()
		id, lease := f.conversation(ann)
		if called {
			must(t, f.MarkCreating(ctx, lease))
		}
		must(t, f.FailConversation(ctx, lease, 50416, "foreign"))
		tried, err := f.TryAgain(ctx, id, chat.AuditEntry{Actor: "admin:rosa", Action: "try-again", Subject: id.String()})
		must(t, err)
		signup := one[uuid.UUID](f, `SELECT id FROM signups`)
		must(t, f.Decide(ctx, lease, []chat.Decision{{SignupID: signup, Outcome: chat.Refused, Reason: "the region is not served"}}, false))
		must(t, f.CloseConversation(ctx, lease, "no sign-up was admitted", false))
		name := one[chat.ConversationRef](f, `SELECT unique_name FROM conversations`)
		discarded := slices.Contains(f.jobs, chat.Job(chat.DiscardJob{Conversation: name}))
		if !tried || discarded != called {
			t.Errorf("tried again: %t; create called: %t, discarded: %t", tried, called, discarded)
		}
	}
}

// The welcome of a row's sign-up was sent by the row that had taken it over and has
// ended since. A third row, of somebody who only texted, merges into the first one:
// nobody is welcomed a second time, and as long as it is not known whether they
// were welcomed, nothing is merged.
func TestMergeIntoARowTakenOver(t *testing.T) {
	t.Parallel()
	const ch3, mb3 = chat.ConversationSID("CH33333333333333333333333333333333"), chat.ParticipantSID("MB33333333333333333333333333333333")
	for _, dark := range []bool{false, true} {
		f := newFixture(t)
		ctx := t.Context()
		first := f.live(ann, ch1, mb1) // admitted, welcome queued
		heir := f.adopted(ch2, mb2)
		hl := f.lease(heir)
		must(t, f.Decide(ctx, hl, nil, false))
		f.posting(hl)
		if !dark {
			f.apply(chat.PolledMessage(ch2, chat.RemoteMessage{SID: im(1), Index: 1, OurID: f.welcomeOf(heir), Author: "bot", Body: "hello", At: time.Now()}))
		}
		f.apply(chat.PolledClosed(ch2, time.Now()))
		if !dark {
			must(t, f.WrapUp(ctx, hl))
		}
		third := f.adopted(ch3, mb3)
		f.apply(f.text(ch3, mb3, ann, 0, "HOURS"), f.event(chat.PolledParticipantRemoved(ch3, mb3, noon)))
		err := f.Merge(ctx, f.lease(third), ch1) // she is back in ch1, and its worker follows
		if errors.Is(err, chat.ErrInTheDark) != dark || !dark && err != nil {
			t.Fatalf("dark %t: merged with %v", dark, err)
		}
		if dark {
			continue
		}
		f.activate(f.lease(first), ch1, "MB44444444444444444444444444444444")
		if n := f.welcomes(); n != 0 {
			t.Errorf("%d welcome texts are on their way for a sign-up that was welcomed", n)
		}
	}
}

// Two jobs look at one new conversation, since its webhooks call for several. The
// slower one is done when the row that the faster one made has closed and the pair
// has another: that stays as it is.
func TestLateTwinOfAnAdoption(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.adopted(ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 0, "HOURS"), f.event(chat.PolledClosed(ch1, time.Now())))
	next := f.adopted(ch2, mb2)
	f.signsUp(f.lease(next), chat.Admitted)
	f.adopted(ch1, mb1)
	got := one[string](f, `SELECT string_agg(conversation_sid || ' ' || state, ', ' ORDER BY created_at) FROM conversations`)
	if want := ch1 + " closed, " + ch2 + " active"; got != string(want) || f.welcomes() != 1 {
		t.Errorf("rows %s with %d welcomes on their way, want %s and one", got, f.welcomes(), want)
	}
}

// The row that a newer conversation replaces may be the one that lives: its worker
// looks, and brings it back with the answer that had not left. One that is too old
// to be an answer stays where it is.
func TestReplacedRowLooks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.adopted(ch1, mb1)
	_, err := f.Finish(ctx, f.lease(id), 0)
	must(t, err)
	f.exec(`INSERT INTO messages (id, conversation_id, direction, purpose, turn, ordinal, author, body, status, created_at)
		SELECT gen_random_uuid(), $1, 'out', 'reply', 0, n, 'bot', 'We are open', 'queued', now() - n * interval '10 minutes' FROM generate_series(1, 2) AS n`, id)
	f.adopted(ch2, mb2)
	lease := f.lease(id) // there is work
	f.apply(chat.PolledClosed(ch2, time.Now()))
	if reopened, err := f.Reopen(ctx, lease); err != nil || !reopened {
		t.Errorf("reopened: %t, %v", reopened, err)
	}
	if got := one[string](f, `SELECT string_agg(status, ', ' ORDER BY ordinal) FROM messages`); got != "queued, cancelled" {
		t.Errorf("the answer of 10 and that of 20 minutes ago are %s, want queued, cancelled", got)
	}
}

// A row is brought back while another is open, active or failed: that one has lost
// the pair and closes, with the welcome that it owes going to the first. Nobody
// wakes it, or each of the two could close the other without end.
func TestReopenClosesTheOpenRow(t *testing.T) {
	t.Parallel()
	for name, becomes := range map[string]func(*fixture, chat.Lease){
		"owes a welcome": func(f *fixture, second chat.Lease) {
			f.signsUp(second, chat.Admitted)
		},
		"has failed": func(f *fixture, second chat.Lease) {
			must(f.t, f.FailConversation(f.t.Context(), second, 50416, "foreign"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ctx := t.Context()
			first := f.adopted(ch1, mb1)
			f.apply(f.text(ch1, mb1, ann, 0, "HOURS"))
			second := f.adopted(ch2, mb2)
			lease := f.lease(second)
			becomes(f, lease)
			owed := f.welcomes()
			f.exec(`UPDATE conversations SET lease_token = NULL, lease_until = NULL, done_seq = work_seq WHERE id = $1`, second)
			fl := f.lease(first)
			if reopened, err := f.Reopen(ctx, fl); err != nil || !reopened {
				t.Errorf("reopened: %t, %v", reopened, err)
			}
			if _, work, err := f.Lease(ctx, second, leaseTime); work || err != nil {
				t.Errorf("the row that has closed has work: %t, %v", work, err)
			}
			f.activate(fl, ch1, mb1)
			got := one[string](f, `SELECT string_agg(conversation_sid || ' ' || state, ', ' ORDER BY created_at) FROM conversations`)
			if want := ch1 + " active, " + ch2 + " closed"; got != string(want) || f.welcomes() != owed {
				t.Errorf("rows %s with %d welcomes on their way, want %s with %d", got, f.welcomes(), want, owed)
			}
		})
	}
}

// The open row had taken the sign-ups of the one that is brought back over, and its
// welcome is in the dark: both stay as they are until that has been looked for.
func TestReopenWhileTheOpenHeirIsInTheDark(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	first := f.live(ann, ch1, mb1) // admitted, welcome queued
	heir := f.adopted(ch2, mb2)
	hl := f.lease(heir)
	must(t, f.Decide(ctx, hl, nil, false))
	f.posting(hl)
	fl := f.lease(first)
	if _, err := f.Reopen(ctx, fl); !errors.Is(err, chat.ErrInTheDark) {
		t.Errorf("reopened with %v, want ErrInTheDark", err)
	}
	if got := one[string](f, `SELECT state FROM conversations WHERE id = $1`, heir); got != "active" {
		t.Errorf("the heir is %s", got)
	}
}

// What staff wrote in a row that was closed on a wrong list and brought back leaves,
// unless that is too long ago to be an answer.
func TestAgentsTextInARowBroughtBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	first := f.adopted(ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 0, "HOURS"))
	second := f.adopted(ch2, mb2)
	f.exec(`INSERT INTO messages (id, conversation_id, direction, purpose, author, body, status)
		VALUES (gen_random_uuid(), $1, 'out', 'agent', 'sam', 'I can help', 'queued')`, second)
	f.exec(`INSERT INTO messages (id, conversation_id, direction, purpose, author, body, status, created_at)
		VALUES (gen_random_uuid(), $1, 'out', 'agent', 'sam', 'We close at five today', 'queued', now() - interval '1 day')`, second)
	lease := f.lease(first)
	reopened, err := f.Reopen(ctx, lease)
	must(t, err)
	if !reopened {
		t.Fatal("not reopened")
	}
	must(t, f.Merge(ctx, lease, ch2))
	if got, want := one[string](f, `SELECT string_agg(status, ', ' ORDER BY created_at) FROM messages WHERE purpose = 'agent'`), "cancelled, queued"; got != want {
		t.Errorf("the texts are %s, want %s", got, want)
	}
}
