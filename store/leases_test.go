package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"textme/chat"
)

func TestLeaseHasOneHolder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, err := f.RecordSignup(t.Context(), f.signup(ann))
	must(t, err)
	var held atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, work, err := f.Lease(t.Context(), r.ConversationID, leaseTime)
			switch {
			case err == nil && work:
				held.Add(1)
			case !errors.Is(err, chat.ErrLeaseBusy):
				t.Errorf("got %v, want ErrLeaseBusy", err)
			}
		})
	}
	wg.Wait()
	if n := held.Load(); n != 1 {
		t.Errorf("%d workers hold the lease, want 1", n)
	}
}

// A worker that slept past its lease saves nothing once another has it.
func TestSavesAreFenced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id, old := f.conversation(ann)
	_, err := f.db.Exec(ctx, `UPDATE conversations SET lease_until = now() - interval '1 second'`)
	must(t, err)
	fresh := f.lease(id)
	signup := one[uuid.UUID](f, `SELECT id FROM signups`)
	text := uuid.New()
	_, err = f.db.Exec(ctx, `INSERT INTO messages (id, conversation_id, direction, author, body, status) VALUES ($1, $2, 'out', 'agent', 'Hello', 'queued')`, text, id)
	must(t, err)
	const everything = `SELECT concat_ws(E'\n', (SELECT string_agg(c::text, E'\n') FROM conversations c), (SELECT string_agg(m::text, E'\n') FROM messages m),
		(SELECT count(*) FROM signup_outcomes), (SELECT count(*) FROM bot_state))`
	before := one[string](f, everything)

	for name, save := range map[string]func(chat.Lease) error{
		"mark creating": func(l chat.Lease) error { return f.MarkCreating(ctx, l) },
		"save SID":      func(l chat.Lease) error { return f.SaveSID(ctx, l, chat.Found{SID: ch1}) },
		"activate": func(l chat.Lease) error {
			_, err := f.Activate(ctx, l, chat.Joining{SID: ch1, Participant: mb1})
			return err
		},
		"wrap up": func(l chat.Lease) error { return f.WrapUp(ctx, l) },
		"reopen": func(l chat.Lease) error {
			_, err := f.Reopen(ctx, l)
			return err
		},
		"fail":  func(l chat.Lease) error { return f.FailConversation(ctx, l, 1, "") },
		"close": func(l chat.Lease) error { return f.CloseConversation(ctx, l, "", false) },
		"decide": func(l chat.Lease) error {
			return f.Decide(ctx, l, []chat.Decision{{SignupID: signup, Outcome: chat.Admitted}}, true)
		},
		"finish turn": func(l chat.Lease) error {
			return f.FinishTurn(ctx, l, chat.Turn{Through: 1, Replies: []string{"Hello"}, State: []byte("{}")})
		},
		"heard": func(l chat.Lease) error { return f.SaveHeard(ctx, l, time.Now(), 1) },
		"begin send": func(l chat.Lease) error {
			_, err := f.BeginSend(ctx, l, text, func(chat.GateFacts) chat.Verdict { return chat.Verdict{} })
			return err
		},
		"requeue":     func(l chat.Lease) error { return f.Requeue(ctx, l, text, true) },
		"refuse send": func(l chat.Lease) error { return f.RefuseSend(ctx, l, text, 1, "refused") },
		"give back":   func(l chat.Lease) error { _, err := f.GiveBack(ctx, l, 0, 0); return err },
		"finish":      func(l chat.Lease) error { _, err := f.Finish(ctx, l, 0); return err },
		"load":        func(l chat.Lease) error { _, err := f.Load(ctx, l); return err },
	} {
		if err := save(old); !errors.Is(err, chat.ErrLeaseLost) {
			t.Errorf("%s with a lost lease: got %v, want ErrLeaseLost", name, err)
		}
	}
	if after := one[string](f, everything); after != before {
		t.Errorf("a lost lease has changed what was\n%s\ninto\n%s", before, after)
	}
	must(t, f.MarkCreating(ctx, fresh))
}

// A fact that comes while the worker is busy keeps the work open.
func TestFinishSeesNewFacts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id, lease := f.conversation(ann)
	_, err := f.RecordSignup(ctx, f.signup(ann))
	must(t, err)
	if done, err := f.Finish(ctx, lease, 0); err != nil || done {
		t.Fatalf("got %v, %v; want more to do", done, err)
	}
	c, err := f.Load(ctx, lease)
	must(t, err)
	if done, err := f.Finish(ctx, c.Lease, 0); err != nil || !done {
		t.Fatalf("got %v, %v; want done", done, err)
	}
	if _, work, err := f.Lease(ctx, id, leaseTime); err != nil || work {
		t.Errorf("got %v, %v; want nothing to do", work, err)
	}
}

// A worker that gives up for the night does not take a fact with it that came
// while it was at work.
func TestGiveBackSeesNewFacts(t *testing.T) {
	t.Parallel()
	for name, news := range map[string]bool{"nothing came": false, "a sign-up came": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ctx := t.Context()
			_, lease := f.conversation(ann)
			if news {
				_, err := f.RecordSignup(ctx, f.signup(ann))
				must(t, err)
			}
			got, err := f.GiveBack(ctx, lease, 8*time.Hour, 0)
			must(t, err)
			if got != news {
				t.Errorf("news is %t, want %t", got, news)
			}
			if due := one[bool](f, `SELECT retry_at <= now() FROM conversations`); due != news {
				t.Errorf("due at once is %t, want %t", due, news)
			}
		})
	}
}

// A time that lies ahead neither hides forgotten work nor stays on top of the
// list.
func TestActivityIsNotAhead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	late := f.text(ch1, mb1, ann, 1, "from tomorrow")
	late.Message.At = time.Now().Add(24 * time.Hour)
	f.apply(late)
	if ahead := one[bool](f, `SELECT last_activity_at > now() FROM conversations`); ahead {
		t.Error("the latest activity lies ahead")
	}
}
