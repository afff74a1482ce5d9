package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"textme/chat"
)

// crowd is how many come at once about what is locked, and how many about what is not.
// Were each of so many locks waited for after the other, as long as a single one is,
// the batch would not end in time.
const crowd = 32

// besideLock brings what is about a locked subject, or several, together with what is
// about another one. All of the other must be taken while the lock is held, and none of
// the locked one; what waits for it when it is free again must be taken, too.
func (f *fixture) besideLock(lock string, subject any, held, free func(ctx context.Context, n int) error) {
	f.t.Helper()
	tx, err := f.db.Begin(f.t.Context())
	must(f.t, err)
	_, err = tx.Exec(f.t.Context(), lock, subject)
	must(f.t, err)
	leaving, leave := context.WithCancel(f.t.Context())
	defer leave()
	var stuck, others sync.WaitGroup
	for n := range crowd {
		stuck.Go(func() {
			if err := held(leaving, n); !errors.Is(err, chat.ErrUnavailable) {
				f.t.Errorf("about the locked one: %v, want ErrUnavailable", err)
			}
		})
		others.Go(func() {
			if err := free(f.t.Context(), n); err != nil {
				f.t.Errorf("about another one: %v", err)
			}
		})
	}
	others.Wait()
	var last sync.WaitGroup
	last.Go(func() {
		if err := held(f.t.Context(), crowd); err != nil {
			f.t.Errorf("about the locked one, which is free again: %v", err)
		}
	})
	leave()
	stuck.Wait()
	must(f.t, tx.Rollback(f.t.Context()))
	last.Wait()
}

// A conversation that is locked for long keeps nobody's webhooks waiting but its own.
func TestLockedConversationKeepsNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	f.live(bob, ch2, mb2)
	bring := func(events []chat.Event) func(context.Context, int) error {
		return func(ctx context.Context, n int) error {
			_, err := f.ApplyEvents(ctx, events[n:n+1])
			return err
		}
	}
	var held, free []chat.Event
	for n := range crowd + 1 {
		held = append(held, f.text(ch1, mb1, ann, n, "to the locked one"))
		free = append(free, f.text(ch2, mb2, bob, 100+n, "to another"))
	}
	f.besideLock(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, ch1, bring(held), bring(free))
	if n := one[int](f, `SELECT count(*) FROM messages WHERE body = 'to another'`); n != crowd {
		t.Errorf("%d texts of another conversation, want %d", n, crowd)
	}
}

// A process that hangs in a batch has as many conversations locked as that is about.
func TestManyLockedConversationsKeepNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(bob, ch2, mb2)
	var held []chat.ConversationSID
	for n := range crowd {
		held = append(held, chat.ConversationSID(fmt.Sprintf("CH%032x", n)))
	}
	f.besideLock(`SELECT pg_advisory_xact_lock(hashtextextended(sid, 0)) FROM unnest($1::text[]) AS sid`, held,
		func(ctx context.Context, n int) error {
			_, err := f.ApplyEvents(ctx, []chat.Event{f.text(held[n%crowd], mb1, ann, n, "to a locked one")})
			return err
		},
		func(ctx context.Context, n int) error {
			_, err := f.ApplyEvents(ctx, []chat.Event{f.text(ch2, mb2, bob, 100+n, "to another")})
			return err
		})
	if n := one[int](f, `SELECT count(*) FROM messages WHERE body = 'to another'`); n != crowd {
		t.Errorf("%d texts of another conversation, want %d", n, crowd)
	}
}

// A STOP waits for its person alone.
func TestLockedPersonKeepsNoStopWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	f.live(bob, ch2, mb2)
	stop := func(ch chat.ConversationSID, mb chat.ParticipantSID, from chat.Phone, before int) func(context.Context, int) error {
		return func(ctx context.Context, n int) error {
			_, err := f.ApplyEvents(ctx, []chat.Event{f.text(ch, mb, from, before+n, "STOP")})
			return err
		}
	}
	f.besideLock(`SELECT FROM customers WHERE phone = $1 FOR NO KEY UPDATE`, ann, stop(ch1, mb1, ann, 0), stop(ch2, mb2, bob, 100))
}

// A person who is locked for long keeps nobody's sign-ups waiting but their own.
func TestLockedPersonKeepsNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	sign := func(phone func(n int) chat.Phone) func(context.Context, int) error {
		return func(ctx context.Context, n int) error {
			_, err := f.RecordSignup(ctx, f.signup(phone(n)))
			return err
		}
	}
	f.besideLock(`SELECT FROM customers WHERE phone = $1 FOR NO KEY UPDATE`, ann,
		sign(func(int) chat.Phone { return ann }),
		sign(func(n int) chat.Phone { return chat.Phone(fmt.Sprintf("+1415555%04d", 1000+n)) }))
	if n := one[int](f, `SELECT count(DISTINCT customer_id) FROM signups`); n != 1+crowd {
		t.Errorf("%d people have signed up, want %d", n, 1+crowd)
	}
}

// A process that hangs in a batch has as many people locked as were in it.
func TestManyLockedPeopleKeepNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	phone := func(n int) chat.Phone { return chat.Phone(fmt.Sprintf("+1415555%04d", 1000+n)) }
	var held []chat.Phone
	for n := range crowd {
		held = append(held, phone(n))
		_, err := f.RecordSignup(t.Context(), f.signup(held[n]))
		must(t, err)
	}
	f.besideLock(`SELECT FROM customers WHERE phone = ANY($1) FOR NO KEY UPDATE`, held,
		func(ctx context.Context, n int) error {
			_, err := f.RecordSignup(ctx, f.signup(held[n%crowd]))
			return err
		},
		func(ctx context.Context, n int) error {
			_, err := f.RecordSignup(ctx, f.signup(phone(crowd+n)))
			return err
		})
	if n := one[int](f, `SELECT count(DISTINCT customer_id) FROM signups`); n != crowd+crowd {
		t.Errorf("%d people have signed up, want %d", n, crowd+crowd)
	}
}
